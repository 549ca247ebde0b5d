//! The plots of the report, each from the figures of one suite.

use super::plot::{Axis, Mark, Point, Series, draw};
use crate::{BatchFigures, ModelFigures, QuantizationFigures, RooflineFigures, TradeOff};

/// Points of a distribution that are drawn at most.
const DRAWN: usize = 200;

/// The share of runs that took at most so long, by length of the text.
pub(super) fn latency(model: &ModelFigures) -> String {
    let all = || model.lengths.iter().flat_map(|l| &l.first.samples_ms);
    let x = Axis::log_around("milliseconds", all().copied());
    let y = Axis::linear("% of runs", 0.0, 100.0);
    let series: Vec<Series> = (model.lengths.iter().enumerate())
        .map(|(colour, length)| Series {
            name: format!("{} words, n {}", length.words, length.first.n),
            mark: Mark::Line,
            colour,
            points: distribution(&length.first.samples_ms),
        })
        .collect();
    draw("distribution of latency", &x, &y, &series)
}

fn distribution(samples: &[f64]) -> Vec<Point> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let step = sorted.len().div_ceil(DRAWN).max(1);
    let share = |index: usize| 100.0 * (index + 1) as f64 / sorted.len() as f64;
    let mut points: Vec<Point> = (0..sorted.len())
        .step_by(step)
        .map(|i| Point::at(sorted[i], share(i)))
        .collect();
    points.extend(sorted.last().map(|last| Point::at(*last, 100.0)));
    points
}

/// Tokens of all texts a second, by how many are written at once.
pub(super) fn batch(all: &[BatchFigures]) -> String {
    let points = || all.iter().flat_map(|f| &f.curve);
    let x = Axis::log_around("texts at once", points().map(|p| p.rows as f64));
    // A small model is a hundred times as fast as a large one.
    let y = Axis::log_around("tokens a second, all together", points().map(|p| p.tok_s));
    let series: Vec<Series> = (all.iter().enumerate())
        .map(|(colour, figures)| Series {
            name: figures.model.clone(),
            mark: Mark::Dots,
            colour,
            points: (figures.curve.iter())
                .map(|p| Point {
                    name: format!("{} texts: {:.0} tok/s", p.rows, p.tok_s),
                    ..Point::at(p.rows as f64, p.tok_s)
                })
                .collect(),
        })
        .collect();
    draw("speed by the number of texts", &x, &y, &series)
}

/// Paraphrases served against look-alikes served, by threshold, for our cache and for one that goes by the cosine.
pub(super) fn trade_off(curve: &[TradeOff]) -> String {
    let x = Axis::linear(
        "% of look-alikes served (wrong)",
        0.0,
        100.0 * (curve.iter()).map(|p| p.false_hits).fold(0.05, f64::max),
    );
    let y = Axis::linear("% of paraphrases served", 0.0, 100.0);
    let series: Vec<Series> = ["companion", "cosine"]
        .iter()
        .enumerate()
        .map(|(colour, cache)| {
            let mut points: Vec<Point> = (curve.iter().filter(|p| p.cache == *cache))
                .map(|p| Point {
                    name: format!("threshold {:.2}", p.threshold),
                    ..Point::at(100.0 * p.false_hits, 100.0 * p.served)
                })
                .collect();
            points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
            Series {
                name: format!("{cache}, by its threshold"),
                mark: Mark::Dots,
                colour,
                points,
            }
        })
        .collect();
    draw("what the cache serves rightly and wrongly", &x, &y, &series)
}

/// Accuracy by the bits of a weight, with its interval.
pub(super) fn bits(figures: &QuantizationFigures) -> String {
    let percent = |share: f64| 100.0 * share;
    let interval = |m: &crate::Mean| m.interval.unwrap_or([m.mean, m.mean]).map(percent);
    let ends = || figures.widths.iter().flat_map(|w| interval(&w.accuracy));
    let (low, high) = ends().fold((100.0_f64, 0.0_f64), |(l, h), v| (l.min(v), h.max(v)));
    let room = (high - low).max(1.0) * 0.3;
    let x = Axis::log_around("bits a weight", figures.widths.iter().map(|w| w.bits));
    let y = Axis::linear("% right", (low - room).max(0.0), (high + room).min(100.0));
    let points = (figures.widths.iter())
        .map(|w| {
            let [low, high] = interval(&w.accuracy);
            Point {
                x: w.bits,
                y: percent(w.accuracy.mean),
                interval: Some((low, high)),
                name: format!("{} {:.1} %", w.name, percent(w.accuracy.mean)),
            }
        })
        .collect();
    let series = Series {
        name: String::new(),
        mark: Mark::Named,
        colour: 0,
        points,
    };
    draw("accuracy by bits", &x, &y, &[series])
}

/// The limits of the machine, and work below them.
pub(super) fn roofline(roof: &RooflineFigures) -> String {
    let ridge = roof.int8_ops_s / roof.read_bytes_s;
    let across = roof.points.iter().map(|p| p.ops_per_byte);
    let x = Axis::log_around(
        "operations for each byte of weights",
        across.chain([1.0, 4.0 * ridge]),
    );
    let up = roof.points.iter().map(|p| p.ops_s / 1e9);
    let limits = [1.0, ridge].map(|at| roof.limit(at) / 1e9);
    let y = Axis::log_around(
        "G operations a second",
        up.chain(limits).chain([1.3 * limits[1]]),
    );
    let limit = |at: f64| Point::at(at, roof.limit(at) / 1e9);
    let points = |peer: bool| {
        let of = roof.points.iter().filter(|p| p.peer == peer);
        of.map(|p| Point {
            name: p.name.clone(),
            ..Point::at(p.ops_per_byte, p.ops_s / 1e9)
        })
        .collect::<Vec<Point>>()
    };
    let mut series = vec![Series {
        name: "what the machine allows".to_owned(),
        mark: Mark::Limit,
        colour: 3,
        points: vec![limit(x.low), limit(ridge), limit(x.high)],
    }];
    for (peer, name) in [(false, "Companion"), (true, "peers")] {
        let points = points(peer);
        if !points.is_empty() {
            series.push(Series {
                name: name.to_owned(),
                mark: Mark::Named,
                colour: usize::from(peer),
                points,
            });
        }
    }
    draw("roofline", &x, &y, &series)
}
