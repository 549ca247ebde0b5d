//! ROUGE (Lin 2004): how much of a reference a summary says, and how much of it is in the reference. F1 of words, of pairs
//! of words, and of the longest common run with gaps. Lower case, letters and digits, no stemming.

use std::collections::BTreeMap;

/// The three measures, each from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rouge {
    pub(crate) one: f64,
    pub(crate) two: f64,
    pub(crate) longest: f64,
}

/// Of `summary` against `reference`.
pub(crate) fn rouge(summary: &str, reference: &str) -> Rouge {
    let (summary, reference) = (words(summary), words(reference));
    Rouge {
        one: overlap(&summary, &reference, 1),
        two: overlap(&summary, &reference, 2),
        longest: f1(common(&summary, &reference), summary.len(), reference.len()),
    }
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// F1 of the runs of `n` words, each counted as often as it is in both.
fn overlap(summary: &[String], reference: &[String], n: usize) -> f64 {
    let count = |words: &[String]| {
        let mut counts: BTreeMap<Vec<String>, usize> = BTreeMap::new();
        for run in words.windows(n) {
            *counts.entry(run.to_vec()).or_default() += 1;
        }
        counts
    };
    let (ours, theirs) = (count(summary), count(reference));
    let both = (ours.iter())
        .map(|(run, times)| times.min(theirs.get(run).unwrap_or(&0)))
        .sum();
    let runs = |words: &[String]| (words.len() + 1).saturating_sub(n);
    f1(both, runs(summary), runs(reference))
}

/// The length of the longest sequence of words that is in both in its order.
fn common(summary: &[String], reference: &[String]) -> usize {
    let mut row = vec![0; reference.len() + 1];
    for word in summary {
        let mut diagonal = 0;
        for (at, other) in reference.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = match word == other {
                true => diagonal + 1,
                false => above.max(row[at]),
            };
            diagonal = above;
        }
    }
    row[reference.len()]
}

fn f1(both: usize, ours: usize, theirs: usize) -> f64 {
    match ours + theirs {
        0 => 0.0,
        all => 2.0 * both as f64 / all as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Lin's paper: the same words in another order keep their single words, not their order.
    #[test]
    fn agrees_with_the_example_of_the_paper() {
        let reference = "police killed the gunman";
        let close = rouge("police kill the gunman", reference);
        assert_eq!((close.one, close.longest), (0.75, 0.75));
        assert!((close.two - 1.0 / 3.0).abs() < 1e-12);
        let turned = rouge("the gunman kill police", reference);
        assert_eq!((turned.one, turned.longest), (0.75, 0.5));
    }

    #[test]
    fn the_same_text_is_one_and_nothing_is_zero() {
        let same = rouge("It rained; I stayed in.", "it rained i stayed in");
        assert_eq!((same.one, same.two, same.longest), (1.0, 1.0, 1.0));
        let none = rouge("", "");
        assert_eq!((none.one, none.two, none.longest), (0.0, 0.0, 0.0));
        assert_eq!(rouge("a a a", "a").one, 0.5);
    }
}
