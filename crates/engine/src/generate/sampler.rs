//! Which token comes next.

use kernels::Kernels;

/// How a token is chosen from its logits. The default is greedy: always the likeliest.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Sampling {
    /// Divides the logits; 0 takes the likeliest token always.
    pub temperature: f32,
    /// Only so many likeliest tokens; 0 for all.
    pub top_k: usize,
    /// Only the likeliest tokens that together have this probability; 1 for all.
    pub top_p: f32,
    /// Only tokens with at least this share of the likeliest one's probability; 0 for all.
    pub min_p: f32,
    /// Divides what speaks for a token that the text has already; 1 for none.
    pub repetition_penalty: f32,
    /// Where chance begins: the same seed gives the same text.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            seed: 0,
        }
    }
}

impl Sampling {
    /// Why these settings cannot be, if they cannot.
    pub fn check(&self) -> Result<(), String> {
        let refuse = |name: &str, value: f32, range: &str| {
            Err(format!("{name} is {value}, expected {range}"))
        };
        if !(self.temperature >= 0.0 && self.temperature.is_finite()) {
            return refuse("temperature", self.temperature, "0 or more");
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return refuse("top-p", self.top_p, "more than 0, at most 1");
        }
        if !(0.0..=1.0).contains(&self.min_p) {
            return refuse("min-p", self.min_p, "0 to 1");
        }
        if !(self.repetition_penalty > 0.0 && self.repetition_penalty.is_finite()) {
            return refuse("repetition penalty", self.repetition_penalty, "more than 0");
        }
        Ok(())
    }
}

/// A generator of choices.
#[derive(Debug, Clone)]
pub struct Sampler {
    sampling: Sampling,
    kernels: Kernels,
    random: SplitMix64,
    /// Tokens of the text so far, each once.
    seen: Vec<u32>,
    candidates: Vec<(u32, f32)>,
}

impl Sampler {
    /// A sampler for a text that begins with `prompt`.
    pub fn new(sampling: Sampling, kernels: Kernels, prompt: &[u32]) -> Sampler {
        let mut seen = match sampling.repetition_penalty == 1.0 {
            true => Vec::new(),
            false => prompt.to_vec(),
        };
        seen.sort_unstable();
        seen.dedup();
        Sampler {
            sampling,
            kernels,
            random: SplitMix64(sampling.seed),
            seen,
            candidates: Vec::new(),
        }
    }

    /// Makes tokens that the text has already less likely.
    pub fn penalize(&self, logits: &mut [f32]) {
        let penalty = self.sampling.repetition_penalty;
        for token in &self.seen {
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit = match *logit > 0.0 {
                    true => *logit / penalty,
                    false => *logit * penalty,
                };
            }
        }
    }

    /// Notes that `token` was chosen.
    pub fn accept(&mut self, token: u32) {
        if self.sampling.repetition_penalty != 1.0
            && let Err(place) = self.seen.binary_search(&token)
        {
            self.seen.insert(place, token);
        }
    }

    /// The next token; logits of minus infinity are never chosen, unless all are.
    pub fn choose(&mut self, logits: &[f32]) -> u32 {
        let likeliest = self.kernels.argmax(logits) as u32;
        let Sampling {
            temperature,
            top_k,
            top_p,
            min_p,
            ..
        } = self.sampling;
        let max = logits[likeliest as usize];
        if temperature == 0.0 || top_k == 1 || !max.is_finite() {
            return likeliest;
        }
        // What lies 40 below has e^-40 of the likeliest's probability, and all of a vocabulary together still nothing.
        let least = max - temperature * min_p.ln().max(-40.0).abs();
        let candidates = &mut self.candidates;
        candidates.clear();
        let near = (0..).zip(logits).filter(|(_, logit)| **logit >= least);
        candidates.extend(near.map(|(token, logit)| (token, ((logit - max) / temperature).exp())));
        let falling = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if top_k > 0 && top_k < candidates.len() {
            candidates.select_nth_unstable_by(top_k - 1, falling);
            candidates.truncate(top_k);
        }
        if top_p < 1.0 {
            candidates.sort_unstable_by(falling);
            let all: f64 = candidates.iter().map(|c| f64::from(c.1)).sum();
            let mut reached = 0.0;
            let enough = candidates.iter().position(|candidate| {
                reached += f64::from(candidate.1);
                reached >= f64::from(top_p) * all
            });
            candidates.truncate(enough.map_or(candidates.len(), |last| last + 1));
        } else {
            // An order of its own, whatever the selection left.
            candidates.sort_unstable_by_key(|candidate| candidate.0);
        }
        let all: f64 = candidates.iter().map(|c| f64::from(c.1)).sum();
        let mut left = self.random.unit() * all;
        for (token, weight) in candidates.iter() {
            left -= f64::from(*weight);
            if left < 0.0 {
                return *token;
            }
        }
        candidates.last().map_or(likeliest, |last| last.0)
    }
}

/// A small generator with a fixed sequence for each seed (Steele et al. 2014).
#[derive(Debug, Clone)]
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `0..1`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(sampling: Sampling, logits: &[f32]) -> Vec<f64> {
        let mut sampler = Sampler::new(sampling, Kernels::detect(), &[]);
        let mut counts = vec![0; logits.len()];
        for _ in 0..20_000 {
            counts[sampler.choose(logits) as usize] += 1;
        }
        counts.iter().map(|c| f64::from(*c) / 20_000.0).collect()
    }

    #[test]
    fn chance_follows_the_probabilities_that_the_settings_leave() {
        // Probabilities of 0.5, 0.25, 0.125, 0.125.
        let logits: Vec<f32> = [0.25_f32, 0.125, 0.5, 0.125].map(f32::ln).into();
        let hot = Sampling {
            temperature: 1.0,
            ..Sampling::default()
        };
        let cases = [
            (hot, [0.25, 0.125, 0.5, 0.125]),
            (
                Sampling {
                    temperature: 0.5,
                    ..hot
                },
                [2.0 / 11.0, 0.5 / 11.0, 8.0 / 11.0, 0.5 / 11.0],
            ),
            (
                Sampling { top_k: 2, ..hot },
                [1.0 / 3.0, 0.0, 2.0 / 3.0, 0.0],
            ),
            (
                Sampling { top_p: 0.7, ..hot },
                [1.0 / 3.0, 0.0, 2.0 / 3.0, 0.0],
            ),
            (
                Sampling { min_p: 0.4, ..hot },
                [1.0 / 3.0, 0.0, 2.0 / 3.0, 0.0],
            ),
            (Sampling::default(), [0.0, 0.0, 1.0, 0.0]),
        ];
        for (sampling, want) in cases {
            let got = shares(sampling, &logits);
            for (got, want) in got.iter().zip(want) {
                assert!((got - want).abs() < 0.015, "{sampling:?}: {got} {want}");
                assert!(want > 0.0 || *got == 0.0, "{sampling:?}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_choices() {
        let logits = vec![0.0; 50];
        let run = |seed| {
            let sampling = Sampling {
                temperature: 1.0,
                seed,
                ..Sampling::default()
            };
            let mut sampler = Sampler::new(sampling, Kernels::detect(), &[]);
            (0..40).map(|_| sampler.choose(&logits)).collect::<Vec<_>>()
        };
        assert_eq!(run(3), run(3));
        assert_ne!(run(3), run(4));
    }

    #[test]
    fn what_is_impossible_is_never_chosen_and_what_was_said_is_less_likely() {
        let mut logits = vec![f32::NEG_INFINITY; 10];
        logits[4] = -80.0;
        let hot = Sampling {
            temperature: 2.0,
            repetition_penalty: 2.0,
            ..Sampling::default()
        };
        let mut sampler = Sampler::new(hot, Kernels::detect(), &[1, 1]);
        assert_eq!(sampler.choose(&logits), 4);
        sampler.accept(3);
        let mut logits = [1.0, 1.0, -1.0, -1.0];
        sampler.penalize(&mut logits);
        assert_eq!(logits, [1.0, 0.5, -1.0, -2.0]);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        for (sampling, named) in [
            (
                Sampling {
                    temperature: -1.0,
                    ..Sampling::default()
                },
                "temperature",
            ),
            (
                Sampling {
                    temperature: f32::NAN,
                    ..Sampling::default()
                },
                "temperature",
            ),
            (
                Sampling {
                    top_p: 0.0,
                    ..Sampling::default()
                },
                "top-p",
            ),
            (
                Sampling {
                    min_p: 1.5,
                    ..Sampling::default()
                },
                "min-p",
            ),
            (
                Sampling {
                    repetition_penalty: 0.0,
                    ..Sampling::default()
                },
                "repetition",
            ),
        ] {
            assert!(sampling.check().expect_err(named).contains(named));
        }
        assert_eq!(Sampling::default().check(), Ok(()));
    }
}
