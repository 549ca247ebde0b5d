//! A journal to measure: seeded words of a list, one entry every few hours, analysed and embedded at random.
//!
//! The vectors are random unit vectors under the id of the real encoder: search compares them exactly as it
//! would real ones, and making ten thousand real ones would take longer than everything that is measured.

use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use journal::{Analysis, Filter, Home, Journal, NewEntry, Secret, Sentiment, ThemeScore, Vectors};

use crate::{Error, Options, Result};

/// Sentences an entry; each has a vector.
const SENTENCES: usize = 5;
/// Components of a vector.
const DIM: usize = 384;
/// The moment of the first entry: 2016-01-01. Entries follow every eight hours.
const FIRST: i64 = 1_451_606_400;

/// Common words, so that every query finds many entries, as in a real journal.
const WORDS: [&str; 64] = [
    "after", "again", "autumn", "bread", "bridge", "brother", "called", "chair", "coffee", "cold",
    "corner", "dinner", "door", "early", "evening", "felt", "finished", "forgot", "friend",
    "garden", "glad", "green", "half", "heavy", "house", "kitchen", "late", "laughed", "letter",
    "light", "little", "long", "morning", "mother", "music", "night", "nothing", "office", "old",
    "paper", "people", "quiet", "rain", "reading", "river", "road", "room", "school", "second",
    "short", "sister", "slept", "slow", "street", "table", "talked", "tired", "train", "walked",
    "warm", "water", "window", "winter", "work",
];

/// A journal in a temporary folder that goes when this is dropped.
pub(crate) struct Sample {
    dir: tempfile::TempDir,
}

impl Sample {
    /// Makes the journal that `options` describe.
    pub(crate) fn make(options: &Options) -> Result<Sample> {
        let dir = tempfile::tempdir().map_err(|source| Error::Io {
            path: std::env::temp_dir(),
            source,
        })?;
        let sample = Sample { dir };
        fs::create_dir_all(sample.path()).map_err(|source| Error::Io {
            path: sample.path(),
            source,
        })?;
        let mut journal = Journal::create(&sample.home(), &Secret::None)?;
        let mut random = Random(20_260_301);
        let entries = (0..options.entries).map(|index| entry(index, &mut random));
        journal.add_many(entries, &mut |_| {})?;
        let model = engine::store::ModelStore::new(options.models_dir.clone())
            .get(&options.model)
            .map_or_else(|_| "none".to_owned(), |info| info.id());
        derive(&mut journal, &model, &mut random)?;
        drop(journal);
        sample.link_models(&options.models_dir)?;
        Ok(sample)
    }

    fn path(&self) -> std::path::PathBuf {
        self.dir.path().join("home")
    }

    /// The journal's home.
    pub(crate) fn home(&self) -> Home {
        Home::at(self.path())
    }

    /// Lets the program that is started find the models.
    fn link_models(&self, models_dir: &Path) -> Result<()> {
        let Ok(models_dir) = fs::canonicalize(models_dir) else {
            return Ok(()); // none installed: then the program is measured without
        };
        let link = self.path().join("models");
        #[cfg(unix)]
        let made = std::os::unix::fs::symlink(&models_dir, &link);
        #[cfg(windows)]
        let made = std::os::windows::fs::symlink_dir(&models_dir, &link);
        made.map_err(|source| Error::Io { path: link, source })
    }
}

/// One entry of about 60 words.
pub(crate) fn text(random: &mut Random) -> String {
    let sentence = |random: &mut Random| {
        let words: Vec<&str> = (0..12).map(|_| WORDS[random.below(WORDS.len())]).collect();
        format!("I {}.", words.join(" "))
    };
    (0..SENTENCES)
        .map(|_| sentence(random))
        .collect::<Vec<_>>()
        .join(" ")
}

fn entry(index: usize, random: &mut Random) -> NewEntry {
    let when = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(FIRST + index as i64 * 8 * 3600);
    let text = format!("{} #{} day:{index}", text(random), WORDS[random.below(8)]);
    NewEntry::new(text, when.to_zoned_datetime(TimeZone::UTC))
}

fn derive(journal: &mut Journal, model: &str, random: &mut Random) -> Result<()> {
    let entries = journal.list(&Filter::default())?;
    for batch in entries.chunks(250) {
        let made: Vec<_> = batch
            .iter()
            .map(|entry| {
                (
                    entry.id,
                    entry.version,
                    analysis(model, random),
                    Some(vectors(model, &entry.text, random)),
                )
            })
            .collect();
        journal.save_analysis(&made)?;
    }
    Ok(())
}

fn analysis(model: &str, random: &mut Random) -> Analysis {
    let valence = random.signed();
    let sentiment = match valence {
        v if v > 0.2 => Sentiment::Positive,
        v if v < -0.2 => Sentiment::Negative,
        _ => Sentiment::Neutral,
    };
    let name = assistant::THEMES[random.below(assistant::THEMES.len())].to_owned();
    Analysis {
        sentiment,
        confidence: 0.8,
        valence,
        mixed: false,
        unsure: false,
        themes: vec![ThemeScore {
            name,
            probability: 0.7,
        }],
        evidence: Vec::new(),
        tier: "instant".to_owned(),
        model: model.to_owned(),
        truncated: false,
        corrected: false,
    }
}

fn vectors(model: &str, text: &str, random: &mut Random) -> Vectors {
    let sentences = engine::text::sentences(text);
    Vectors {
        model: model.to_owned(),
        entry: unit_vector(random),
        sentences: sentences
            .into_iter()
            .map(|span| (span, unit_vector(random)))
            .collect(),
    }
}

/// A vector of length one in a random direction.
pub(crate) fn unit_vector(random: &mut Random) -> Vec<f32> {
    let raw: Vec<f32> = (0..DIM).map(|_| random.signed()).collect();
    let length = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
    raw.into_iter().map(|x| x / length).collect()
}

/// SplitMix64: small, seeded, and good enough to choose words.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`, which is small, so that the bias of the remainder does not matter.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// From -1 to 1.
    fn signed(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }

    /// One of the words.
    pub(crate) fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }
}
