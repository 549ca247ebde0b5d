//! Many texts at once against one after the other: a week of entries, and how speed grows with the rows.
//!
//! Both ways go through the engine's scheduler, with the shared instructions in the cache of prefixes. The tokens of
//! each reply have to be the same in both; a fast wrong answer is not a figure.

mod serving;

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use engine::batch::{Batcher, Class, End, Greedy, Limits, Text, Ticket};
use engine::decoder::{Decoder, DecoderOptions};
use engine::store::ModelStore;
use serde::Serialize;

pub use serving::{Ahead, Asked, Paired, ServingFigures};

use crate::sample::Random;
use crate::times::median;
use crate::{COMMIT, Error, Machine, Result};

/// Entries of a week.
const WEEK: usize = 7;
/// Tokens of the instructions that all entries share.
const INSTRUCTIONS: usize = 200;
/// Tokens of an entry after them.
const ENTRY: usize = 265;
/// Tokens of its reply.
const REPLY: usize = 60;
/// Texts that are written at once, for the curve.
const ROWS: [usize; 5] = [1, 2, 4, 8, 16];
/// Tokens that each text of the curve has read before, and writes.
const CURVE: (usize, usize) = (64, 32);

/// What to measure, and with what.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// The folder of installed models.
    pub models_dir: PathBuf,
    /// A decoder in that folder.
    pub model: String,
    /// Threads; `None`: what the program would take.
    pub threads: Option<usize>,
    /// Runs that count: of the week, each with both ways, and of each point of the curve.
    pub runs: usize,
    /// The same bits on every machine, float weights included.
    pub exact: bool,
    /// Requests for the figures of somebody who waits; 0 leaves them out. A 95th percentile needs 100.
    pub requests: usize,
}

/// The figures of one model.
#[derive(Debug, Clone, Serialize)]
pub struct BatchFigures {
    /// A week of entries.
    pub week: WeekFigures,
    /// How speed grows with the rows.
    pub curve: Vec<CurvePoint>,
    /// What somebody who waits notices, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serving: Option<ServingFigures>,
    /// The kernels in use.
    pub kernel: &'static str,
    /// Threads in use.
    pub threads: usize,
    /// The model's name and the first digits of its digest.
    pub model: String,
    /// `synthetic weights: speed only`, where the weights are that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
    /// Where it ran.
    pub machine: Machine,
    /// The version of the program.
    pub version: &'static str,
    /// The commit it was built from.
    pub commit: &'static str,
}

/// A week of entries, each read after shared instructions and answered.
#[derive(Debug, Clone, Serialize)]
pub struct WeekFigures {
    /// Entries.
    pub entries: usize,
    /// Tokens of the shared instructions, which the cache holds in both ways.
    pub instructions_tokens: usize,
    /// Tokens of an entry.
    pub entry_tokens: usize,
    /// Tokens of a reply.
    pub reply_tokens: usize,
    /// One after the other, median of the runs.
    pub sequential_s: f64,
    /// Together, median of the runs.
    pub batched_s: f64,
    /// The ratio of the medians.
    pub speedup: f64,
    /// Whether the replies have the same tokens.
    pub outputs_equal: bool,
    /// Seconds of each run, one after the other.
    pub sequential_runs_s: Vec<f64>,
    /// Seconds of each run, together.
    pub batched_runs_s: Vec<f64>,
}

/// The speed of so many texts at once.
#[derive(Debug, Clone, Serialize)]
pub struct CurvePoint {
    /// Texts.
    pub rows: usize,
    /// Tokens of all of them a second, prompts not counted; median of the runs.
    pub tok_s: f64,
    /// Each run's.
    pub runs_tok_s: Vec<f64>,
}

impl BatchFigures {
    /// The figures as text, a line each.
    pub fn lines(&self) -> Vec<String> {
        let week = &self.week;
        let mut lines = vec![
            format!(
                "a week of {} entries ({} tokens each after {} shared, {} out)",
                week.entries, week.entry_tokens, week.instructions_tokens, week.reply_tokens
            ),
            format!("  one after the other  {:8.2} s", week.sequential_s),
            format!(
                "  together             {:8.2} s   {:.2} times as fast{}",
                week.batched_s,
                week.speedup,
                if week.outputs_equal {
                    ", the same tokens"
                } else {
                    ", OTHER TOKENS"
                }
            ),
            format!(
                "texts written at once, medians of {}",
                week.batched_runs_s.len()
            ),
        ];
        lines.extend(
            (self.curve.iter())
                .map(|point| format!("  {:2}  {:8.1} tok/s", point.rows, point.tok_s)),
        );
        lines.extend(self.serving.iter().flat_map(ServingFigures::lines));
        lines.push(format!(
            "{}, {}, {} threads{}",
            self.model,
            self.kernel,
            self.threads,
            self.note
                .map_or_else(String::new, |note| format!(", {note}"))
        ));
        lines
    }
}

/// Measures one model.
///
/// # Errors
/// When the model cannot be opened, or a request fails.
pub fn measure_batch(
    options: &BatchOptions,
    on_step: &mut dyn FnMut(&str),
) -> Result<BatchFigures> {
    let store = ModelStore::new(options.models_dir.clone());
    let info = store.get(&options.model)?;
    let decoder_options = DecoderOptions {
        threads: options.threads,
        exact: options.exact,
        ..DecoderOptions::default()
    };
    let decoder = Decoder::open(&store.path(&options.model), &decoder_options)?;
    let limits = Limits {
        max_size: ROWS[ROWS.len() - 1],
        // Everything here is asked for at the same moment.
        gather: Duration::ZERO,
        ..Limits::default()
    };
    let start = |limits| -> Result<Bench> {
        let batcher = Batcher::start(decoder.clone(), limits).map_err(|source| Error::Io {
            path: "a thread".into(),
            source,
        })?;
        Ok(Bench {
            batcher,
            decoder: decoder.clone(),
        })
    };
    let bench = start(limits)?;
    let week = bench.week(options.runs.max(1), on_step)?;
    let mut curve = Vec::new();
    for rows in ROWS {
        on_step(&format!("{rows} texts at once"));
        let runs_tok_s = (0..options.runs.max(1))
            .map(|_| bench.rows(rows))
            .collect::<Result<Vec<_>>>()?;
        curve.push(CurvePoint {
            rows,
            tok_s: median(&runs_tok_s),
            runs_tok_s,
        });
    }
    let serving = match options.requests {
        0 => None,
        requests => Some(start(Limits::default())?.serving(requests, on_step)?),
    };
    Ok(BatchFigures {
        week,
        curve,
        serving,
        kernel: bench.decoder.kernel_name(),
        threads: bench.decoder.threads(),
        model: bench.decoder.model_id().to_owned(),
        note: info
            .is_synthetic()
            .then_some("synthetic weights: speed only"),
        machine: Machine::detect(),
        version: env!("CARGO_PKG_VERSION"),
        commit: COMMIT,
    })
}

struct Bench {
    batcher: Batcher,
    decoder: Decoder,
}

/// A reply on its way.
struct Open {
    ticket: Ticket,
    heard: mpsc::Receiver<u32>,
}

impl Open {
    fn tokens(self) -> Result<Vec<u32>> {
        match self.ticket.wait() {
            End::Done => Ok(self.heard.iter().collect()),
            _ => Err(Error::WrongAnswer("batch")),
        }
    }
}

impl Bench {
    /// Asks for `count` tokens after `prompt`.
    fn submit(&self, prompt: &[u32], count: usize) -> Result<Open> {
        self.submit_as(Class::Summary, prompt, count)
    }

    fn submit_as(&self, class: Class, prompt: &[u32], count: usize) -> Result<Open> {
        let (to, heard) = mpsc::channel();
        let ticket = self
            .batcher
            .submit(Text {
                class,
                prompt: prompt.to_vec(),
                reply: count,
                driver: Some(Box::new(Greedy::new(count, to))),
                timeout: None,
            })
            .map_err(|_| Error::WrongAnswer("batch"))?;
        Ok(Open { ticket, heard })
    }

    /// Reads `prompt`, so that whoever begins with it finds it.
    fn read(&self, prompt: &[u32]) -> Result<()> {
        let text = Text {
            class: Class::Summary,
            prompt: prompt.to_vec(),
            reply: 0,
            driver: None,
            timeout: None,
        };
        match self.batcher.submit(text).map(Ticket::wait) {
            Ok(End::Done) => Ok(()),
            _ => Err(Error::WrongAnswer("batch")),
        }
    }

    /// Random tokens; the first thousand of a vocabulary mark and spell, the others stand for words.
    fn tokens(&self, random: &mut Random, count: usize) -> Vec<u32> {
        let known = self.decoder.config().vocab_size;
        let first = 1000.min(known / 2);
        (0..count)
            .map(|_| (first + random.below(known - first - 1000.min(known / 4))) as u32)
            .collect()
    }

    fn week(&self, runs: usize, on_step: &mut dyn FnMut(&str)) -> Result<WeekFigures> {
        let mut random = Random(7);
        let instructions = self.tokens(&mut random, INSTRUCTIONS);
        let prompts: Vec<Vec<u32>> = (0..WEEK)
            .map(|_| [instructions.clone(), self.tokens(&mut random, ENTRY)].concat())
            .collect();
        let (mut sequential, mut batched, mut equal) = (Vec::new(), Vec::new(), true);
        // The first run of each way warms up with two entries: weights are mapped in, and the scheduler learns what a step costs.
        for run in 0..=runs {
            let prompts = if run == 0 { &prompts[..2] } else { &prompts };
            on_step(&format!("a week, one after the other ({run} of {runs})"));
            let (alone_s, alone) = self.one_after_the_other(&instructions, prompts)?;
            on_step(&format!("a week, together ({run} of {runs})"));
            let (together_s, together) = self.together(&instructions, prompts)?;
            equal &= alone == together;
            if run > 0 {
                sequential.push(alone_s);
                batched.push(together_s);
            }
        }
        let (sequential_s, batched_s) = (median(&sequential), median(&batched));
        Ok(WeekFigures {
            entries: WEEK,
            instructions_tokens: INSTRUCTIONS,
            entry_tokens: ENTRY,
            reply_tokens: REPLY,
            sequential_s,
            batched_s,
            speedup: sequential_s / batched_s,
            outputs_equal: equal,
            sequential_runs_s: sequential,
            batched_runs_s: batched,
        })
    }

    fn one_after_the_other(
        &self,
        instructions: &[u32],
        prompts: &[Vec<u32>],
    ) -> Result<(f64, Vec<Vec<u32>>)> {
        self.decoder.clear_kv();
        self.read(instructions)?;
        let begun = Instant::now();
        let replies = prompts
            .iter()
            .map(|prompt| self.submit(prompt, REPLY)?.tokens())
            .collect::<Result<_>>()?;
        Ok((begun.elapsed().as_secs_f64(), replies))
    }

    fn together(&self, instructions: &[u32], prompts: &[Vec<u32>]) -> Result<(f64, Vec<Vec<u32>>)> {
        self.decoder.clear_kv();
        self.read(instructions)?;
        let begun = Instant::now();
        let open: Vec<Open> = prompts
            .iter()
            .map(|prompt| self.submit(prompt, REPLY))
            .collect::<Result<_>>()?;
        let replies = open.into_iter().map(Open::tokens).collect::<Result<_>>()?;
        Ok((begun.elapsed().as_secs_f64(), replies))
    }

    /// Tokens a second of `rows` texts that are written at once.
    fn rows(&self, rows: usize) -> Result<f64> {
        let (read, write) = CURVE;
        let mut random = Random(rows as u64);
        self.decoder.clear_kv();
        let prompts: Vec<Vec<u32>> = (0..rows).map(|_| self.tokens(&mut random, read)).collect();
        for prompt in &prompts {
            self.read(prompt)?;
        }
        let begun = Instant::now();
        let open: Vec<Open> = prompts
            .iter()
            .map(|prompt| self.submit(prompt, write))
            .collect::<Result<_>>()?;
        for text in open {
            if text.tokens()?.len() != write {
                return Err(Error::WrongAnswer("batch"));
            }
        }
        Ok((rows * write) as f64 / begun.elapsed().as_secs_f64())
    }
}
