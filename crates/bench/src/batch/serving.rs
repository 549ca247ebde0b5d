//! What somebody who waits notices: of the queue while it is empty, of bulk work that runs beside, and of reading ahead.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use engine::batch::{Class, End, Greedy, ReadAhead, ScoreLabels, Text};
use engine::decoder::Work;
use serde::Serialize;

use super::{Bench, INSTRUCTIONS, Open};
use crate::sample::Random;
use crate::times::percentile;
use crate::{Error, Result};

/// A request that somebody waits for: tokens after the instructions, and tokens out.
const ASKED: (usize, usize) = (60, 12);
/// A text of bulk work.
const BULK: (usize, usize) = (265, 60);
/// The long one among them.
const LONG: usize = 4096;
/// Bulk texts that are always there.
const BACKLOG: usize = 10;
/// Words of the entries that are read ahead, and tokens a word.
const WORDS: [usize; 5] = [50, 100, 200, 400, 600];
const TOKENS_A_WORD: f64 = 1.3;
/// Tokens of a sentence, and of a question after the entry.
const SENTENCE: usize = 20;
const QUESTION: usize = 24;
/// Answers that follow one entry.
const ANSWERS: usize = 4;

/// What somebody who waits notices.
#[derive(Debug, Clone, Serialize)]
pub struct ServingFigures {
    /// A lone request through the idle queue less the same work without it, in pairs.
    pub lone: Paired,
    /// With nothing beside.
    pub idle: Asked,
    /// While bulk work runs, a prompt of 4096 tokens among it.
    pub beside_bulk: Asked,
    /// Bulk tokens read and written a second meanwhile.
    pub bulk_tok_s: f64,
    /// Reading ahead, by the length of the entry.
    pub ahead: Vec<Ahead>,
    /// Prompt tokens computed for four answers about one entry, as a share of those for one.
    pub four_answers_ratio: f64,
}

/// Differences of pairs.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Paired {
    /// Pairs.
    pub n: usize,
    /// The mean difference.
    pub mean_ms: f64,
    /// The lower and the upper end of its 95 % interval.
    pub interval_ms: [f64; 2],
}

/// Requests that somebody waited for.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Asked {
    /// Requests.
    pub n: usize,
    /// To the end, median and 95th percentile. A percentile is there from so many samples on that a hundred, for the
    /// 99th a thousand, are behind it.
    pub p50_ms: f64,
    /// See `p50_ms`.
    pub p95_ms: Option<f64>,
    /// To the first token, 95th percentile.
    pub first_p95_ms: Option<f64>,
    /// Between two tokens, 99th percentile over all requests.
    pub gap_p99_ms: Option<f64>,
}

/// An entry that is analysed (two questions by label scoring) when it is saved.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Ahead {
    /// Its words.
    pub words: usize,
    /// From saving to the analysis where nothing of it was read before.
    pub cold_ms: f64,
    /// The same where all but its last sentence was.
    pub ahead_ms: f64,
}

impl ServingFigures {
    pub(super) fn lines(&self) -> Vec<String> {
        let ms = |value: Option<f64>| {
            value.map_or_else(|| "n too small".to_owned(), |ms| format!("{ms:.0} ms"))
        };
        let asked = |name: &str, asked: &Asked| {
            format!(
                "  {name:22} p50 {:.0} ms, p95 {}, first token p95 {}, between tokens p99 {} ({} requests)",
                asked.p50_ms,
                ms(asked.p95_ms),
                ms(asked.first_p95_ms),
                ms(asked.gap_p99_ms),
                asked.n
            )
        };
        let mut lines = vec![
            "somebody waits".to_owned(),
            format!(
                "  what the queue adds    {:+.2} ms (95 %: {:+.2} to {:+.2}, {} pairs)",
                self.lone.mean_ms, self.lone.interval_ms[0], self.lone.interval_ms[1], self.lone.n
            ),
            asked("nothing beside", &self.idle),
            asked("bulk work beside", &self.beside_bulk),
            format!("  bulk work meanwhile    {:.0} tok/s", self.bulk_tok_s),
            "from saving to the analysis".to_owned(),
        ];
        lines.extend(self.ahead.iter().map(|a| {
            format!(
                "  {:3} words  {:7.0} ms cold, {:6.0} ms read ahead",
                a.words, a.cold_ms, a.ahead_ms
            )
        }));
        lines.push(format!(
            "  four answers read {:.3} times the tokens of one",
            self.four_answers_ratio
        ));
        lines
    }
}

/// The percentile of sorted samples, where there are `least` of them.
fn enough(sorted: &[f64], least: usize, share: f64) -> Option<f64> {
    (sorted.len() >= least).then(|| percentile(sorted, share))
}

impl Bench {
    pub(super) fn serving(
        &self,
        requests: usize,
        on_step: &mut dyn FnMut(&str),
    ) -> Result<ServingFigures> {
        let mut random = Random(11);
        let instructions = self.tokens(&mut random, INSTRUCTIONS);
        on_step("what the queue adds to a lone request");
        let lone = self.lone(requests)?;
        on_step("requests with nothing beside");
        self.decoder.clear_kv();
        self.read(&instructions)?;
        let idle = self.asked(&instructions, &mut random, requests, &mut || Ok(()))?;
        on_step("requests beside bulk work");
        let (beside_bulk, bulk_tok_s) = self.beside_bulk(&instructions, &mut random, requests)?;
        on_step("reading ahead");
        let ahead = WORDS
            .iter()
            .map(|words| self.ahead(&instructions, &mut random, *words))
            .collect::<Result<_>>()?;
        Ok(ServingFigures {
            lone,
            idle,
            beside_bulk,
            bulk_tok_s,
            ahead,
            four_answers_ratio: self.four_answers(&instructions, &mut random)?,
        })
    }

    /// The same few tokens through the queue and without it, in turns.
    fn lone(&self, pairs: usize) -> Result<Paired> {
        let (read, write) = (16, 2);
        let mut random = Random(3);
        let mut differences = Vec::new();
        for pair in 0..pairs + 2 {
            let prompt = self.tokens(&mut random, read);
            let through = |bench: &Bench| -> Result<(f64, Vec<u32>)> {
                bench.decoder.clear_kv();
                let begun = Instant::now();
                let tokens = bench
                    .submit_as(Class::Interactive, &prompt, write)?
                    .tokens()?;
                Ok((begun.elapsed().as_secs_f64(), tokens))
            };
            let without = |bench: &Bench| -> Result<(f64, Vec<u32>)> {
                bench.decoder.clear_kv();
                let begun = Instant::now();
                let tokens = bench.alone(&prompt, write)?;
                Ok((begun.elapsed().as_secs_f64(), tokens))
            };
            let (a, b) = match pair % 2 {
                0 => (through(self)?, without(self)?),
                _ => {
                    let b = without(self)?;
                    (through(self)?, b)
                }
            };
            if a.1 != b.1 {
                return Err(Error::WrongAnswer("batch"));
            }
            if pair >= 2 {
                differences.push((a.0 - b.0) * 1e3);
            }
        }
        let n = differences.len() as f64;
        let mean = differences.iter().sum::<f64>() / n;
        let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let half = 1.96 * (variance / n).sqrt();
        Ok(Paired {
            n: differences.len(),
            mean_ms: mean,
            interval_ms: [mean - half, mean + half],
        })
    }

    /// A reply as the decoder gives it to somebody who is alone with it.
    fn alone(&self, prompt: &[u32], count: usize) -> Result<Vec<u32>> {
        let mut sequence = self.decoder.start(prompt)?;
        let mut tokens = Vec::new();
        let mut unread = prompt[sequence.len()..].to_vec();
        while tokens.len() < count {
            let mut work = [Work {
                sequence: &mut sequence,
                tokens: &unread,
                logits: true,
            }];
            let logits = self.decoder.forward(&mut work)?.remove(0);
            let token = self
                .decoder
                .argmax(&logits.ok_or(Error::WrongAnswer("batch"))?);
            tokens.push(token);
            unread = vec![token];
        }
        Ok(tokens)
    }

    /// Asks one after the other; `between` is called before each.
    fn asked(
        &self,
        instructions: &[u32],
        random: &mut Random,
        requests: usize,
        between: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Asked> {
        let (new, out) = ASKED;
        let (mut totals, mut firsts, mut gaps) = (Vec::new(), Vec::new(), Vec::new());
        for request in 0..requests + 1 {
            between()?;
            let prompt = [instructions, &self.tokens(random, new)].concat();
            let begun = Instant::now();
            let open = self.submit_as(Class::Interactive, &prompt, out)?;
            let mut last = begun;
            let mut times = Vec::new();
            while open.heard.recv().is_ok() {
                times.push(last.elapsed().as_secs_f64() * 1e3);
                last = Instant::now();
            }
            if open.ticket.wait() != End::Done || times.len() != out {
                return Err(Error::WrongAnswer("batch"));
            }
            // The first one warms up.
            if request > 0 {
                totals.push(begun.elapsed().as_secs_f64() * 1e3);
                firsts.push(times[0]);
                gaps.extend(&times[1..]);
            }
        }
        [&mut totals, &mut firsts, &mut gaps]
            .into_iter()
            .for_each(|samples| samples.sort_by(f64::total_cmp));
        Ok(Asked {
            n: totals.len(),
            p50_ms: percentile(&totals, 0.5),
            p95_ms: enough(&totals, 100, 0.95),
            first_p95_ms: enough(&firsts, 100, 0.95),
            gap_p99_ms: enough(&gaps, 1_000, 0.99),
        })
    }

    fn beside_bulk(
        &self,
        instructions: &[u32],
        random: &mut Random,
        requests: usize,
    ) -> Result<(Asked, f64)> {
        let mut bulk_random = Random(13);
        let mut backlog: Vec<Open> = Vec::new();
        // The long prompt is there from the beginning.
        let long = self.tokens(&mut bulk_random, LONG.min(self.decoder.context() / 2));
        backlog.push(self.submit_as(Class::Bulk, &long, BULK.1)?);
        let rows_before = self.batcher.stats().rows;
        let begun = Instant::now();
        let asked = self.asked(instructions, random, requests, &mut || {
            backlog.retain(|open| open.ticket.wait_for(Duration::ZERO).is_none());
            while backlog.len() < BACKLOG {
                let text = [instructions, &self.tokens(&mut bulk_random, BULK.0)].concat();
                backlog.push(self.submit_as(Class::Bulk, &text, BULK.1)?);
            }
            Ok(())
        })?;
        let own = (requests + 1) * (ASKED.0 + ASKED.1 - 1);
        let rows = (self.batcher.stats().rows - rows_before) as f64 - own as f64;
        let bulk_tok_s = rows / begun.elapsed().as_secs_f64();
        drop(backlog);
        Ok((asked, bulk_tok_s))
    }

    /// Two questions about what begins with `prompt`, by label scoring. Gives the prompt tokens that were computed.
    fn analyse(&self, prompt: &[u32], random: &mut Random) -> Result<usize> {
        let mut computed = 0;
        for labels in [3, 20] {
            let asked = [prompt, &self.tokens(random, QUESTION)].concat();
            computed += self.score(&asked, labels, random)?;
        }
        Ok(computed)
    }

    fn score(&self, prompt: &[u32], labels: usize, random: &mut Random) -> Result<usize> {
        let labels = (0..labels).map(|_| self.tokens(random, 1)).collect();
        let (to, heard) = mpsc::channel();
        let driver = ScoreLabels::new(labels, to);
        let ticket = self
            .batcher
            .submit(Text {
                class: Class::Interactive,
                prompt: prompt.to_vec(),
                reply: driver.reply(),
                driver: Some(Box::new(driver)),
                timeout: None,
            })
            .map_err(|_| Error::WrongAnswer("batch"))?;
        heard.recv().map_err(|_| Error::WrongAnswer("batch"))?;
        let computed = prompt.len() - ticket.found();
        match ticket.wait() {
            End::Done => Ok(computed),
            _ => Err(Error::WrongAnswer("batch")),
        }
    }

    fn ahead(&self, instructions: &[u32], random: &mut Random, words: usize) -> Result<Ahead> {
        let entry = self.tokens(random, (words as f64 * TOKENS_A_WORD) as usize);
        let whole = [instructions, &entry].concat();
        let timed = |bench: &Bench, random: &mut Random| -> Result<f64> {
            let begun = Instant::now();
            bench.analyse(&whole, random)?;
            Ok(begun.elapsed().as_secs_f64() * 1e3)
        };
        let (mut cold, mut read) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            self.decoder.clear_kv();
            self.read(instructions)?;
            cold.push(timed(self, random)?);
            self.decoder.clear_kv();
            self.read(instructions)?;
            let mut ahead = ReadAhead::new();
            let last = whole.len() - SENTENCE.min(entry.len());
            for end in (instructions.len()..=last).step_by(SENTENCE).chain([last]) {
                (ahead.grow(&self.batcher, &whole[..end]))
                    .map_err(|_| Error::WrongAnswer("batch"))?;
            }
            // Whoever writes takes longer for a sentence than the model.
            ahead.finish();
            read.push(timed(self, random)?);
        }
        Ok(Ahead {
            words,
            cold_ms: super::median(&cold),
            ahead_ms: super::median(&read),
        })
    }

    fn four_answers(&self, instructions: &[u32], random: &mut Random) -> Result<f64> {
        let entry = self.tokens(random, 400);
        let whole = [instructions, &entry].concat();
        self.decoder.clear_kv();
        let mut computed = Vec::new();
        for _ in 0..ANSWERS {
            let asked = [&whole[..], &self.tokens(random, QUESTION)].concat();
            let (to, heard) = mpsc::channel();
            let text = Text {
                class: Class::Interactive,
                prompt: asked.clone(),
                reply: 2,
                driver: Some(Box::new(Greedy::new(2, to))),
                timeout: None,
            };
            let ticket = (self.batcher.submit(text)).map_err(|_| Error::WrongAnswer("batch"))?;
            if heard.iter().count() != 2 {
                return Err(Error::WrongAnswer("batch"));
            }
            computed.push(asked.len() - ticket.found());
            if ticket.wait() != End::Done {
                return Err(Error::WrongAnswer("batch"));
            }
        }
        Ok(computed.iter().sum::<usize>() as f64 / computed[0] as f64)
    }
}
