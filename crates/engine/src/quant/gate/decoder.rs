//! What a language model and its small form make of the same texts.

use super::{Check, Pairs, interval};
use crate::decoder::{Decoder, Work};
use crate::{Error, Result};

/// Multiply-adds that reading the texts with the float model may take: a minute or so on two cores.
const WORK: u64 = 3_000_000_000_000;

/// Tokens that any model reads at least, and at most.
const TOKENS: std::ops::RangeInclusive<u64> = 512..=4096;

/// Tokens of a text that are read.
const TEXT_TOKENS: usize = 256;

/// Prompts whose first token is compared at most, their length, and how many of them are continued, how far.
const PROMPTS: usize = 24;
const PROMPT_TOKENS: usize = 48;
const REPLIES: usize = 6;
const REPLY_TOKENS: usize = 24;

/// Rounds of each comparison of speed.
const ROUNDS: usize = 5;

/// A reply is looping when more than this share of its pairs of tokens has occurred in it before.
const LOOP: f64 = 0.5;

/// A reply is absurd when the float model finds its tokens that many nats less likely than those of its own reply.
const ABSURD: f64 = 3.0;

/// Compares the float model `before` with its small form `after` on `texts`, which neither may have been calibrated
/// with: next-token accuracy, perplexity, divergence, first tokens and replies, and speed. Without a tokenizer only
/// speed is compared. `progress` gets (done, total) steps of work of about equal length.
pub fn compare(
    before: &Decoder,
    after: &Decoder,
    texts: &[&str],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    match before.tokenizer() {
        Err(_) => {
            for name in [
                "next token",
                "perplexity",
                "divergence",
                "first token",
                "incoherent",
            ] {
                checks.push(Check::not_measured(
                    name,
                    "the model has no tokenizer, so it reads no texts",
                ));
            }
        }
        Ok(tokenizer) => {
            let budget =
                (WORK / before.config().parameters()).clamp(*TOKENS.start(), *TOKENS.end());
            let mut texts: Vec<Vec<u32>> =
                texts.iter().map(|text| tokenizer.encode(text)).collect();
            let mut left = budget as usize;
            texts.retain_mut(|tokens| {
                tokens.truncate(TEXT_TOKENS.min(left));
                let used = tokens.len() > 8;
                left -= if used { tokens.len() } else { 0 };
                used
            });
            let total = texts.len() as u64 + 2 * REPLIES as u64;
            let mut read = Read::default();
            for (done, tokens) in texts.iter().enumerate() {
                progress(done as u64, total);
                read.add(before, after, tokens)?;
            }
            checks.extend(read.checks());
            checks.extend(replies(before, after, &texts, &mut |done| {
                progress(texts.len() as u64 + done, total);
            })?);
        }
    }
    checks.extend(speed(before, after)?);
    Ok(checks)
}

/// Sums over the tokens of one text.
#[derive(Default)]
struct Text {
    tokens: usize,
    /// Negative log-likelihoods, in nats.
    nll: [f64; 2],
    /// Tokens that were foreseen.
    right: [usize; 2],
    divergence: f64,
}

/// What both make of all texts.
#[derive(Default)]
struct Read {
    texts: Vec<Text>,
    /// Of each token.
    divergences: Vec<f64>,
}

impl Read {
    fn add(&mut self, before: &Decoder, after: &Decoder, tokens: &[u32]) -> Result<()> {
        let logits = [read_all(before, tokens)?, read_all(after, tokens)?];
        let vocabulary = before.config().vocab_size;
        let rows = logits.each_ref().map(|all| all.chunks_exact(vocabulary));
        let [before_rows, after_rows] = rows;
        let mut text = Text::default();
        for ((one, other), next) in before_rows.zip(after_rows).zip(&tokens[1..]) {
            let next = *next as usize;
            let [p, q] = [one, other].map(log_softmax);
            text.nll[0] -= p[next];
            text.nll[1] -= q[next];
            text.right[0] += usize::from(before.argmax(one) as usize == next);
            text.right[1] += usize::from(after.argmax(other) as usize == next);
            let terms = p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q));
            let divergence: f64 = terms.sum();
            text.divergence += divergence;
            self.divergences.push(divergence);
            text.tokens += 1;
        }
        self.texts.push(text);
        Ok(())
    }

    fn checks(self) -> [Check; 3] {
        let Read {
            texts,
            mut divergences,
        } = self;
        let n = divergences.len();
        divergences.sort_by(f64::total_cmp);
        let p99 = divergences.get(n * 99 / 100).copied().unwrap_or(f64::NAN);
        let mean = |of: fn(&Text) -> f64| texts.iter().map(of).sum::<f64>() / n as f64;
        let between = |of: fn(&Text) -> f64| {
            let sums: Vec<_> = texts.iter().map(|text| (of(text), text.tokens)).collect();
            interval::over_texts(&sums)
        };
        let right: [fn(&Text) -> f64; 2] = [
            |text| 100.0 * text.right[0] as f64,
            |text| 100.0 * text.right[1] as f64,
        ];
        let nll: [fn(&Text) -> f64; 2] = [|text| text.nll[0], |text| text.nll[1]];
        let divergence = |text: &Text| text.divergence;
        [
            Check::accuracy("next token", n, mean(right[0]), mean(right[1]))
                .between(between(right[1])),
            Check::perplexity(n, mean(nll[0]).exp(), mean(nll[1]).exp())
                .between(between(nll[1]).map(|ends| ends.map(f64::exp))),
            Check::divergence(n, mean(divergence), p99).between(between(divergence)),
        ]
    }
}

fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|v| f64::from(v - top).exp()).sum();
    let normal = f64::from(top) + sum.ln();
    logits.iter().map(|v| f64::from(*v) - normal).collect()
}

fn read_all(decoder: &Decoder, tokens: &[u32]) -> Result<Vec<f32>> {
    decoder.clear_kv();
    let mut sequence = decoder.start(&[])?;
    decoder.read_all(&mut sequence, tokens)
}

/// Whether both begin alike, and whether the small one's replies make sense.
fn replies(
    before: &Decoder,
    after: &Decoder,
    texts: &[Vec<u32>],
    progress: &mut dyn FnMut(u64),
) -> Result<[Check; 2]> {
    let prompts: Vec<&[u32]> = (texts.iter())
        .filter(|tokens| tokens.len() >= PROMPT_TOKENS)
        .map(|tokens| &tokens[..PROMPT_TOKENS])
        .take(PROMPTS)
        .collect();
    let (mut same, mut looping, mut absurd) = (0, [0; 2], 0);
    for (number, prompt) in prompts.iter().enumerate() {
        let length = if number < REPLIES { REPLY_TOKENS } else { 1 };
        let [own, small] = [
            reply(before, prompt, length)?,
            reply(after, prompt, length)?,
        ];
        same += usize::from(own[0] == small[0]);
        if number < REPLIES {
            progress(2 * number as u64);
            let likely = |reply: &[u32]| mean_nll(before, prompt, reply);
            let (expected, found) = (likely(&own)?, likely(&small)?);
            let is_absurd = is_absurd(found - expected);
            absurd += usize::from(is_absurd);
            looping[0] += usize::from(loops(&own));
            // An absurd reply is counted as that alone.
            looping[1] += usize::from(loops(&small) && !is_absurd);
        }
    }
    let n = prompts.len();
    if n == 0 {
        let reason = format!("no text has {PROMPT_TOKENS} tokens");
        return Ok([
            Check::not_measured("first token", reason.clone()),
            Check::not_measured("incoherent", reason),
        ]);
    }
    Ok([
        Check::first_token(n, 100.0 * same as f64 / n as f64),
        Check::coherence(n.min(REPLIES), looping, absurd),
    ])
}

/// Whether a reply that is `less_likely` nats a token less likely to the float model makes no sense.
fn is_absurd(less_likely: f64) -> bool {
    // A NaN is no sense either.
    less_likely > ABSURD || less_likely.is_nan()
}

/// Whether most of a reply's pairs of tokens occurred in it before.
fn loops(reply: &[u32]) -> bool {
    repeated(reply) > LOOP
}

/// The share of pairs of neighbours that occurred before.
fn repeated(tokens: &[u32]) -> f64 {
    let mut seen = std::collections::HashSet::new();
    let pairs = tokens.len().saturating_sub(1).max(1);
    let old = tokens.windows(2).filter(|pair| !seen.insert(*pair)).count();
    old as f64 / pairs as f64
}

/// What `decoder` says after `prompt`, always the likeliest token.
fn reply(decoder: &Decoder, prompt: &[u32], length: usize) -> Result<Vec<u32>> {
    decoder.clear_kv();
    let mut sequence = decoder.start(&[])?;
    let mut tokens = prompt.to_vec();
    let mut said = Vec::new();
    while said.len() < length {
        let mut work = [Work {
            sequence: &mut sequence,
            tokens: &tokens,
            logits: true,
        }];
        let logits = decoder.forward(&mut work)?.remove(0);
        let logits = logits.ok_or_else(|| Error::Unsupported("no logits".into()))?;
        tokens = vec![decoder.argmax(&logits)];
        said.push(tokens[0]);
    }
    Ok(said)
}

/// How unlikely `decoder` finds `reply` after `prompt`, in nats a token.
fn mean_nll(decoder: &Decoder, prompt: &[u32], reply: &[u32]) -> Result<f64> {
    let mut tokens = prompt.to_vec();
    tokens.extend(&reply[..reply.len() - 1]);
    let logits = read_all(decoder, &tokens)?;
    let rows = logits.chunks_exact(decoder.config().vocab_size);
    let rows = rows.skip(prompt.len() - 1).zip(reply);
    let sum: f64 = rows
        .map(|(row, token)| -log_softmax(row)[*token as usize])
        .sum();
    Ok(sum / reply.len() as f64)
}

/// Reading 128 tokens, and writing one after them, in turn.
fn speed(before: &Decoder, after: &Decoder) -> Result<[Check; 2]> {
    let vocabulary = before.config().vocab_size as u32;
    let prompt: Vec<u32> = (0..128_u32).map(|i| (i * 7919 + 13) % vocabulary).collect();
    let read = |decoder: &Decoder| -> Result<()> {
        decoder.clear_kv();
        let mut sequence = decoder.start(&[])?;
        one_step(decoder, &mut sequence, &prompt)
    };
    let reading = Pairs::time(ROUNDS, &mut || read(before), &mut || read(after))?;
    let begin = |decoder: &Decoder| -> Result<crate::decoder::Sequence> {
        decoder.clear_kv();
        let mut sequence = decoder.start(&[])?;
        one_step(decoder, &mut sequence, &prompt)?;
        Ok(sequence)
    };
    let mut texts = [begin(before)?, begin(after)?];
    let [one, other] = &mut texts;
    let token = &prompt[..1];
    let writing = Pairs::time(
        4 * ROUNDS,
        &mut || one_step(before, one, token),
        &mut || one_step(after, other, token),
    )?;
    Ok([
        Check::latency("read 128 tokens", &reading),
        Check::latency("write a token", &writing),
    ])
}

fn one_step(
    decoder: &Decoder,
    sequence: &mut crate::decoder::Sequence,
    tokens: &[u32],
) -> Result<()> {
    let mut work = [Work {
        sequence,
        tokens,
        logits: true,
    }];
    decoder.forward(&mut work).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_loops_or_is_absurd() {
        let sound: Vec<u32> = (0..24).collect();
        let looping: Vec<u32> = (0..24).map(|i| i % 2).collect();
        assert!(loops(&looping) && !loops(&sound));
        assert!(is_absurd(4.0) && is_absurd(f64::NAN) && !is_absurd(0.1));
    }

    #[test]
    fn log_softmax_is_a_distribution() {
        let all = log_softmax(&[1000.0, 1001.0, 999.0]);
        let sum: f64 = all.iter().map(|v| v.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-9 && all[1] > all[0] && all[0] > all[2]);
    }
}
