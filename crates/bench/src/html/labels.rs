//! Where the names of points stand: beside their points, over no other point and over no other name.
//!
//! One after another takes the height nearest to its point's at which it is free, in that order of four in which they move
//! least; one that had to move is tied to its point by a thin line. The same points always give the same places.

use super::plot::escape;

/// Height of a line of small text, and about the width of one of its characters: nothing here can measure text.
const LINE: f64 = 12.0;
const CHARACTER: f64 = 5.8;
/// From the middle of a dot to its edge, and to its name.
pub(super) const DOT: f64 = 4.0;
const BESIDE: f64 = 8.0;
/// Between what was pushed apart, so that rounding does not bring it together again.
const GAP: f64 = 0.1;

/// Part of a drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

impl Area {
    fn meets(&self, other: &Area) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    /// As wide as it is, on the line with this middle.
    fn at(self, middle: f64) -> Area {
        Area {
            top: middle - LINE / 2.0,
            bottom: middle + LINE / 2.0,
            ..self
        }
    }
}

/// A name in its place.
#[derive(Debug)]
pub(super) struct Label<'a> {
    name: &'a str,
    dot: (f64, f64),
    area: Area,
    /// Whether it stands left of its dot.
    before: bool,
}

/// Places the names of `dots` in `plot`.
pub(super) fn place<'a>(dots: &[((f64, f64), &'a str)], plot: Area) -> Vec<Label<'a>> {
    let mut down = dots.to_vec();
    down.sort_by(|((ax, ay), _), ((bx, by), _)| ay.total_cmp(by).then(ax.total_cmp(bx)));
    let up = down.iter().rev().copied().collect();
    let mut across = down.clone();
    across.sort_by(|((ax, _), _), ((bx, _), _)| ax.total_cmp(bx));
    let back = across.iter().rev().copied().collect();
    // Whoever comes last moves farthest, and who that should be depends on where the crowd is.
    let moved = |labels: &[Label<'_>]| labels.iter().map(|l| l.moved().powi(2)).sum::<f64>();
    [down, up, across, back]
        .map(|order: Vec<_>| in_turn(&order, plot))
        .into_iter()
        .min_by(|a, b| moved(a).total_cmp(&moved(b)))
        .expect("there are four orders")
}

/// Places the names of `dots` one after another.
fn in_turn<'a>(dots: &[((f64, f64), &'a str)], plot: Area) -> Vec<Label<'a>> {
    let mut taken: Vec<Area> = dots.iter().map(|(dot, _)| around(*dot)).collect();
    let mut labels = Vec::new();
    for (dot, name) in dots {
        let (beside, before) = beside(*dot, name, plot);
        let area = beside.at(free(dot.1, beside, &taken, plot));
        taken.push(area);
        labels.push(Label {
            name,
            dot: *dot,
            area,
            before,
        });
    }
    labels
}

fn around((x, y): (f64, f64)) -> Area {
    Area {
        left: x - DOT,
        right: x + DOT,
        top: y - DOT,
        bottom: y + DOT,
    }
}

/// Where `name` stands on the line of its dot: at its right, or at its left where there is no room.
fn beside((x, y): (f64, f64), name: &str, plot: Area) -> (Area, bool) {
    let width = name.chars().count() as f64 * CHARACTER;
    let before = x + BESIDE + width > plot.right;
    let left = match before {
        true => x - BESIDE - width,
        false => x + BESIDE,
    };
    let area = Area {
        left,
        right: left + width,
        top: y,
        bottom: y,
    };
    (area.at(y), before)
}

/// The middle of the free line that is nearest to `wanted`: this one, or one right above or below something.
fn free(wanted: f64, area: Area, taken: &[Area], plot: Area) -> f64 {
    let step = LINE / 2.0 + GAP;
    let mut middles: Vec<f64> = (taken.iter())
        .flat_map(|other| [other.top - step, other.bottom + step])
        .chain([wanted])
        .filter(|middle| !taken.iter().any(|other| other.meets(&area.at(*middle))))
        .collect();
    let inside =
        |middle: &f64| area.at(*middle).top >= plot.top && area.at(*middle).bottom <= plot.bottom;
    // In a plot that is full, outside is better than over one another.
    middles.sort_by(|a, b| {
        let far = |middle: &f64| (middle - wanted).abs();
        (!inside(a))
            .cmp(&!inside(b))
            .then(far(a).total_cmp(&far(b)))
    });
    middles.first().copied().unwrap_or(wanted)
}

impl Label<'_> {
    fn middle(&self) -> f64 {
        (self.area.top + self.area.bottom) / 2.0
    }

    /// How far it is above or below its dot.
    fn moved(&self) -> f64 {
        (self.middle() - self.dot.1).abs()
    }

    /// The line from its dot, where it does not stand beside it.
    pub(super) fn leader(&self) -> Option<String> {
        let (x, y) = self.dot;
        let near = match self.before {
            true => self.area.right,
            false => self.area.left,
        };
        (self.moved() > LINE / 4.0).then(|| {
            let middle = self.middle();
            format!("<path class=\"leader\" d=\"M{x:.1} {y:.1}L{near:.1} {middle:.1}\"/>\n")
        })
    }

    /// The name itself.
    pub(super) fn text(&self) -> String {
        let (x, class) = match self.before {
            true => (self.area.right, "end small"),
            false => (self.area.left, "small"),
        };
        format!(
            "<text x=\"{x:.1}\" y=\"{:.1}\" class=\"{class}\">{}</text>\n",
            self.middle() + 4.0,
            escape(self.name)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLOT: Area = Area {
        left: 52.0,
        right: 408.0,
        top: 10.0,
        bottom: 246.0,
    };

    fn stand_apart(labels: &[Label<'_>], dots: &[((f64, f64), &str)]) {
        for (index, label) in labels.iter().enumerate() {
            for other in &labels[index + 1..] {
                assert!(!label.area.meets(&other.area), "{label:?}, {other:?}");
            }
            for (dot, name) in dots {
                assert!(!label.area.meets(&around(*dot)), "{label:?}, dot of {name}");
            }
        }
    }

    #[test]
    fn names_of_near_points_stand_apart() {
        // As the record of this machine has them: two crowds, and names that reach from one into the other.
        let dots = [
            ((98.0, 180.0), "companion-tiny, writing"),
            ((140.0, 150.0), "llama.cpp Q8_0, writing"),
            ((141.0, 145.0), "PyTorch dynamic INT8, writing"),
            ((152.0, 140.0), "llama.cpp Q4_K_M, writing"),
            ((154.0, 140.0), "llama.cpp Q4_0, writing"),
            ((155.0, 118.0), "qwen2.5-1.5b-int4-synth, writing"),
            ((330.0, 90.0), "llama.cpp Q4_K_M, reading"),
            ((333.0, 92.0), "llama.cpp Q4_0, reading"),
            ((335.0, 92.0), "llama.cpp Q8_0, reading"),
            ((335.0, 92.0), "llama.cpp Q8_0, reading"),
        ];
        let labels = place(&dots, PLOT);
        stand_apart(&labels, &dots);
        assert_eq!(labels.len(), dots.len());
        for label in &labels {
            assert!(label.area.top >= PLOT.top && label.area.bottom <= PLOT.bottom);
            assert!(label.area.right <= PLOT.right, "{label:?}");
        }
        assert!(labels.iter().any(|label| label.leader().is_some()));
    }

    #[test]
    fn a_crowd_that_does_not_fit_overflows_rather_than_overlaps() {
        let dots: Vec<_> = (0..40)
            .map(|i| ((200.0, 100.0 + f64::from(i) / 10.0), "one of many"))
            .collect();
        stand_apart(&place(&dots, PLOT), &dots);
    }

    #[test]
    fn the_name_of_a_lone_point_stands_beside_it() {
        let dots = [((100.0, 50.0), "a<b"), ((400.0, 200.0), "at the edge")];
        let [left, right] = &place(&dots, PLOT)[..] else {
            panic!("two names");
        };
        assert_eq!(
            left.text(),
            "<text x=\"108.0\" y=\"54.0\" class=\"small\">a&lt;b</text>\n"
        );
        assert_eq!(
            right.text(),
            "<text x=\"392.0\" y=\"204.0\" class=\"end small\">at the edge</text>\n"
        );
        assert_eq!((left.leader(), right.leader()), (None, None));
    }
}
