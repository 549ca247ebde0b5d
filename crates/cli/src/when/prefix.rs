//! `yesterday 8pm: walked to the lake`: the date before the first colon of an entry.

use jiff::ZonedDateTime;

use super::{Moment, WhenError, moment};

/// No date is longer; what stands further on is text.
const MAX_BYTES: usize = 60;

/// An entry as typed, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Prefix<'a> {
    /// The time that the prefix gives, if there is one.
    pub(crate) moment: Option<Moment>,
    /// The entry without the prefix.
    pub(crate) text: &'a str,
    /// Why something that looks like a date was left in the text.
    pub(crate) note: Option<String>,
}

/// Takes a date off the front of `text`. It counts only if all that stands before the colon is a
/// date: "Note: call Ana" stays whole. The colon of a time ("9:15") does not end the prefix.
///
/// A date that lies ahead, or that can be read in two ways, stays in the text, with a note: the
/// entry must not be lost over it.
pub(crate) fn split_prefix<'a>(text: &'a str, now: &ZonedDateTime) -> Prefix<'a> {
    let whole = Prefix {
        moment: None,
        text,
        note: None,
    };
    for (colon, _) in text.match_indices(':').take_while(|(i, _)| *i <= MAX_BYTES) {
        let (before, after) = (&text[..colon], &text[colon + 1..]);
        if before.contains('\n') {
            break;
        }
        if after.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        return match moment(before, now) {
            Ok(moment) if moment.at > *now => Prefix {
                note: Some(format!(
                    "{:?} lies ahead, so it stays part of the text",
                    before.trim()
                )),
                ..whole
            },
            Ok(moment) => Prefix {
                note: moment.note.clone(),
                moment: Some(moment),
                text: after.trim_start(),
            },
            Err(error @ (WhenError::Ambiguous(..) | WhenError::NoSuchTime(_))) => Prefix {
                note: Some(format!("{error}; it stays part of the text")),
                ..whole
            },
            Err(_) => whole,
        };
    }
    whole
}
