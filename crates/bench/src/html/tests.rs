//! The page of a report: every plot that its figures allow, and nothing that is fetched.

use std::collections::BTreeMap;

use super::{page, plots};
use crate::{
    BatchFigures, CurvePoint, LengthFigures, Machine, Mean, ModelFigures, QuantizationFigures,
    Ratio, Report, RoofPoint, RooflineFigures, Spread, Times, TradeOff, WeekFigures, Width,
};

/// Everything that a page would fetch from, however it is quoted.
fn addresses(html: &str) -> Vec<String> {
    let html = html.to_ascii_lowercase();
    let mut found = Vec::new();
    for what in ["src", "href", "url(", "@import"] {
        for (at, _) in html.match_indices(what) {
            let rest = html[at + what.len()..].trim_start();
            let value = match what {
                "src" | "href" => rest.strip_prefix('='),
                _ => Some(rest),
            };
            let quote = |c: char| matches!(c, '"' | '\'' | '`') || c.is_whitespace();
            let end = |c: char| quote(c) || matches!(c, '>' | ')');
            found.extend(
                value
                    .and_then(|value| value.trim_start_matches(quote).split(end).next())
                    .map(str::to_owned),
            );
        }
    }
    found
}

/// The captions of the plots, each with the marks that it draws: dots, and lines that are no part of the axes.
fn drawn(html: &str) -> BTreeMap<String, (usize, usize)> {
    let figures = html.split("<figure><figcaption>").skip(1);
    let figure = |figure: &str| {
        let (caption, rest) = figure.split_once("</figcaption>").unwrap();
        let svg = rest.split("</figure>").next().unwrap();
        (caption.to_owned(), marks(svg))
    };
    figures.map(figure).collect()
}

fn marks(svg: &str) -> (usize, usize) {
    let lines = ["<path class=\"line ", "<path class=\"limit "];
    (
        svg.matches("<circle").count(),
        lines.map(|line| svg.matches(line).count()).iter().sum(),
    )
}

fn ms(middle: f64) -> Times {
    let samples: Vec<f64> = (0..30).map(|i| middle + f64::from(i)).collect();
    Times::of(&samples)
}

fn model() -> ModelFigures {
    let length = |words: usize| LengthFigures {
        words,
        tokens: words * 5 / 4,
        first: ms(words as f64),
        between: Some(ms(2.0)),
        prefill_tok_s: Spread::of(&[900.0]),
        decode_tok_s: Some(Spread::of(&[400.0])),
        peak_rss_bytes: Some(50_000_000),
    };
    ModelFigures {
        model: "a<b@0123".to_owned(),
        kind: "decoder".to_owned(),
        quant: "int8".to_owned(),
        kernel: "scalar",
        threads: 2,
        weights_bytes: 1_000_000,
        parameters: 1_000_000,
        step_bytes: Some(1_000_000),
        note: None,
        lengths: [50, 200, 500].map(length).into(),
        memory: None,
        cpu: None,
    }
}

fn batch() -> BatchFigures {
    BatchFigures {
        week: WeekFigures {
            entries: 7,
            instructions_tokens: 200,
            entry_tokens: 265,
            reply_tokens: 60,
            sequential_s: 7.0,
            batched_s: 2.0,
            speedup: 3.5,
            outputs_equal: true,
            sequential_runs_s: vec![7.0],
            batched_runs_s: vec![2.0],
        },
        curve: [(1, 30.0), (4, 90.0), (16, 200.0)]
            .map(|(rows, tok_s)| CurvePoint {
                rows,
                tok_s,
                runs_tok_s: vec![tok_s],
            })
            .into(),
        serving: None,
        kernel: "scalar",
        threads: 2,
        model: "a<b@0123".to_owned(),
        note: None,
        machine: Machine::detect(),
        version: "0",
        commit: "unknown",
    }
}

fn bits() -> QuantizationFigures {
    let width = |(name, bits): (&str, f64)| Width {
        name: name.to_owned(),
        bits,
        bytes: 1_000_000,
        memory_bytes: None,
        accuracy: Mean::of(&[1.0, 0.0, 1.0, 1.0, 1.0, 0.0]),
        precision: None,
        recall: None,
        agreement: Mean::of(&[1.0; 6]),
        kl: Mean::of(&[0.0; 6]),
        perplexity: None,
        latency: ms(5.0),
        latency_ratio: Ratio::of(&[1.0; 6], &[2.0; 6]),
        checks: Vec::new(),
    };
    QuantizationFigures {
        model: "a<b@0123".to_owned(),
        kind: "decoder",
        accuracy_of: "next token",
        latency_of: "100 tokens",
        texts: 6,
        widths: [("f32", 32.0), ("int8", 8.4), ("int4", 4.3)]
            .map(width)
            .into(),
    }
}

#[test]
fn the_page_of_an_empty_report_fetches_nothing_and_says_what_was_not_measured() {
    let html = page(&Report::begin(true));
    assert_eq!(addresses(&html), ["data:,"]);
    assert!(!html.contains("<script"));
    for section in ["Latency", "Roofline", "Batch", "Cache", "Accuracy by bits"] {
        let absent = format!("<h2>{section}</h2>");
        let (_, rest) = html.split_once(&absent).expect(section);
        let this = rest.split("<h2>").next().unwrap();
        assert!(this.contains("not measured"), "{section}");
    }
    assert!(drawn(&html).is_empty());
}

#[test]
fn every_plot_is_there_whose_figures_are_and_nothing_is_fetched() {
    let mut report = Report::begin(true);
    let mut roof = RooflineFigures::new((10e9, 400e9), &[model()], &[]);
    roof.points.push(RoofPoint {
        name: "somebody else, writing".to_owned(),
        peer: true,
        ops_per_byte: 2.0,
        ops_s: 10e9,
    });
    report.roofline = Some(roof);
    report.inference = Some(vec![model()]);
    report.batch = Some(vec![batch()]);
    report.quantization = Some(vec![bits()]);
    let html = page(&report);
    let drawn = drawn(&html);
    let is = |caption: &str| drawn.get(caption).copied();
    // A line a length; two points of ours and one of a peer below the limit; a dot a number of texts, and the line through
    // them; a dot a width, with its interval.
    assert_eq!(is("Latency distribution, a&lt;b@0123"), Some((0, 3)));
    assert_eq!(is("Roofline"), Some((3, 1)));
    assert_eq!(is("Batch curve"), Some((3, 1)));
    assert_eq!(
        is("Accuracy by bits, a&lt;b@0123: next token"),
        Some((3, 3))
    );
    assert_eq!(drawn.len(), 4, "{drawn:?}");
    assert_eq!(addresses(&html), ["data:,"]);
}

#[test]
fn the_trade_off_of_the_cache_has_a_dot_for_each_threshold() {
    let point = |cache, threshold: f32| TradeOff {
        cache,
        threshold,
        served: 0.4,
        false_hits: f64::from(1.0 - threshold) / 10.0,
    };
    let svg = plots::trade_off(&[
        point("companion", 0.5),
        point("companion", 0.9),
        point("cosine", 0.8),
        point("cosine", 0.85),
        point("cosine", 0.95),
    ]);
    assert_eq!(marks(&svg), (5, 2));
    assert!(svg.contains("threshold 0.85"), "{svg}");
    assert!(addresses(&svg).is_empty());
}

#[test]
fn an_address_is_found_however_it_is_quoted() {
    let html = "<a href=http://a>, <img SRC='//b/c'>, <p style=\"background: url(https://d)\">, <use xlink:href = \"#e\">";
    let mut found = addresses(html);
    found.sort();
    assert_eq!(found, ["#e", "//b/c", "http://a", "https://d"]);
}
