//! How sentences are laid side by side, so that each is read in the context of its neighbours.

use std::ops::Range;

use super::chunks::CHUNK;

/// The longest unit that is repeated at the start of the next window, in pieces.
const CONTEXT: usize = 64;

/// Sentences that the network reads together.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Window {
    /// Word pieces, without the special ones around them.
    pub(super) pieces: Vec<u32>,
    /// The units that are read here, each with its place in `pieces`; what is there only as context is in none.
    pub(super) units: Vec<Range<usize>>,
}

/// Units and windows of one text.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The sentence of each unit, ascending. A sentence is one unit, or several where it has more than 254 pieces.
    pub(super) sentence_of: Vec<usize>,
    /// The windows that hold all units in order.
    pub(super) windows: Vec<Window>,
}

/// Lays out sentences, each given by its pieces; one without pieces is read as `unknown`.
///
/// A unit joins the open window while that stays within 254 pieces, else it opens the next one, which begins with
/// the unit before it as context where that has at most 64 pieces and there is room.
pub(super) fn lay_out(sentences: &[Vec<u32>], unknown: u32) -> Layout {
    let mut layout = Layout::default();
    let mut window = Window::default();
    let mut before: &[u32] = &[];
    let stand_in = [unknown];
    for (sentence, pieces) in sentences.iter().enumerate() {
        let pieces = if pieces.is_empty() {
            &stand_in
        } else {
            pieces.as_slice()
        };
        for unit in pieces.chunks(CHUNK) {
            if !window.pieces.is_empty() && window.pieces.len() + unit.len() > CHUNK {
                layout.windows.push(std::mem::take(&mut window));
                if before.len() <= CONTEXT && before.len() + unit.len() <= CHUNK {
                    window.pieces.extend(before);
                }
            }
            let start = window.pieces.len();
            window.pieces.extend(unit);
            window.units.push(start..window.pieces.len());
            layout.sentence_of.push(sentence);
            before = unit;
        }
    }
    if !window.units.is_empty() {
        layout.windows.push(window);
    }
    layout
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(lengths: &[usize]) -> Vec<Vec<u32>> {
        let mut next = 0..;
        lengths
            .iter()
            .map(|n| next.by_ref().take(*n).collect())
            .collect()
    }

    #[test]
    fn every_piece_is_in_one_unit_and_every_window_has_room() {
        for lengths in [
            &[][..],
            &[0],
            &[254],
            &[255],
            &[1000],
            &[100; 9],
            &[64, 200, 65, 250, 3],
            &[253, 1, 1],
        ] {
            let all = sentences(lengths);
            let layout = lay_out(&all, 9999);
            let units = layout
                .windows
                .iter()
                .flat_map(|w| w.units.iter().map(|u| &w.pieces[u.clone()]));
            let mut read = vec![Vec::new(); all.len()];
            for (unit, sentence) in units.zip(&layout.sentence_of) {
                read[*sentence].extend_from_slice(unit);
            }
            for (read, pieces) in read.iter().zip(&all) {
                assert_eq!(
                    read,
                    if pieces.is_empty() {
                        &[9999][..]
                    } else {
                        pieces
                    }
                );
            }
            assert!(
                layout
                    .windows
                    .iter()
                    .all(|w| (1..=CHUNK).contains(&w.pieces.len())),
                "{lengths:?}"
            );
        }
    }

    #[test]
    fn a_later_window_begins_with_a_short_unit_of_the_one_before() {
        let all = sentences(&[150, 60, 100, 100, 120]);
        let layout = lay_out(&all, 0);
        let lengths: Vec<usize> = layout.windows.iter().map(|w| w.pieces.len()).collect();
        assert_eq!(lengths, [210, 60 + 100, 100 + 120]);
        assert_eq!(layout.windows[1].units, vec![60..160]);
        assert_eq!(layout.windows[1].pieces[..60], all[1][..]);
        assert_eq!(
            layout.windows[2].units,
            [0..100, 100..220],
            "100 pieces are too many to repeat"
        );
    }
}
