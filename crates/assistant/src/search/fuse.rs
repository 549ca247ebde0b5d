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

/// Joins two ranked lists, best first. An entry of `text` counts as far as its weight, from 0 to 1, says; those of
/// `meaning` count whole. Ties go to the entry that ranks higher in one of the lists, then to the newer one, so that
/// the order is always the same.
pub(super) fn fuse(text: &[(EntryId, f64)], meaning: &[EntryId]) -> Vec<Fused> {
    let mut joined: HashMap<EntryId, Fused> = HashMap::new();
    let mut join =
        |id: EntryId, weight: f64, rank: usize, list: fn(&mut Fused) -> &mut Option<usize>| {
            let found = joined.entry(id).or_insert(Fused {
                id,
                score: 0.0,
                text: None,
                meaning: None,
            });
            if list(found).is_none() {
                *list(found) = Some(rank);
                found.score += weight / (K + 1.0 + rank as f64);
            }
        };
    text.iter()
        .enumerate()
        .for_each(|(rank, (id, weight))| join(*id, *weight, rank, |f| &mut f.text));
    meaning
        .iter()
        .enumerate()
        .for_each(|(rank, id)| join(*id, 1.0, rank, |f| &mut f.meaning));
    let best = 2.0 / (K + 1.0);
    let mut fused: Vec<Fused> = joined
        .into_values()
        .map(|f| Fused {
            score: f.score / best,
            ..f
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

    fn whole(raw: &[i64]) -> Vec<(EntryId, f64)> {
        raw.iter().map(|id| (EntryId(*id), 1.0)).collect()
    }

    #[test]
    fn what_both_lists_find_comes_before_what_one_of_them_finds() {
        let fused = fuse(&whole(&[1, 2, 3]), &ids(&[4, 2, 5]));
        assert_eq!(fused[0].id, EntryId(2));
        assert_eq!((fused[0].text, fused[0].meaning), (Some(1), Some(1)));
        assert!((fuse(&whole(&[7]), &ids(&[7]))[0].score - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_holds_half_of_the_words_comes_after_what_is_as_near_in_meaning() {
        let fused = fuse(&[(EntryId(1), 0.25)], &ids(&[2]));
        assert_eq!(fused.iter().map(|f| f.id.0).collect::<Vec<_>>(), [2, 1]);
    }

    proptest! {
        #[test]
        fn fusion_is_stable_and_holds_every_entry_once(
            text in proptest::collection::vec(0_i64..40, 0..30),
            meaning in proptest::collection::vec(0_i64..40, 0..30),
        ) {
            let (text, meaning) = (whole(&text), ids(&meaning));
            let fused = fuse(&text, &meaning);
            prop_assert_eq!(&fused, &fuse(&text, &meaning));
            prop_assert!(fused.windows(2).all(|w| w[0].score >= w[1].score));
            let mut seen: Vec<i64> = fused.iter().map(|f| f.id.0).collect();
            let mut want: Vec<i64> = text.iter().map(|(id, _)| id).chain(&meaning).map(|i| i.0).collect();
            for list in [&mut seen, &mut want] {
                list.sort_unstable();
            }
            want.dedup();
            prop_assert_eq!(seen, want);
        }
    }
}
