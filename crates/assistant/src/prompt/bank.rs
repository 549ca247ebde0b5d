//! The bank: questions written for Companion, and where each of them fits.

use std::collections::HashMap;
use std::sync::LazyLock;

use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::stats;

const QUESTIONS: &str = include_str!("../../assets/questions.jsonl");
/// Embeddings of the questions, made by `cargo run --example embed_questions`.
const VECTORS: &[u8] = include_bytes!("../../assets/questions.safetensors");

/// Where the words of an entry go in a question that quotes it.
pub const QUOTE_SLOT: &str = "{quote}";

/// A question of the bank.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// `q001`, …; never reused for another question.
    pub id: String,
    /// The question; may hold [`QUOTE_SLOT`].
    pub text: String,
    /// What it asks the writer to do.
    pub kind: Kind,
    /// Themes that it is about; empty for a question about anything.
    pub themes: Vec<String>,
    /// The mood that it presupposes.
    pub mood: Mood,
    /// When it can be asked.
    pub time: Time,
    /// It refers to something written lately, and makes no sense without it.
    pub follows: bool,
    /// It asks what came of it since, which nobody knows of what was written a moment ago.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub later: bool,
}

/// What a question asks the writer to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    Notice,
    Name,
    Reframe,
    Plan,
    Gratitude,
    Relation,
    Body,
    Memory,
    Follow,
}

/// The mood that a question presupposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mood {
    /// None.
    Any,
    /// A hard time.
    Low,
    /// A good one.
    Good,
    /// Both at once.
    Mixed,
}

impl Mood {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Mood::Any => "any",
            Mood::Low => "low",
            Mood::Good => "good",
            Mood::Mixed => "mixed",
        }
    }
}

/// When a question can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Time {
    /// Whenever.
    Any,
    /// 5 to 11 o'clock.
    Morning,
    /// 17 to 22 o'clock.
    Evening,
    /// 22 to 5 o'clock.
    Night,
    /// Saturday and Sunday.
    Weekend,
}

/// Every question of the bank, in the order of the file.
pub fn bank() -> &'static [Question] {
    static BANK: LazyLock<Vec<Question>> = LazyLock::new(|| {
        let lines = QUESTIONS.lines().filter(|l| !l.trim().is_empty());
        lines
            .map(|l| {
                serde_json::from_str(l).expect("a test reads every question of the committed bank")
            })
            .collect()
    });
    &BANK
}

/// The question of the id, unless it was retired.
pub fn question(id: &str) -> Option<&'static Question> {
    static BY_ID: LazyLock<HashMap<&'static str, &'static Question>> =
        LazyLock::new(|| bank().iter().map(|q| (q.id.as_str(), q)).collect());
    BY_ID.get(id).copied()
}

/// Names the state of the bank that the committed vectors were made from.
pub fn bank_digest() -> String {
    format!("{:016x}", stats::fnv(QUESTIONS.as_bytes()))
}

/// What is embedded of a question: its words, without the place for a quote.
pub fn embedded_text(question: &Question) -> String {
    question
        .text
        .replace("\u{201c}{quote}\u{201d}", "")
        .replace(QUOTE_SLOT, "")
        .trim()
        .to_owned()
}

/// Embeddings of the bank, i8 with one scale a question.
pub(super) struct BankVectors {
    /// `[questions, dim]`.
    values: &'static [u8],
    scales: Vec<f32>,
    dim: usize,
    /// Family of encoders whose vectors these can be compared with.
    encoder: String,
}

impl BankVectors {
    /// The committed vectors, or nothing where they are not those of the committed bank.
    pub(super) fn committed() -> Option<&'static Self> {
        static VECTORS_OF_BANK: LazyLock<Option<BankVectors>> =
            LazyLock::new(|| BankVectors::parse(VECTORS));
        VECTORS_OF_BANK.as_ref()
    }

    fn parse(bytes: &'static [u8]) -> Option<Self> {
        let (_, metadata) = SafeTensors::read_metadata(bytes).ok()?;
        let notes = metadata.metadata().as_ref()?;
        if notes.get("bank")? != &bank_digest() {
            return None;
        }
        let tensors = SafeTensors::deserialize(bytes).ok()?;
        let (values, scales) = (
            tensors.tensor("vectors").ok()?,
            tensors.tensor("scales").ok()?,
        );
        let &[n, dim] = values.shape() else {
            return None;
        };
        if n != bank().len()
            || values.dtype() != Dtype::I8
            || scales.dtype() != Dtype::F32
            || scales.shape() != [n]
        {
            return None;
        }
        let (floats, _) = scales.data().as_chunks::<4>();
        let scales = floats.iter().map(|b| f32::from_le_bytes(*b)).collect();
        Some(Self {
            values: values.data(),
            scales,
            dim,
            encoder: notes.get("encoder")?.clone(),
        })
    }

    /// True where `model` (an encoder id such as `minilm-int8@…`) makes vectors of the same space.
    pub(super) fn serves(&self, model: &str) -> bool {
        model.split(['@', '-']).next() == Some(self.encoder.as_str())
    }

    /// Cosine of question `index` with the L2-normalised `vector`.
    pub(super) fn cosine(&self, index: usize, vector: &[f32]) -> f32 {
        let row = &self.values[index * self.dim..(index + 1) * self.dim];
        let (x, x_rest) = row.as_chunks::<8>();
        let (y, y_rest) = vector.as_chunks::<8>();
        let mut sums = [0.0_f32; 8];
        for (x, y) in x.iter().zip(y) {
            for i in 0..8 {
                sums[i] += f32::from(x[i] as i8) * y[i];
            }
        }
        let rest: f32 = x_rest
            .iter()
            .zip(y_rest)
            .map(|(x, y)| f32::from(*x as i8) * y)
            .sum();
        (sums.iter().sum::<f32>() + rest) * self.scales[index]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{THEMES, style};

    #[test]
    fn every_question_keeps_the_style_contract_and_has_an_id_of_its_own() {
        let mut ids = HashSet::new();
        assert!(bank().len() >= 400, "{}", bank().len());
        for q in bank() {
            assert!(ids.insert(&q.id), "{} twice", q.id);
            assert_eq!(
                style::question_breaches(&embedded_text(q)),
                Vec::<String>::new(),
                "{}: {}",
                q.id,
                q.text
            );
            assert!(
                q.themes.iter().all(|t| THEMES.contains(&t.as_str())),
                "{}",
                q.id
            );
            assert!(
                q.follows || !q.text.contains(QUOTE_SLOT),
                "{} quotes without following",
                q.id
            );
            assert!(q.text.matches(QUOTE_SLOT).count() <= 1, "{}", q.id);
            // Else there is no passage whose age could be looked at.
            let of_a_passage = q.follows && (q.text.contains(QUOTE_SLOT) || !q.themes.is_empty());
            assert!(of_a_passage || !q.later, "{} is later than nothing", q.id);
        }
    }

    #[test]
    fn there_is_a_question_for_every_theme_mood_time_and_kind() {
        for theme in THEMES {
            assert!(
                bank()
                    .iter()
                    .filter(|q| q.themes.iter().any(|t| t == theme))
                    .count()
                    >= 5,
                "{theme}"
            );
        }
        let count = |fits: &dyn Fn(&Question) -> bool| bank().iter().filter(|q| fits(q)).count();
        for mood in [Mood::Low, Mood::Good, Mood::Mixed] {
            assert!(count(&|q| q.mood == mood) >= 15, "{mood:?}");
        }
        for time in [Time::Morning, Time::Evening, Time::Night, Time::Weekend] {
            assert!(count(&|q| q.time == time) >= 15, "{time:?}");
        }
        let always = count(&|q| q.time == Time::Any && q.mood == Mood::Any && !q.follows);
        assert!(
            always >= 150,
            "five a day for a month that fit whatever is written: {always}"
        );
    }

    #[test]
    fn the_committed_vectors_are_those_of_the_committed_bank() {
        assert!(
            BankVectors::committed().is_some(),
            "run `cargo run --example embed_questions -- MODEL_DIR`"
        );
    }
}
