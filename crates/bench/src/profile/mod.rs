//! What this machine is, and how fast each language model would be on it: measured with our own kernels, then added
//! up. `companion profile` prints it.
//!
//! Nothing here is a table of processors or a formula with a constant of ours. Each model's layer and head run for
//! real, in a model of the same shape with fewer layers ([`engine::speed::Probe`]); a whole model is so many layers
//! more. Only `mixed` is not run: its times lie between those of 4 and 8 bits as its size does.

mod machine;
mod predict;

use std::path::PathBuf;

use engine::speed::{Hands, Probe, ProbeTimes};
use engine::synth::{SHAPES, SynthQuant};
use serde::{Deserialize, Serialize};

pub use machine::{Disk, Hardware, ThreadRate};
pub use predict::{Bits, Prediction, Recommendation};
use predict::{PREDICTED_PROMPT, recommend};

use crate::{COMMIT, Machine, Result};

/// Where to measure, and how.
#[derive(Debug, Clone)]
pub struct ProfileOptions {
    /// A folder on the disk that holds the models; a file of it is written, read and deleted.
    pub dir: PathBuf,
    /// Threads; `None`: what the program would take.
    pub threads: Option<usize>,
}

/// What was measured, and what follows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Profile {
    /// The machine.
    pub machine: Machine,
    /// What it does.
    pub hardware: Hardware,
    /// Each model in each width.
    pub models: Vec<Prediction>,
    /// What to take; none where no model is fast enough or fits.
    pub recommended: Option<Recommendation>,
    /// How long measuring took.
    pub seconds: f64,
    /// When, in seconds since 1970 UTC.
    pub measured_at: u64,
    /// The version of the program.
    pub version: String,
    /// The commit it was built from.
    pub commit: String,
}

/// Prompts that are read for the mean of a layer, and tokens that are written.
const READS: usize = 2;
const STEPS: usize = 12;

/// Measures this machine. `on_step` is told what is measured next, with what is done of how much.
///
/// # Errors
/// When the disk has no room for a gigabyte, or the settings of kernels or threads are wrong.
pub fn measure_profile(
    options: &ProfileOptions,
    on_step: &mut dyn FnMut(&str, u64, u64),
) -> Result<Profile> {
    let begun = std::time::Instant::now();
    let machine = Machine::detect();
    let steps = 4 + 2 * SHAPES.len() as u64;
    let mut done = 0;
    let mut say = |what: &str| {
        on_step(what, done, steps);
        done += 1;
    };
    let hands = Hands::new(options.threads)?;
    say("memory and products");
    let mut hardware = Hardware::measure(&hands)?;
    say("the disk");
    hardware.disk = machine::disk(&options.dir);
    let budget = machine::probe_bytes(hardware.cache_bytes);
    let probe = |arch: &str, quant| Probe::make(&options.dir, arch, quant, budget);
    say("threads");
    hardware.threads = scaling(&probe(SHAPES[0], SynthQuant::Int8)?, hands.threads())?;
    let mut models = Vec::new();
    for arch in SHAPES {
        let mut time = |quant: SynthQuant| -> Result<ProbeTimes> {
            say(&format!("{arch} {}", quant.word()));
            Ok(probe(arch, quant)?.time(&hands, READS, STEPS)?)
        };
        let (four, eight) = (time(SynthQuant::Int4)?, time(SynthQuant::Int8)?);
        models.extend(predict::all(arch, &four, &eight, &hardware)?);
    }
    on_step("done", steps, steps);
    let recommended = recommend(&models, &hardware);
    Ok(Profile {
        machine,
        hardware,
        models,
        recommended,
        seconds: begun.elapsed().as_secs_f64(),
        measured_at: std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: COMMIT.to_owned(),
    })
}

/// The same model with more and more threads: 1, 2, 4 and so on up to `most`.
fn scaling(probe: &Probe, most: usize) -> Result<Vec<ThreadRate>> {
    let mut counts: Vec<usize> = (0..)
        .map(|power| 1 << power)
        .take_while(|n| *n < most)
        .collect();
    counts.push(most);
    counts
        .into_iter()
        .map(|threads| {
            let times = probe.time(&Hands::new(Some(threads))?, 1, STEPS)?;
            Ok(ThreadRate {
                threads,
                prefill_tok_s: PREDICTED_PROMPT as f64 / times.prefill.total_ms(times.layers) * 1e3,
                decode_tok_s: 1e3 / times.decode.total_ms(times.layers),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_can_be_kept_and_read_again_and_has_the_keys_that_scripts_use() {
        let hardware = Hardware {
            kernel: "scalar".into(),
            memory_bytes: Some(8 << 30),
            threads: vec![ThreadRate {
                threads: 1,
                prefill_tok_s: 100.0,
                decode_tok_s: 10.0,
            }],
            ..Hardware::default()
        };
        let profile = Profile {
            machine: Machine::detect(),
            recommended: recommend(&[], &hardware),
            hardware,
            models: Vec::new(),
            seconds: 1.0,
            measured_at: 1,
            version: "0".into(),
            commit: "0".into(),
        };
        let json = serde_json::to_value(&profile).expect("it is JSON");
        for key in [
            "machine",
            "hardware",
            "models",
            "recommended",
            "seconds",
            "version",
            "commit",
        ] {
            assert!(json.get(key).is_some(), "{key}");
        }
        // What was not measured is null, and no number.
        assert!(json["hardware"]["disk"].is_null() && json["recommended"].is_null());
        let again: Profile = serde_json::from_value(json).expect("it reads what it wrote");
        assert_eq!(again.hardware, profile.hardware);
    }

    #[test]
    fn the_disk_is_read_and_nothing_is_left_on_it() {
        let folder = tempfile::tempdir().expect("a folder");
        if let Some(disk) = machine::disk(folder.path()) {
            assert!(disk.read_rate > 1e6 && disk.bytes > 0, "{disk:?}");
        }
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("a folder").count(),
            0
        );
    }
}
