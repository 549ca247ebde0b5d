//! Runs the suites that were asked for.

use std::time::Instant;

use engine::store::ModelStore;

use crate::{
    BatchFigures, BatchOptions, Kinds, Options, Report, Result, RooflineFigures, Suite, batch,
    cache, encoder, inference, journal_suite, peers, quantization, roofline, sample, startup,
    workflow,
};

/// Measures; `on_step` hears what is being done now, its suite first: `encoder: opening`.
///
/// What a suite needs and does not find is told in the report; the other suites run.
///
/// # Errors
/// When a suite failed, or gave a wrong answer: a fast wrong answer is not a figure.
pub fn run(options: &Options, on_step: &mut dyn FnMut(&str)) -> Result<Report> {
    let begun = Instant::now();
    let mut report = Report::begin(options.quick);
    let missing = Missing::look(options);
    if let Some(folder) = &options.peers {
        let (files, warnings) = peers::read(folder, &report.machine.cpu, report.commit)?;
        report.peers = files;
        report.warnings.extend(warnings);
        if report.peers.is_empty() {
            let reason = format!("{} has no file that bench/peers wrote", folder.display());
            report.not_measured.insert("peers", reason);
        }
    }
    for suite in Suite::ALL {
        if !options.suites.contains(&suite) {
            continue;
        }
        if let Some(reason) = missing.reason(suite) {
            report.not_measured.insert(suite.name(), reason);
            continue;
        }
        let suite_begun = Instant::now();
        match suite {
            Suite::Inference => {
                let models = inference::suite(options, on_step)?;
                on_step("inference: the limits of this machine");
                let limits = roofline::limits(options)?;
                report.roofline = Some(RooflineFigures::new(limits, &models, &report.peers));
                report.inference = Some(models);
                // What a name left out is not missing.
                for (what, reason, left_out) in [
                    (
                        "inference of the encoder",
                        &missing.encoder,
                        Kinds::Decoders,
                    ),
                    (
                        "inference of language models",
                        &missing.decoder,
                        Kinds::Encoder,
                    ),
                ] {
                    if let Some(reason) = reason.clone().filter(|_| options.kinds != left_out) {
                        report.not_measured.insert(what, reason);
                    }
                }
            }
            Suite::Encoder => report.encoder = Some(encoder::measure(options, on_step)?),
            Suite::Quantization => {
                let (figures, reasons) = quantization::suite(options, on_step)?;
                report.quantization = Some(figures);
                if !reasons.is_empty() {
                    report.not_measured.insert(suite.name(), reasons.join("; "));
                }
            }
            Suite::Batch => report.batch = Some(batches(options, &mut report, on_step)?),
            Suite::Cache => report.cache = Some(cache::measure(options, on_step)?),
            // After the others, in a journal of many entries.
            Suite::Journal | Suite::Startup => continue,
        }
        took(suite, suite_begun, &mut report);
    }
    with_sample(options, &missing, &mut report, on_step)?;
    report.warn();
    report.seconds = begun.elapsed().as_secs_f64();
    Ok(report)
}

/// Keeps how long `suite` took.
fn took(suite: Suite, begun: Instant, report: &mut Report) {
    (report.suite_seconds).insert(suite.name(), begun.elapsed().as_secs_f64());
}

/// The two suites that need a journal of many entries, which is made once.
fn with_sample(
    options: &Options,
    missing: &Missing,
    report: &mut Report,
    on_step: &mut dyn FnMut(&str),
) -> Result<()> {
    let asked = |suite| options.suites.contains(&suite);
    if !asked(Suite::Journal) && !asked(Suite::Startup) {
        return Ok(());
    }
    let begun = Instant::now();
    on_step(&format!(
        "journal: making one of {} entries",
        options.entries
    ));
    let sample = sample::Sample::make(options)?;
    if asked(Suite::Journal) {
        report.journal = Some(journal_suite::measure(options, &sample, on_step)?);
        flows(options, missing, &sample, report, on_step)?;
        took(Suite::Journal, begun, report);
    }
    if asked(Suite::Startup) {
        let begun = match asked(Suite::Journal) {
            true => Instant::now(),
            false => begun,
        };
        report.startup = Some(startup::measure(options, &sample, on_step)?);
        took(Suite::Startup, begun, report);
    }
    Ok(())
}

/// What a user does, which needs the encoder; and how good the summaries are, which needs a labelled set.
fn flows(
    options: &Options,
    missing: &Missing,
    sample: &sample::Sample,
    report: &mut Report,
    on_step: &mut dyn FnMut(&str),
) -> Result<()> {
    if let Some(reason) = &missing.encoder {
        report.not_measured.insert("workflow", reason.clone());
        return Ok(());
    }
    report.workflow = Some(workflow::measure(options, sample, on_step)?);
    report.summaries = workflow::quality(options, on_step)?;
    if report.summaries.is_none() {
        let reason = "needs --data DIR with labelled/covidet.jsonl below it";
        report
            .not_measured
            .insert("quality of summaries", reason.to_owned());
    }
    Ok(())
}

/// The small language models and the largest one: a large one takes minutes.
fn batches(
    options: &Options,
    report: &mut Report,
    on_step: &mut dyn FnMut(&str),
) -> Result<Vec<BatchFigures>> {
    let store = ModelStore::new(options.models_dir.clone());
    let bytes = |model: &String| store.get(model).map_or(0, |info| info.bytes);
    let largest = options.decoders.iter().max_by_key(|model| bytes(model));
    let (taken, left): (Vec<_>, Vec<_>) = (options.decoders.iter())
        .partition(|model| bytes(model) < inference::SMALL || Some(*model) == largest);
    if !left.is_empty() {
        let names: Vec<&str> = left.iter().map(|name| name.as_str()).collect();
        let reason = format!(
            "{}: of large models only the largest; `--batch -m NAME` measures another",
            names.join(", ")
        );
        report.not_measured.insert("batch of others", reason);
    }
    let one = |model: &String| {
        let wanted = BatchOptions {
            models_dir: options.models_dir.clone(),
            model: model.clone(),
            threads: options.threads,
            runs: options.count(3, 1).min(9),
            exact: false,
            requests: options.requests,
        };
        batch::measure_batch(&wanted, &mut |step| {
            on_step(&format!("batch: {model}, {step}"))
        })
    };
    taken.into_iter().map(one).collect()
}

/// Why a kind of models cannot be measured, where it cannot.
struct Missing {
    encoder: Option<String>,
    decoder: Option<String>,
}

impl Missing {
    fn look(options: &Options) -> Missing {
        let store = ModelStore::new(options.models_dir.clone());
        let no_decoder = || match options.kinds {
            Kinds::Encoder => format!(
                "{} is an encoder, and this is about language models",
                options.model
            ),
            Kinds::Both | Kinds::Decoders => NO_DECODER.to_owned(),
        };
        Missing {
            encoder: store.get(&options.model).err().map(|e| e.to_string()),
            decoder: options.decoders.is_empty().then(no_decoder),
        }
    }

    /// Why `suite` cannot run.
    fn reason(&self, suite: Suite) -> Option<String> {
        match suite {
            Suite::Encoder | Suite::Cache => self.encoder.clone(),
            Suite::Inference if self.decoder.is_some() => self.encoder.clone(),
            Suite::Batch => self.decoder.clone(),
            _ => None,
        }
    }
}

const NO_DECODER: &str = "no language model is installed; `companion model pull`, or `companion model synth` for random \
    weights of the right shape";
