//! The quality gate as commands use it: opening both forms, what each takes, and printing what was found.

use std::path::Path;
use std::time::Instant;

use engine::decoder::{Decoder, DecoderOptions};
use engine::encoder::{Encoder, EncoderOptions};
use engine::quant::gate::{self, Check, GATE, GateReport, Verdict};
use engine::store::{ModelInfo, ModelStore};

use super::table::size;
use crate::context::Context;
use crate::messages;
use crate::output::{Line, Style};

/// Compares the model `small` of `trial` with the float model `from` of `store`.
pub(super) fn judge(
    context: &Context,
    (store, from): (&ModelStore, &ModelInfo),
    (trial, small): (&ModelStore, &ModelInfo),
) -> anyhow::Result<GateReport> {
    let begun = Instant::now();
    let folders = [store.path(&from.name), trial.path(&small.name)];
    let mut bar = context.out.progress("comparing", 0);
    let mut progress = |done, total| {
        bar.set_total(total);
        bar.set(done);
    };
    // What there is to compare with is 32-bit floats, however they were published.
    let mut checks = vec![Check::weights(4 * from.parameters, small.bytes)];
    let hands = match from.kind.as_str() {
        "decoder" => decoders(from, &folders, &mut checks, &mut progress)?,
        _ => encoders(&folders, &mut checks, &mut progress)?,
    };
    bar.finish();
    let names = (from.id(), small.id());
    Ok(GateReport::new(
        (&names.0, &names.1),
        checks,
        (hands.0, hands.1),
        begun,
    ))
}

/// Kernel and threads.
type Hands = (&'static str, usize);

fn encoders(
    [before, after]: &[std::path::PathBuf; 2],
    checks: &mut Vec<Check>,
    progress: &mut dyn FnMut(u64, u64),
) -> anyhow::Result<Hands> {
    let open = |folder: &Path| -> anyhow::Result<Encoder> {
        let encoder = Encoder::open(folder, &EncoderOptions::default())?;
        encoder.embed(&["a quiet day by the sea"]);
        Ok(encoder)
    };
    let (after, took_after) = grown_by(|| open(after))?;
    let (before, took_before) = grown_by(|| open(before))?;
    checks.push(Check::memory(took_before, took_after));
    checks.extend(assistant::gate::labelled(&before, &after, progress)?);
    Ok((after.kernel_name(), after.threads()))
}

/// Memory that must be free beside the float model.
const BESIDE: u64 = 1_000_000_000;

fn decoders(
    from: &ModelInfo,
    [before, after]: &[std::path::PathBuf; 2],
    checks: &mut Vec<Check>,
    progress: &mut dyn FnMut(u64, u64),
) -> anyhow::Result<Hands> {
    let open = |folder: &Path| -> anyhow::Result<Decoder> {
        let decoder = Decoder::open(folder, &DecoderOptions::default())?;
        let mut sequence = decoder.start(&[])?;
        decoder.read_all(&mut sequence, &[0, 1, 2, 3])?;
        Ok(decoder)
    };
    let (after, took_after) = grown_by(|| open(after))?;
    let hands = (after.kernel_name(), after.threads());
    let needed = 4 * from.parameters + BESIDE;
    if let Some(free) = bench::memory().map(|memory| memory.available_bytes)
        && free < needed
    {
        let reason = format!(
            "to compare with it, the float model needs a machine with {} of free memory, and {} are free here",
            size(needed),
            size(free)
        );
        checks.push(Check::not_measured("quality and speed", reason));
        return Ok(hands);
    }
    let (before, took_before) = grown_by(|| open(before))?;
    checks.push(Check::memory(took_before, took_after));
    let entries = assistant::gate::entries();
    let texts: Vec<&str> = entries.iter().map(|entry| entry.text.as_str()).collect();
    checks.extend(gate::decoder::compare(&before, &after, &texts, progress)?);
    Ok(hands)
}

/// What `work` gives, and the bytes of memory that this process grew by.
fn grown_by<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, Option<u64>)> {
    let before = metrics::process::resident();
    let made = work()?;
    let after = metrics::process::resident();
    let grown = before
        .zip(after)
        .map(|(before, after)| after.saturating_sub(before));
    Ok((made, grown.filter(|bytes| *bytes > 0)))
}

/// Whether a small form may be installed on the word of `report`. Random weights answer nothing, so that there is nothing
/// to compare, and a synthetic model has only to be small and fast.
pub(super) fn admits(report: &GateReport, is_synthetic: bool) -> bool {
    match report.verdict {
        Verdict::Passed | Verdict::Warned => true,
        Verdict::NotMeasured => is_synthetic,
        Verdict::TooFew | Verdict::Failed => false,
    }
}

/// Why `name` was not installed, and the way out.
pub(super) fn refusal(report: &GateReport, name: &str) -> String {
    if report.verdict == Verdict::Failed {
        let failed: Vec<&str> = (report.that_are(Verdict::Failed))
            .map(|check| check.name.as_str())
            .collect();
        return format!(
            "{name} was not installed: it failed the quality gate ({}); `companion model quantize --force` installs it all the same",
            failed.join(", ")
        );
    }
    let mut reasons: Vec<&str> = (report.that_are(Verdict::NotMeasured))
        .map(|check| check.says.as_str())
        .collect();
    reasons.dedup();
    format!(
        "{name} was not installed: what it answers was not compared ({}); quantize it where that can be, or with \
        `companion model quantize --force`, which installs it uncompared",
        reasons.join("; ")
    )
}

/// The report beside the installed model `name`, if there is one that this version reads.
pub(super) fn read(store: &ModelStore, name: &str) -> Option<GateReport> {
    let text = std::fs::read(store.path(name).join(GATE)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// The word and the style of a verdict.
pub(super) fn word(verdict: Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Passed => ("passed", Style::Good),
        Verdict::Warned => ("passed, with warnings", Style::Accent),
        Verdict::Failed => ("failed", Style::Bad),
        Verdict::TooFew => ("n too small", Style::Accent),
        Verdict::NotMeasured => ("not measured", Style::Accent),
    }
}

/// Prints every check of `report`, a line each.
pub(super) fn print(context: &Context, report: &GateReport) -> anyhow::Result<()> {
    let out = &context.out;
    let (word, style) = word(report.verdict);
    out.line(
        Line::new()
            .plain("quality gate: ")
            .styled(style, word)
            .plain(if report.forced {
                ", installed all the same"
            } else {
                ""
            })
            .dim(format!(
                "  against {}, {}, {}, {:.0} s",
                report.from,
                report.kernel,
                messages::threads(report.threads),
                report.seconds
            )),
    )?;
    checks(context, &report.checks)
}

/// Prints `checks`, a line each.
pub(super) fn checks(context: &Context, checks: &[Check]) -> anyhow::Result<()> {
    for check in checks {
        let (sign, style) = match check.verdict {
            Verdict::Passed => ("ok  ", Style::Good),
            Verdict::Warned => ("warn", Style::Accent),
            Verdict::Failed => ("FAIL", Style::Bad),
            Verdict::NotMeasured | Verdict::TooFew => ("-   ", Style::Dim),
        };
        let values = match (check.before, check.after) {
            (Some(before), Some(after)) => format!(
                "{:>9} {} {:<9}",
                number(before, &check.unit),
                context.out.glyph("→", "->"),
                number(after, &check.unit)
            ),
            _ => format!("{:<21}", "not measured"),
        };
        let n = match check.n {
            0 | 1 => String::new(),
            n => format!("n = {n}; "),
        };
        let between = check.interval.map_or_else(String::new, |[low, high]| {
            let [low, high] = [low, high].map(|end| number(end, &check.unit));
            format!("95 % between {low} and {high}; ")
        });
        context.out.line(
            Line::new()
                .plain("  ")
                .styled(style, sign)
                .plain(format!("  {:<16} {values}", check.name))
                .dim(format!("  {n}{between}{}", check.says)),
        )?;
    }
    Ok(())
}

fn number(value: f64, unit: &str) -> String {
    match unit {
        "bytes" => size(value as u64),
        "ms" => format!("{value:.2} ms"),
        "points" | "percent" => format!("{value:.1} %"),
        "replies" => format!("{value:.0}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(checks: Vec<Check>) -> GateReport {
        GateReport::new(("floats", "small"), checks, ("scalar", 1), Instant::now())
    }

    #[test]
    fn what_was_not_compared_is_not_installed_unless_it_has_no_answers() {
        let small = Check::weights(400, 100);
        let reason = "the float model needs a machine with 30.0 GB of free memory";
        let open = report(vec![
            small.clone(),
            Check::not_measured("quality and speed", reason),
        ]);
        assert_eq!(word(open.verdict).0, "not measured");
        assert!(!admits(&open, false) && admits(&open, true));
        let said = refusal(&open, "large-int4");
        assert!(said.contains("not compared (the float model needs a machine with 30.0 GB"));
        assert!(said.contains("--force"), "{said}");
        let sound = report(vec![small.clone(), Check::divergence(100, 0.01, 0.1)]);
        assert!(admits(&sound, false));
        let failed = report(vec![small, Check::divergence(100, 3.0, 9.0)]);
        assert!(!admits(&failed, false) && !admits(&failed, true));
        assert!(refusal(&failed, "x").contains("failed the quality gate (divergence)"));
    }
}
