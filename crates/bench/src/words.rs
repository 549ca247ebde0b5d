//! Texts of so many words, for measurements by length.

use crate::texts::Texts;

/// Lengths that are measured.
pub(crate) const LENGTHS: [usize; 3] = [50, 200, 500];
/// Tokens a word, for models that cannot read text.
pub(crate) const TOKENS_A_WORD: f64 = 1.3;

/// `count` words of the committed texts, begun at another sentence for each `seed`, so that no two runs read the same.
pub(crate) fn text(texts: &Texts, count: usize, seed: usize) -> String {
    let all: Vec<&str> = std::iter::once(&texts.long)
        .chain(&texts.bulk_long)
        .flat_map(|text| text.split_whitespace())
        .collect();
    let begin = seed * 37 % all.len();
    let words: Vec<&str> = (all.iter().cycle().skip(begin).take(count))
        .copied()
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn has_the_words_that_were_asked_for_and_differs_by_seed() {
        let texts = crate::texts::load();
        for count in super::LENGTHS {
            let text = super::text(&texts, count, 3);
            assert_eq!(text.split_whitespace().count(), count);
            assert_ne!(text, super::text(&texts, count, 4));
        }
    }
}
