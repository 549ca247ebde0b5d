//! The timed gates: what is timed, and beside what.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use engine::decoder::{Decoder, DecoderOptions, Work};
use engine::encoder::{Encoder, EncoderOptions};
use engine::quant::decoder::{DecoderQuant, Target, quantize_decoder};
use engine::store::ModelStore;
use kernels::Kernels;

use super::figure::{self, Block, Figure};
use super::record::Record;
use super::{GateOptions, RecordedGate, TimedGate};
use crate::texts::{self, Texts};
use crate::{Error, Result, Times};

/// Runs of each side in a block. The first finds the caches and the other pool's threads as the other side left them; the
/// fastest is one of the next.
pub(super) const REPEATS: usize = 3;
/// What each thread reads again and again beside work that the cores limit: it fits the inner caches of every machine.
const CACHED_BYTES: usize = 128 << 10;
/// So often: some milliseconds, like the work.
const CACHED_PASSES: usize = 2_000;
/// What all threads together read beside work that the weights' way to the cores limits: as much as the small decoder has.
const STREAMED_BYTES: usize = 4 << 20;
/// So often: some milliseconds again.
const STREAMED_PASSES: usize = 30;

type Run<'a> = Box<dyn FnMut() -> Result<()> + 'a>;

/// A piece of work and what it is compared with.
pub(super) struct Gate<'a> {
    pub(super) name: &'static str,
    beside: &'static str,
    work: Run<'a>,
    reference: Run<'a>,
}

impl Gate<'_> {
    /// A few runs of the work, then of the reference. `planted`: the share of its time that the work is made longer by;
    /// `works_ms` is told the time of each of its runs.
    fn block(&mut self, planted: f64, works_ms: &mut Vec<f64>) -> Result<Block> {
        let mut block = Block {
            work: f64::INFINITY,
            reference: f64::INFINITY,
            spent: 0.0,
        };
        for _ in 0..REPEATS {
            let work = spent(&mut self.work, planted)?;
            block.work = block.work.min(work);
            block.spent += work;
            works_ms.push(1e3 * work);
        }
        for _ in 0..REPEATS {
            let reference = spent(&mut self.reference, 0.0)?;
            block.reference = block.reference.min(reference);
            block.spent += reference;
        }
        Ok(block)
    }

    /// The ratio of one measurement, for a record.
    pub(super) fn measure(&mut self) -> Result<f64> {
        let mut works_ms = Vec::new(); // a record keeps none of them
        self.block(0.0, &mut works_ms)?; // warm-up
        let figure = Figure::sample(figure::FIRST, || self.block(0.0, &mut works_ms))?;
        Ok(figure.ratio)
    }

    /// Measures and compares.
    pub(super) fn judge(&mut self, record: &Record, planted: f64) -> Result<TimedGate> {
        let known = record.gates.get(self.name).copied();
        let mut works_ms = Vec::new();
        self.block(planted, &mut works_ms)?; // warm-up
        works_ms.clear();
        let (figure, verdict) = figure::judge(known, || self.block(planted, &mut works_ms))?;
        let work = Times::of(&works_ms);
        Ok(TimedGate {
            name: self.name,
            beside: self.beside,
            work_ms: work.p50_ms,
            work_p95_ms: work.p95_ms,
            ratio: figure.ratio,
            recorded: known.map_or(f64::NAN, |known| known.ratio),
            limit: known.map_or(f64::INFINITY, RecordedGate::limit),
            n: figure.blocks,
            verdict,
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
    encoder: Encoder,
    tiny: Option<Decoder>,
    program: std::path::PathBuf,
    home: tempfile::TempDir,
}

impl Bench {
    pub(super) fn open(options: &GateOptions) -> Result<Bench> {
        let folder = options.models_dir.join("minilm-int8");
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
            encoder: Encoder::open(&folder, &EncoderOptions::default())?,
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
        let threads = self.encoder.threads();
        let cached = || reads(threads, CACHED_BYTES, CACHED_PASSES);
        let mut gates = vec![
            gate(
                "a short text",
                "cached reads",
                self.embed(vec![short], 8),
                cached()?,
            ),
            gate(
                "200 words",
                "cached reads",
                self.embed(vec![long], 1),
                cached()?,
            ),
            gate("32 texts together", "one by one", self.embed(few, 1), {
                Box::new(move || {
                    for text in &one_by_one {
                        std::hint::black_box(self.encoder.embed(&[text]));
                    }
                    Ok(())
                })
            }),
        ];
        if let Some(tiny) = &self.tiny {
            gates.push(gate(
                "reading 128 tokens",
                "cached reads",
                read(tiny, 128),
                cached()?,
            ));
            gates.push(gate(
                "writing 16 tokens",
                "reads of 4 MB",
                write(tiny, 1, 16),
                reads(threads, STREAMED_BYTES / threads, STREAMED_PASSES)?,
            ));
            gates.push(gate(
                "8 texts of 16 together",
                "one by one",
                write(tiny, 8, 16),
                {
                    let mut alone = write(tiny, 1, 16);
                    Box::new(move || (0..8).try_for_each(|_| alone()))
                },
            ));
        }
        gates.push(gate(
            "start of the program",
            "start of true",
            self.start(&["version"]),
            {
                let mut command = Command::new("true");
                Box::new(move || ran(command.stdin(Stdio::null())))
            },
        ));
        gates.push(gate(
            "saving an entry",
            "start of true, file synced",
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
    fn embed<'a>(&'a self, texts: Vec<&'a str>, times: usize) -> Run<'a> {
        Box::new(move || {
            for _ in 0..times {
                std::hint::black_box(self.encoder.embed(&texts));
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
    work: Run<'a>,
    reference: Run<'a>,
) -> Gate<'a> {
    Gate {
        name,
        beside,
        work,
        reference,
    }
}

/// Reads `bytes_each` bytes on every thread `passes` times with vector loads. It follows the clock and the caches of all
/// cores as the kernels do, and shares no code with what is judged but the choice of the instruction set: not its pool, so
/// that a slower pool shows.
fn reads(threads: usize, bytes_each: usize, passes: usize) -> Result<Run<'static>> {
    let kernels = Kernels::from_env().map_err(engine::Error::from)?;
    let bytes = vec![1_u8; threads * bytes_each];
    Ok(Box::new(move || {
        let pass = |part: &[u8]| {
            for _ in 0..passes {
                std::hint::black_box(kernels.read_through(std::hint::black_box(part)));
            }
        };
        std::thread::scope(|scope| {
            let (mine, others) = bytes.split_at(bytes_each);
            for part in others.chunks(bytes_each) {
                scope.spawn(move || pass(part));
            }
            pass(mine);
        });
        Ok(())
    }))
}

/// The small decoder in INT8.
fn tiny(from: &Path, dir: &Path) -> Result<Decoder> {
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
    Ok(Decoder::open(
        &store.path("tiny-int8"),
        &DecoderOptions::default(),
    )?)
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
