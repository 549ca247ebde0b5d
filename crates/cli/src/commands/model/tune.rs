//! `companion model tune --mine`: does the small encoder say about your own entries what the float one says?

use anyhow::Context as _;
use engine::encoder::{Encoder, EncoderOptions};
use engine::quant::gate::{Check, Verdict, worst};
use engine::store::{ModelInfo, ModelStore};
use journal::Filter;
use serde::Serialize;

use super::gate;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Line;

/// Entries below which one that is read otherwise is more than the gate allows of a hundred, so that nothing can be said.
const ENOUGH: usize = 100;

/// Where the journal keeps the numbers of the last run.
const KEPT: &str = "tune.mine";

/// What to compare.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Your latest entries are read by both forms of the encoder. What is compared is whether they agree: \
    the same sentiment, the same themes, the same vectors. Nothing is kept but these numbers, inside the journal.\n\
    Exit code 1: they differ by more than the quality gate allows. Below 100 entries n is too small to say."
)]
pub(super) struct Args {
    /// The small encoder [default: the one in use]
    name: Option<String>,
    /// Read your own entries; there is no other way yet
    #[arg(long, required = true)]
    mine: bool,
    /// Entries to read, the latest first
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: usize,
}

/// What is told, and kept.
#[derive(Serialize)]
struct Tuned {
    from: String,
    model: String,
    verdict: Verdict,
    entries: usize,
    checks: Vec<Check>,
    measured_at: String,
}

pub(super) fn run(context: &Context, store: &ModelStore, args: &Args) -> anyhow::Result<Exit> {
    let name = args.name.as_deref().unwrap_or(&context.config.encoder);
    let small = store.get(name)?;
    small.encoder_config()?;
    let float = float_of(store, &small)?;
    let mut journal = context.journal()?;
    let entries = journal.list(&Filter {
        limit: Some(args.limit.max(1)),
        newest_first: true,
        ..Filter::default()
    })?;
    let texts: Vec<&str> = entries.iter().map(|entry| entry.text.as_str()).collect();
    let open =
        |model: &ModelInfo| Encoder::open(&store.path(&model.name), &EncoderOptions::default());
    let (before, after) = (open(&float)?, open(&small)?);
    let mut bar = context.out.progress("reading entries twice", 0);
    let checks = assistant::gate::agreement(&before, &after, &texts, &mut |done, total| {
        bar.set_total(total);
        bar.set(done);
    });
    bar.finish();
    let checks = judged(checks?, entries.len());
    let tuned = Tuned {
        from: float.id(),
        model: small.id(),
        verdict: worst(&checks),
        entries: entries.len(),
        checks,
        measured_at: jiff::Timestamp::now().to_string(),
    };
    if !journal.is_read_only() {
        let text = serde_json::to_string(&tuned).context("cannot write numbers as JSON")?;
        journal.set_meta(KEPT, Some(&text))?;
    }
    if context.out.is_json() {
        context.out.json(&tuned)?;
    } else {
        let (word, style) = gate::word(tuned.verdict);
        context.out.line(
            Line::new()
                .plain("on your own entries: ")
                .styled(style, word)
                .dim(format!("  {} against {}", tuned.model, tuned.from)),
        )?;
        gate::checks(context, &tuned.checks)?;
        if tuned.verdict == Verdict::TooFew {
            context.out.note(format!(
                "{} of the {ENOUGH} entries that it takes to say; the figures are shown and not judged",
                tuned.entries
            ));
        }
        if tuned.verdict == Verdict::Failed {
            context.out.note(format!(
                "`companion config set encoder {}` uses the float form for your journal, slower and exact",
                float.name
            ));
        }
    }
    Ok(match tuned.verdict {
        Verdict::Failed => Exit::Failed,
        _ => Exit::Success,
    })
}

/// `checks` as they stand, or not judged where they were made on too few entries.
fn judged(mut checks: Vec<Check>, entries: usize) -> Vec<Check> {
    if entries < ENOUGH {
        let measured = checks.iter_mut();
        measured
            .filter(|check| check.verdict != Verdict::NotMeasured)
            .for_each(|check| check.verdict = Verdict::TooFew);
    }
    checks
}

/// The installed float model that `small` was made from.
fn float_of(store: &ModelStore, small: &ModelInfo) -> anyhow::Result<ModelInfo> {
    if small.quant == "f32" {
        return Err(Failure::usage(format!(
            "{:?} is the float form itself; name the int8 one",
            small.name
        ))
        .into());
    }
    let digits = small.made_from();
    let mut models = store.list()?.into_iter();
    let found = models.find(|model| {
        model.quant == "f32" && !digits.is_empty() && model.sha256.starts_with(&digits)
    });
    found.ok_or_else(|| {
        Failure::not_found(format!(
            "the float model that {} was made from is not installed; `companion model pull minilm` fetches it",
            small.name
        ))
        .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_entries_neither_pass_nor_fail() {
        let checks = |entries: usize, percent| {
            let made = vec![
                Check::agreement("sentiment", entries, percent),
                Check::not_measured("themes", "no entry has a theme"),
            ];
            let judged = judged(made, entries);
            assert_eq!(judged[1].verdict, Verdict::NotMeasured);
            worst(&judged)
        };
        // One of 14 is 7 %, and not yet a reason to give the small form up.
        assert_eq!(checks(14, 92.9), Verdict::TooFew);
        assert_eq!(checks(99, 100.0), Verdict::TooFew);
        assert_eq!(checks(100, 93.0), Verdict::Failed);
        assert_eq!(checks(100, 100.0), Verdict::Passed);
    }
}
