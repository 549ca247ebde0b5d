//! A plot as inline SVG: two axes, some series, a legend. Colours are the page's, so that both its themes fit.

use std::fmt::Write as _;

use super::labels::{self, Area, DOT};

/// The drawing, in its own units; the page scales it to its column.
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 290.0;
/// Space for the names of the axes and for their ticks.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 44.0;
/// What lies between the axes.
const PLOT: Area = Area {
    left: LEFT,
    right: WIDTH - RIGHT,
    top: TOP,
    bottom: HEIGHT - BOTTOM,
};

/// An axis.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    pub(super) label: String,
    pub(super) low: f64,
    pub(super) high: f64,
    /// Equal steps are equal ratios.
    pub(super) log: bool,
}

impl Axis {
    /// Equal steps from `low` to `high`.
    pub(super) fn linear(label: &str, low: f64, high: f64) -> Axis {
        Axis {
            label: label.to_owned(),
            low,
            high: if high > low { high } else { low + 1.0 },
            log: false,
        }
    }

    /// Equal ratios, with all of `values` inside and a little room around; values that are not positive do not count.
    pub(super) fn log_around(label: &str, values: impl Iterator<Item = f64>) -> Axis {
        let (low, high) = values
            .filter(|v| *v > 0.0 && v.is_finite())
            .fold((f64::INFINITY, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = if high > 0.0 { (low, high) } else { (1.0, 10.0) };
        Axis {
            label: label.to_owned(),
            low: low / 1.15,
            high: (high * 1.15).max(low * 1.5),
            log: true,
        }
    }

    /// Where `value` is, from 0 to 1.
    fn at(&self, value: f64) -> f64 {
        let of = |v: f64| {
            if self.log {
                v.max(f64::MIN_POSITIVE).ln()
            } else {
                v
            }
        };
        (of(value) - of(self.low)) / (of(self.high) - of(self.low))
    }

    fn ticks(&self) -> Vec<f64> {
        let steps = if self.log {
            self.log_ticks()
        } else {
            self.linear_ticks()
        };
        let inside = |v: &f64| (-1e-9..=1.0 + 1e-9).contains(&self.at(*v));
        steps.into_iter().filter(inside).collect()
    }

    fn linear_ticks(&self) -> Vec<f64> {
        let rough = (self.high - self.low) / 5.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|m| m * power)
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(10.0 * power);
        let first = (self.low / step).ceil() as i64;
        (first..first + 12).map(|i| i as f64 * step).collect()
    }

    fn log_ticks(&self) -> Vec<f64> {
        let decades = (self.high / self.low).log10();
        let of_ten: &[f64] = match decades {
            d if d > 3.0 => &[1.0],
            d if d > 1.2 => &[1.0, 3.0],
            _ => &[1.0, 2.0, 3.0, 5.0, 7.0],
        };
        let first = self.low.log10().floor() as i32;
        (first..=first + decades.ceil() as i32 + 1)
            .flat_map(|power| of_ten.iter().map(move |m| m * 10_f64.powi(power)))
            .collect()
    }
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A line through its points.
    Line,
    /// A line with a dot at each point.
    Dots,
    /// Dots alone, each with its name beside it.
    Named,
    /// A line that is no measurement of ours: a limit.
    Limit,
}

/// Points that belong together.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) mark: Mark,
    /// Which of the page's colours, from 0.
    pub(super) colour: usize,
    pub(super) points: Vec<Point>,
}

/// A point, with the ends of its interval and its name where it has them.
#[derive(Debug, Clone, Default)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) interval: Option<(f64, f64)>,
    pub(super) name: String,
}

impl Point {
    pub(super) fn at(x: f64, y: f64) -> Point {
        Point {
            x,
            y,
            ..Point::default()
        }
    }
}

/// Draws `series`; `title` is what a reader who cannot see it hears.
pub(super) fn draw(title: &str, x: &Axis, y: &Axis, series: &[Series]) -> String {
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n",
        escape(title)
    );
    axes(x, y, &mut svg);
    let names = names(series, x, y);
    let labels = labels::place(&names, PLOT);
    // Below the dots that they lead to.
    svg.extend(labels.iter().filter_map(labels::Label::leader));
    for one in series {
        one_series(one, x, y, &mut svg);
    }
    svg.extend(labels.iter().map(labels::Label::text));
    svg.push_str("</svg>\n");
    let named: Vec<String> = (series.iter().filter(|s| !s.name.is_empty()))
        .map(|s| format!("<li class=\"c{}\">{}</li>", s.colour, escape(&s.name)))
        .collect();
    if !named.is_empty() {
        let _ = writeln!(svg, "<ul class=\"legend\">{}</ul>", named.concat());
    }
    svg
}

/// The points that have their names beside them, of all series, and where they are.
fn names<'a>(series: &'a [Series], x: &Axis, y: &Axis) -> Vec<((f64, f64), &'a str)> {
    (series.iter().filter(|s| s.mark == Mark::Named))
        .flat_map(|s| &s.points)
        .map(|point| (place(x, y, (point.x, point.y)), point.name.as_str()))
        .collect()
}

fn place(x: &Axis, y: &Axis, point: (f64, f64)) -> (f64, f64) {
    let across = WIDTH - LEFT - RIGHT;
    let down = HEIGHT - TOP - BOTTOM;
    (
        LEFT + across * x.at(point.0).clamp(-0.02, 1.02),
        TOP + down * (1.0 - y.at(point.1).clamp(-0.02, 1.02)),
    )
}

fn axes(x: &Axis, y: &Axis, svg: &mut String) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for tick in x.ticks() {
        let (at, _) = place(x, y, (tick, y.low));
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/><text x=\"{at:.1}\" y=\"{:.0}\" class=\"mid\">{}</text>",
            bottom + 16.0,
            number(tick)
        );
    }
    for tick in y.ticks() {
        let (_, at) = place(x, y, (x.low, tick));
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/><text x=\"{:.0}\" y=\"{:.1}\" class=\"end\">{}</text>",
            LEFT - 6.0,
            at + 4.0,
            number(tick)
        );
    }
    let _ = writeln!(
        svg,
        "<path class=\"axis\" d=\"M{LEFT} {TOP}V{bottom}H{right}\"/>\
         <text x=\"{:.0}\" y=\"{:.0}\" class=\"mid\">{}</text>\
         <text transform=\"translate(12 {:.0}) rotate(-90)\" class=\"mid\">{}</text>",
        (LEFT + right) / 2.0,
        HEIGHT - 8.0,
        escape(&x.label),
        (TOP + bottom) / 2.0,
        escape(&y.label)
    );
}

fn one_series(series: &Series, x: &Axis, y: &Axis, svg: &mut String) {
    let colour = series.colour;
    let spots: Vec<(f64, f64)> = (series.points.iter())
        .map(|p| place(x, y, (p.x, p.y)))
        .collect();
    if series.mark != Mark::Named && !spots.is_empty() {
        let path: Vec<String> = spots
            .iter()
            .map(|(x, y)| format!("{x:.1} {y:.1}"))
            .collect();
        let class = if series.mark == Mark::Limit {
            "limit"
        } else {
            "line"
        };
        let _ = writeln!(
            svg,
            "<path class=\"{class} c{colour}\" d=\"M{}\"/>",
            path.join("L")
        );
    }
    if !matches!(series.mark, Mark::Dots | Mark::Named) {
        return;
    }
    for (point, (at, down)) in series.points.iter().zip(spots) {
        if let Some((low, high)) = point.interval {
            let ((_, low), (_, high)) = (place(x, y, (point.x, low)), place(x, y, (point.x, high)));
            let _ = writeln!(
                svg,
                "<path class=\"line c{colour}\" d=\"M{at:.1} {low:.1}V{high:.1}\"/>"
            );
        }
        let _ = writeln!(
            svg,
            "<circle class=\"c{colour}\" cx=\"{at:.1}\" cy=\"{down:.1}\" r=\"{DOT}\"><title>{}</title></circle>",
            escape(&point.name)
        );
    }
}

/// A tick as one would write it: `0.5`, `20`, `3k`.
fn number(value: f64) -> String {
    let short = |v: f64, unit: &str| {
        let text = format!("{v:.2}");
        format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
    };
    match value.abs() {
        v if v >= 1e6 => short(value / 1e6, "M"),
        v if v >= 1e4 => short(value / 1e3, "k"),
        v if v == 0.0 || v >= 0.01 => short(value, ""),
        _ => format!("{value:.0e}"),
    }
}

/// Text that can stand in a page.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_inside_the_axis() {
        assert_eq!(
            Axis::linear("", 0.0, 100.0).ticks(),
            [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
        );
        let log = Axis::log_around("", [3.0, 900.0].into_iter());
        assert_eq!(log.ticks(), [3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]);
        let texts: Vec<String> = [0.0, 0.5, 20.0, 1e4, 2.5e6].map(number).to_vec();
        assert_eq!(texts, ["0", "0.5", "20", "10k", "2.5M"]);
    }

    #[test]
    fn a_plot_holds_its_points_and_nothing_that_is_not_a_number() {
        let axis = Axis::linear("x & y", 0.0, 10.0);
        let series = Series {
            name: "a<b".to_owned(),
            mark: Mark::Dots,
            colour: 0,
            points: vec![Point::at(0.0, 0.0), Point::at(10.0, 10.0)],
        };
        let svg = draw("a plot", &axis, &axis, &[series]);
        assert!(svg.contains("cx=\"52.0\" cy=\"246.0\""), "{svg}");
        assert!(svg.contains("cx=\"408.0\" cy=\"10.0\""), "{svg}");
        assert!(svg.contains("a&lt;b") && svg.contains("x &amp; y"));
        let empty = Axis::log_around("", std::iter::empty());
        assert!(!draw("", &empty, &empty, &[]).contains("NaN"));
    }
}
