//! Reciprocal-rank fusion (Cormack, Clarke, Büttcher 2009): lists are joined by rank, so that a BM25 score and a
//! cosine never have to be compared.

use std::collections::HashMap;

use journal::EntryId;

/// Dampens the first ranks; 60 is the paper's value, and the measured optimum is flat around it.
const K: f64 = 60.0;

/// An entry with its fused score and its ranks (from 0) in the text list and in the meaning list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fused {
    pub(super) id: EntryId,
    /// 1 for the first of both lists, towards 0 further down.
    pub(super) score: f64,
    pub(super) text: Option<usize>,
    pub(super) meaning: Option<usize>,
}

/// Joins two ranked lists, best first. `weights` are those of the text and the meaning list. Ties go to the entry
/// that ranks higher in one of the lists, then to the newer one, so that the order is always the same.
pub(super) fn fuse(text: &[EntryId], meaning: &[EntryId], weights: [f64; 2]) -> Vec<Fused> {
    let mut ranks: HashMap<EntryId, [Option<usize>; 2]> = HashMap::new();
    for (list, ids) in [text, meaning].into_iter().enumerate() {
        for (rank, id) in ids.iter().enumerate() {
            ranks.entry(*id).or_default()[list].get_or_insert(rank);
        }
    }
    let best = (weights[0] + weights[1]) / (K + 1.0);
    let mut fused: Vec<Fused> = ranks
        .into_iter()
        .map(|(id, [text, meaning])| {
            let part = |rank: Option<usize>, weight: f64| {
                rank.map_or(0.0, |r| weight / (K + 1.0 + r as f64))
            };
            Fused {
                id,
                score: (part(text, weights[0]) + part(meaning, weights[1])) / best,
                text,
                meaning,
            }
        })
        .collect();
    let top = |f: &Fused| {
        f.text
            .unwrap_or(usize::MAX)
            .min(f.meaning.unwrap_or(usize::MAX))
    };
    fused.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then(top(a).cmp(&top(b)))
            .then(b.id.0.cmp(&a.id.0))
    });
    fused
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ids(raw: &[i64]) -> Vec<EntryId> {
        raw.iter().copied().map(EntryId).collect()
    }

    #[test]
    fn what_both_lists_find_comes_before_what_one_of_them_finds() {
        let fused = fuse(&ids(&[1, 2, 3]), &ids(&[4, 2, 5]), [1.0, 1.0]);
        assert_eq!(fused[0].id, EntryId(2));
        assert_eq!((fused[0].text, fused[0].meaning), (Some(1), Some(1)));
        assert!((fuse(&ids(&[7]), &ids(&[7]), [0.4, 0.9])[0].score - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn fusion_is_stable_and_holds_every_entry_once(
            text in proptest::collection::vec(0_i64..40, 0..30),
            meaning in proptest::collection::vec(0_i64..40, 0..30),
        ) {
            let (text, meaning) = (ids(&text), ids(&meaning));
            let fused = fuse(&text, &meaning, [1.0, 0.7]);
            prop_assert_eq!(&fused, &fuse(&text, &meaning, [1.0, 0.7]));
            prop_assert!(fused.windows(2).all(|w| w[0].score >= w[1].score));
            let mut seen: Vec<i64> = fused.iter().map(|f| f.id.0).collect();
            let mut want: Vec<i64> = text.iter().chain(&meaning).map(|i| i.0).collect();
            for list in [&mut seen, &mut want] {
                list.sort_unstable();
            }
            want.dedup();
            prop_assert_eq!(seen, want);
        }
    }
}
