//! The texts of the encoder suite: the same file that the peers' scripts read, so that all do the same work.

use serde::Deserialize;

/// See `bench/peers/README.md`.
#[derive(Debug, Deserialize)]
pub(crate) struct Texts {
    /// A sentence of 9 word pieces.
    pub(crate) short: String,
    /// A text of 200 words.
    pub(crate) long: String,
    /// Many short ones.
    pub(crate) bulk_short: Vec<String>,
    /// Some long ones.
    pub(crate) bulk_long: Vec<String>,
}

pub(crate) fn load() -> Texts {
    serde_json::from_str(include_str!("../../../bench/peers/texts.json"))
        .expect("the committed file is read by a test")
}

#[cfg(test)]
mod tests {
    #[test]
    fn committed_texts_are_readable() {
        let texts = super::load();
        assert_eq!(texts.long.split_whitespace().count(), 200);
        assert!(
            !texts.short.is_empty() && texts.bulk_short.len() > 100 && texts.bulk_long.len() >= 20
        );
    }
}
