//! The widths as text.

use engine::quant::gate::Verdict;

use super::{QuantizationFigures, Width};
use crate::stats::Mean;
use crate::table::{ABSENT, number, size};

/// Adds them to `lines`.
pub(crate) fn quantization(all: &[QuantizationFigures], lines: &mut Vec<String>) {
    for figures in all {
        one(figures, lines);
    }
}

fn one(figures: &QuantizationFigures, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push(format!(
        "Bits of {}: accuracy of {} over {} texts, 95 % intervals; latency of {}",
        figures.model, figures.accuracy_of, figures.texts, figures.latency_of
    ));
    for width in &figures.widths {
        lines.push(format!(
            "  {:<7}{:>6.2} bits, {} on disk, {} in memory; {} ms (n {}), {} of the float form's time",
            width.name,
            width.bits,
            size(width.bytes),
            width.memory_bytes.map_or_else(|| ABSENT.to_owned(), size),
            number(width.latency.p50_ms),
            width.latency.n,
            width.latency_ratio.text()
        ));
        lines.extend(rates(width).map(|(name, value)| format!("    {name:<14}{value}")));
        lines.extend(width.checks.iter().map(|c| {
            format!(
                "    {:<14}{}: {} ({})",
                c.what,
                verdict(c.verdict),
                c.measured,
                c.asked
            )
        }));
    }
}

/// Its rates, each with its name.
pub(crate) fn rates(width: &Width) -> impl Iterator<Item = (&'static str, String)> {
    let share = |m: &Mean| {
        let interval = (m.interval).map_or_else(String::new, |[low, high]| {
            format!(" ({:.1} to {:.1})", 100.0 * low, 100.0 * high)
        });
        format!("{:.1} %{interval}", 100.0 * m.mean)
    };
    [
        ("right", Some(share(&width.accuracy))),
        ("precision", width.precision.as_ref().map(share)),
        ("recall", width.recall.as_ref().map(share)),
        ("as the floats", Some(share(&width.agreement))),
        ("KL, nats", Some(width.kl.text(5))),
        ("perplexity", width.perplexity.map(|p| format!("{p:.2}"))),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

/// A threshold's outcome.
pub(crate) fn verdict(of: Verdict) -> &'static str {
    match of {
        Verdict::Passed => "passed",
        Verdict::Warned => "passed, with a warning",
        Verdict::Failed => "failed",
        Verdict::NotMeasured | Verdict::TooFew => ABSENT,
    }
}
