//! How the things of the journal look, written once for every command that shows them.

pub(crate) mod care;
pub(crate) mod chart;
pub(crate) mod dates;
pub(crate) mod entry;
pub(crate) mod evidence;
pub(crate) mod hits;
pub(crate) mod json;
pub(crate) mod mood;
pub(crate) mod question;
