//! Byte-pair merging: the neighbours that the vocabulary ranks first become one, again and again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What a pair of pieces becomes: rank (lower is sooner) and the new piece.
pub(super) type Merge = (u32, u32);

/// Pieces up to this many are merged by looking at all of them in turn: a word has few, and a heap costs more.
const SHORT: usize = 48;

/// Merges `pieces` in place as far as `lookup` knows pairs: lowest rank first, of equals the leftmost.
pub(super) fn merge(pieces: &mut Vec<u32>, lookup: impl Fn(u32, u32) -> Option<Merge>) {
    if pieces.len() <= SHORT {
        merge_short(pieces, lookup);
    } else {
        merge_long(pieces, lookup);
    }
}

fn merge_short(pieces: &mut Vec<u32>, lookup: impl Fn(u32, u32) -> Option<Merge>) {
    // What each piece and its right neighbour become.
    let mut merges = [None; SHORT];
    for (merge, pair) in merges.iter_mut().zip(pieces.windows(2)) {
        *merge = lookup(pair[0], pair[1]);
    }
    while pieces.len() > 1 {
        let pairs = pieces.len() - 1;
        let best = merges[..pairs]
            .iter()
            .enumerate()
            .filter_map(|(at, merge)| merge.map(|(rank, piece)| (rank, at, piece)))
            .min();
        let Some((_, at, piece)) = best else { return };
        pieces[at] = piece;
        pieces.remove(at + 1);
        merges.copy_within(at + 1..pairs, at);
        if at > 0 {
            merges[at - 1] = lookup(pieces[at - 1], piece);
        }
        if at + 1 < pieces.len() {
            merges[at] = lookup(piece, pieces[at + 1]);
        }
    }
}

/// A piece in a list, with its neighbours' places. A place of `NONE` is the end.
struct Link {
    piece: u32,
    left: usize,
    right: usize,
    /// It became part of its left neighbour.
    gone: bool,
}

const NONE: usize = usize::MAX;

fn merge_long(pieces: &mut Vec<u32>, lookup: impl Fn(u32, u32) -> Option<Merge>) {
    let last = pieces.len() - 1;
    let mut links: Vec<Link> = pieces
        .iter()
        .enumerate()
        .map(|(at, piece)| Link {
            piece: *piece,
            left: at.checked_sub(1).unwrap_or(NONE),
            right: if at == last { NONE } else { at + 1 },
            gone: false,
        })
        .collect();
    // Rank and place decide; the pieces say whether the pair is still what it was.
    let mut heap = BinaryHeap::new();
    let offer = |heap: &mut BinaryHeap<_>, links: &[Link], at: usize| {
        let right = links[at].right;
        if right != NONE {
            let pair = (links[at].piece, links[right].piece);
            if let Some((rank, piece)) = lookup(pair.0, pair.1) {
                heap.push(Reverse((rank, at, pair, piece)));
            }
        }
    };
    for at in 0..last {
        offer(&mut heap, &links, at);
    }
    while let Some(Reverse((_, at, pair, piece))) = heap.pop() {
        let right = links[at].right;
        if links[at].gone || right == NONE || (links[at].piece, links[right].piece) != pair {
            continue;
        }
        let after = links[right].right;
        links[right].gone = true;
        links[at].piece = piece;
        links[at].right = after;
        if after != NONE {
            links[after].left = at;
        }
        let left = links[at].left;
        if left != NONE {
            offer(&mut heap, &links, left);
        }
        offer(&mut heap, &links, at);
    }
    pieces.clear();
    pieces.extend(
        links
            .iter()
            .filter(|link| !link.gone)
            .map(|link| link.piece),
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A made-up ranking of a few pairs.
    fn lookup(a: u32, b: u32) -> Option<Merge> {
        let rank = (a * 7 + b * 3) % 11;
        (rank < 7 && a + b < 40).then_some((rank, a + b))
    }

    #[test]
    fn the_lowest_rank_goes_first_and_of_equals_the_leftmost() {
        let aa = |a, b| (a == 1 && b == 1).then_some((0, 2));
        let mut pieces = vec![1, 1, 1];
        merge(&mut pieces, aa);
        assert_eq!(pieces, [2, 1]);
        let ranked = |a, b| match (a, b) {
            (1, 2) => Some((1, 12)),
            (2, 3) => Some((0, 23)),
            _ => None,
        };
        let mut pieces = vec![1, 2, 3];
        merge(&mut pieces, ranked);
        assert_eq!(pieces, [1, 23]);
    }

    proptest! {
        #[test]
        fn both_ways_of_merging_give_the_same(pieces in prop::collection::vec(0_u32..9, 0..SHORT)) {
            let (mut short, mut long) = (pieces.clone(), pieces.clone());
            merge_short(&mut short, lookup);
            if !pieces.is_empty() {
                merge_long(&mut long, lookup);
            }
            prop_assert_eq!(short, long);
        }
    }
}
