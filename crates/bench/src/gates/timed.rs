//! The timed gates: what is timed, and beside what.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use engine::decoder::{Decoder, DecoderOptions, Work};
use engine::encoder::{Encoder, EncoderOptions};
use engine::quant::decoder::{DecoderQuant, Target, quantize_decoder};
use engine::store::ModelStore;
use kernels::Isa;

use super::record::Record;
use super::{GateOptions, TimedGate};
use crate::texts::{self, Texts};
use crate::times::percentile;
use crate::{Error, Result, Times};

type Run<'a> = Box<dyn FnMut() -> Result<()> + 'a>;

/// A piece of work and what it is compared with.
pub(super) struct Gate<'a> {
    pub(super) name: &'static str,
    beside: &'static str,
    rounds: usize,
    work: Run<'a>,
    reference: Run<'a>,
}

/// One measurement of a gate.
pub(super) struct Measured {
    pub(super) ratio: f64,
    work: Times,
}

impl Gate<'_> {
    /// The median ratio over the rounds, of which the first two do not count. `planted`: the share of its time that the
    /// work is made longer by.
    pub(super) fn measure(&mut self, planted: f64) -> Result<Measured> {
        let (mut ratios, mut works) = (Vec::new(), Vec::new());
        for round in 0..self.rounds + 2 {
            // Who goes first changes, so that neither always follows the other into a warm cache.
            let (work, reference) = if round % 2 == 0 {
                let work = spent(&mut self.work, planted)?;
                (work, spent(&mut self.reference, 0.0)?)
            } else {
                let reference = spent(&mut self.reference, 0.0)?;
                (spent(&mut self.work, planted)?, reference)
            };
            if round >= 2 {
                ratios.push(work / reference);
                works.push(1e3 * work);
            }
        }
        ratios.sort_by(f64::total_cmp);
        Ok(Measured {
            ratio: percentile(&ratios, 0.5),
            work: Times::of(&works),
        })
    }

    /// Measures and compares; what alarms is measured once more, and only alarms if it does again.
    pub(super) fn judge(&mut self, record: &Record, planted: f64) -> Result<TimedGate> {
        let known = record.gates.get(self.name).copied();
        let limit = known.map_or(f64::INFINITY, super::RecordedGate::limit);
        let mut measured = self.measure(planted)?;
        if measured.ratio > limit {
            let again = self.measure(planted)?;
            if again.ratio < measured.ratio {
                measured = again;
            }
        }
        Ok(TimedGate {
            name: self.name,
            beside: self.beside,
            work_ms: measured.work.p50_ms,
            work_p95_ms: measured.work.p95_ms,
            ratio: measured.ratio,
            recorded: known.map_or(f64::NAN, |known| known.ratio),
            limit,
            n: self.rounds,
            alarm: measured.ratio > limit,
        })
    }
}

/// Seconds of one run, which `planted` makes longer by that share: the hook that shows whether the gates close.
fn spent(run: &mut Run<'_>, planted: f64) -> Result<f64> {
    let begun = Instant::now();
    run()?;
    let mut spent = begun.elapsed();
    let end = spent.mul_f64(1.0 + planted);
    while planted > 0.0 && spent < end {
        std::hint::spin_loop();
        spent = begun.elapsed();
    }
    Ok(spent.as_secs_f64())
}

/// Everything that the gates work with.
pub(super) struct Bench {
    texts: Texts,
    fast: Encoder,
    scalar: Encoder,
    tiny: Option<(Decoder, Decoder)>,
    program: std::path::PathBuf,
    home: tempfile::TempDir,
}

impl Bench {
    pub(super) fn open(options: &GateOptions) -> Result<Bench> {
        let folder = options.models_dir.join("minilm-int8");
        let open = |kernel| {
            let options = EncoderOptions {
                kernel,
                ..EncoderOptions::default()
            };
            Encoder::open(&folder, &options)
        };
        let home = tempfile::tempdir().map_err(|source| Error::Io {
            path: std::env::temp_dir(),
            source,
        })?;
        let tiny = options
            .tiny
            .as_deref()
            .map(|from| tiny(from, home.path()))
            .transpose()?;
        Ok(Bench {
            texts: texts::load(),
            fast: open(None)?,
            scalar: open(Some(Isa::Scalar))?,
            tiny,
            program: options.program.clone(),
            home,
        })
    }

    pub(super) fn gates(&self) -> Result<Vec<Gate<'_>>> {
        let short = self.texts.short.as_str();
        let long = self.texts.long.as_str();
        let few: Vec<&str> = self
            .texts
            .bulk_short
            .iter()
            .take(32)
            .map(String::as_str)
            .collect();
        let one_by_one = few.clone();
        let mut gates = vec![
            gate(
                "a short text",
                "scalar",
                100,
                self.embed(&self.fast, vec![short], 8),
                self.embed(&self.scalar, vec![short], 1),
            ),
            gate(
                "200 words",
                "scalar, short",
                100,
                self.embed(&self.fast, vec![long], 1),
                self.embed(&self.scalar, vec![short], 1),
            ),
            gate(
                "32 texts together",
                "one by one",
                60,
                self.embed(&self.fast, few, 1),
                {
                    Box::new(move || {
                        for text in &one_by_one {
                            std::hint::black_box(self.fast.embed(&[text]));
                        }
                        Ok(())
                    })
                },
            ),
        ];
        if let Some((fast, scalar)) = &self.tiny {
            gates.push(gate(
                "reading 128 tokens",
                "scalar, 16",
                100,
                read(fast, 128),
                read(scalar, 16),
            ));
            gates.push(gate(
                "writing 16 tokens",
                "scalar, 4",
                100,
                write(fast, 1, 16),
                write(scalar, 1, 4),
            ));
            gates.push(gate(
                "8 texts of 16 together",
                "one by one",
                60,
                write(fast, 8, 16),
                {
                    let mut alone = write(fast, 1, 16);
                    Box::new(move || (0..8).try_for_each(|_| alone()))
                },
            ));
        }
        gates.push(gate(
            "start of the program",
            "start of true",
            60,
            self.start(&["version"]),
            {
                let mut command = Command::new("true");
                Box::new(move || ran(command.stdin(Stdio::null())))
            },
        ));
        gates.push(gate(
            "saving an entry",
            "start of true, file synced",
            60,
            self.start(&["new", "--no-analysis", "a plain line"]),
            {
                let mut command = Command::new("true");
                let path = self.home.path().join("synced");
                Box::new(move || {
                    ran(command.stdin(Stdio::null()))?;
                    synced(&path)
                })
            },
        ));
        Ok(gates)
    }

    /// Embeds `texts` in one call, `times` times.
    fn embed<'a>(&'a self, encoder: &'a Encoder, texts: Vec<&'a str>, times: usize) -> Run<'a> {
        Box::new(move || {
            for _ in 0..times {
                std::hint::black_box(encoder.embed(&texts));
            }
            Ok(())
        })
    }

    /// Starts the program in a home of its own.
    fn start(&self, arguments: &[&str]) -> Run<'_> {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("COMPANION_HOME", self.home.path().join("home"))
            .env_remove("COMPANION_PASSPHRASE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Box::new(move || ran(&mut command))
    }
}

fn gate<'a>(
    name: &'static str,
    beside: &'static str,
    rounds: usize,
    work: Run<'a>,
    reference: Run<'a>,
) -> Gate<'a> {
    Gate {
        name,
        beside,
        rounds,
        work,
        reference,
    }
}

/// The small decoder in INT8, with the best kernels and with the scalar ones.
fn tiny(from: &Path, dir: &Path) -> Result<(Decoder, Decoder)> {
    let store = ModelStore::new(dir.join("models"));
    store.import(from, Some("tiny"))?;
    let quant = DecoderQuant {
        to: Target::Int8,
        group: None,
        budget_bytes: None,
    };
    let plain = ["A plain day. The bus was late and the soup was good.".to_owned()];
    quantize_decoder(
        &store,
        "tiny",
        "tiny-int8",
        &quant,
        Some(&plain),
        &mut |_, _| {},
    )?;
    let open = |kernel| {
        let options = DecoderOptions {
            kernel,
            ..DecoderOptions::default()
        };
        Decoder::open(&store.path("tiny-int8"), &options)
    };
    Ok((open(None)?, open(Some(Isa::Scalar))?))
}

/// Reads a prompt of `tokens` tokens that the cache does not hold.
fn read(decoder: &Decoder, tokens: u32) -> Run<'_> {
    let prompt: Vec<u32> = (0..tokens).map(|i| 300 + i * 7 % 1000).collect();
    Box::new(move || {
        decoder.clear_kv();
        let mut sequence = decoder.start(&prompt)?;
        let work = Work {
            sequence: &mut sequence,
            tokens: &prompt,
            logits: true,
        };
        std::hint::black_box(decoder.forward(&mut [work])?);
        Ok(())
    })
}

/// Writes `tokens` tokens in `rows` texts at once, each after a prompt of four.
fn write(decoder: &Decoder, rows: u32, tokens: usize) -> Run<'_> {
    Box::new(move || {
        decoder.clear_kv();
        let mut next: Vec<Vec<u32>> = (0..rows)
            .map(|row| vec![300 + row, 301, 302, 303])
            .collect();
        let mut sequences = next
            .iter()
            .map(|prompt| decoder.start(prompt))
            .collect::<engine::Result<Vec<_>>>()?;
        for step in 0..tokens as u32 {
            let mut work: Vec<Work<'_>> = sequences
                .iter_mut()
                .zip(&next)
                .map(|(sequence, tokens)| Work {
                    sequence,
                    tokens,
                    logits: true,
                })
                .collect();
            std::hint::black_box(decoder.forward(&mut work)?);
            next = (0..rows).map(|row| vec![310 + row + step]).collect();
        }
        Ok(())
    })
}

fn ran(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_owned();
    let failed = |said: String| Error::Program {
        program: program.clone().into(),
        arguments: String::new(),
        said,
    };
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(status.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// A small file, written and forced to the disk: what a save cannot do without.
fn synced(path: &Path) -> Result<()> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    for _ in 0..4 {
        std::fs::write(path, [7_u8; 4096]).map_err(io)?;
        std::fs::File::open(path)
            .and_then(|file| file.sync_all())
            .map_err(io)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::gates::record::RecordedGate;

    fn busy(of: Duration) -> Run<'static> {
        Box::new(move || {
            let begun = Instant::now();
            while begun.elapsed() < of {
                std::hint::spin_loop();
            }
            Ok(())
        })
    }

    #[test]
    fn a_gate_alarms_when_the_work_outgrows_its_record_and_not_otherwise() {
        let mut gate = gate(
            "busy",
            "busy",
            20,
            busy(Duration::from_millis(2)),
            busy(Duration::from_millis(2)),
        );
        let record = |ratio| Record {
            commit: String::new(),
            gates: [(
                "busy".to_owned(),
                RecordedGate {
                    ratio,
                    scatter: 0.0,
                    runs: 1,
                },
            )]
            .into(),
        };
        // Twice what it was cannot be noise, and neither can half of it.
        assert!(gate.judge(&record(0.5), 0.0).unwrap().alarm);
        assert!(!gate.judge(&record(2.0), 0.0).unwrap().alarm);
        assert!(
            gate.judge(&record(1.0), 0.5).unwrap().alarm,
            "half more was planted"
        );
    }

    #[test]
    fn a_gate_without_a_record_never_alarms() {
        let mut gate = gate(
            "new",
            "busy",
            3,
            busy(Duration::from_millis(1)),
            busy(Duration::from_micros(10)),
        );
        let record = Record {
            commit: String::new(),
            gates: Default::default(),
        };
        assert!(!gate.judge(&record, 0.0).unwrap().alarm);
    }
}
