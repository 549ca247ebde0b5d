//! What is said in more than one place, so that it is said in one voice.

/// After saving, where no model is installed.
pub(crate) const NO_MODEL_FOR_NEW: &str =
    "not analysed: no model is installed yet; `companion model pull minilm` fetches one";

/// Where a command works, but less well, without a model.
pub(crate) const NO_MODEL_FOR_SEARCH: &str =
    "searching words only: no model is installed yet (`companion model pull minilm`)";

/// Where a command cannot work without a model.
pub(crate) const NO_MODEL: &str =
    "this needs a model, and none is installed; run `companion model pull minilm`";

/// A list without rows.
pub(crate) const NOTHING_FOUND: &str = "nothing found";

/// Where a command answers without a journal.
pub(crate) const NO_JOURNAL_YET: &str =
    "there is no journal yet; `companion write` or `companion new \"…\"` begins one";

/// A journal without entries.
pub(crate) const EMPTY_JOURNAL: &str =
    "the journal is empty; write a first entry with `companion new \"…\"`";

/// `1 entry`, `2 entries`.
pub(crate) fn entries(count: impl TryInto<u64>) -> String {
    counted(count, "entry", "entries")
}

/// `1 turn`, `2 turns`; the words may be more than a noun: `1 entry waits`, `2 entries wait`.
pub(crate) fn counted(count: impl TryInto<u64>, one: &str, many: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{count} {}", of_count(count, one, many))
}

/// The one of two words that goes with `count`, for a number that is written in another way.
pub(crate) fn of_count<'a>(count: u64, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// `1 thread`, `2 threads`.
pub(crate) fn threads(count: usize) -> String {
    counted(count, "thread", "threads")
}

/// Before the first line of the line editor.
pub(crate) const HOW_TO_WRITE: &str =
    "Two empty lines or Ctrl-D end the entry; Ctrl-C keeps it as a draft.";

/// After Ctrl-C in the line editor.
pub(crate) const DRAFT_KEPT: &str = "kept as a draft; `companion write` goes on with it";

/// `1 entry is`, `2 entries are`.
pub(crate) fn are(count: u64) -> String {
    counted(count, "entry is", "entries are")
}

/// After the name of a passphrase that was given for a journal that a key file opens.
pub(crate) const NOT_LOCKED: &str = "is not used: a key file locks this journal; \
    `companion passphrase set` locks it with a passphrase";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_told_apart_from_none_and_from_more() {
        assert_eq!(
            [0_u64, 1, 2].map(entries),
            ["0 entries", "1 entry", "2 entries"]
        );
        assert_eq!([1, 2].map(are), ["1 entry is", "2 entries are"]);
        assert_eq!([1, 8].map(threads), ["1 thread", "8 threads"]);
    }
}
