//! Many requests at one model: continuous batching.
//!
//! Requests join and leave at every step. A step reads one token of each text that is being written, parts of
//! the prompts of those that have come, and perhaps a piece of a chore (the encoder's bulk work). Who gets how
//! much is decided by a state machine without a thread, model or clock ([`Scheduler`]); one worker thread owns
//! the model and does what it says ([`Batcher`]).
//!
//! - Classes: typing before interactive before summary before bulk ([`Class`]), with ageing, so that none starves
//!   (the bound stands in the `state` module).
//! - While a higher class decodes, lower ones get only what keeps a step below 1.5 times a lone row's, by the times
//!   of the steps before ([`Cost`]).
//! - Gathering is for bulk work only. A lone request is never held back.
//! - A request's output does not depend on its company: the model computes a token the same in any step.
//! - Cancelling, a deadline, or a panic ends one request, within one step, and touches no other.

mod ahead;
mod batcher;
mod class;
mod cost;
mod decoder;
mod forks;
mod greedy;
mod model;
mod plan;
mod reply;
mod request;
mod score;
mod state;
mod worker;

pub use ahead::ReadAhead;
pub use batcher::{BatchStats, Batcher, Text, Ticket};
pub use class::Class;
pub use cost::Cost;
pub use greedy::Greedy;
pub use model::{Model, NoModel, Part};
pub use plan::{Piece, Plan, Step};
pub use reply::WriteReply;
pub use request::{Chore, Driver, End, Next, Refused, RequestId, Size, Spec, fork_room};
pub use score::ScoreLabels;
pub use state::{DUE_STEPS, Limits, Scheduler};

#[cfg(test)]
mod double;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod worker_tests;
