//! The journal: opening, saving, listing and finding among many entries, in this process.

use assistant::Instant;
use assistant::search::{Mode, search};
use engine::encoder::{Encoder, EncoderOptions};
use jiff::ZonedDateTime;
use journal::{EntryId, Filter, Journal, NewEntry, Secret};
use serde::Serialize;

use crate::sample::{self, Random, Sample};
use crate::times::time;
use crate::{Error, Options, Result, Times};

/// Samples of what takes milliseconds.
const RUNS: usize = 200;
/// Samples of opening.
const OPEN_RUNS: usize = 30;
/// Entries that are asked for.
const LIMIT: usize = 20;

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct JournalFigures {
    /// Entries in the journal.
    pub entries: u64,
    /// Size of the database.
    pub database_bytes: u64,
    /// Unlocking with a key file and opening. Argon2id comes on top where there is a passphrase.
    pub open: Times,
    /// One entry, until it is on the disk.
    pub add: Times,
    /// The latest 20 entries with their text.
    pub list: Times,
    /// Two words, the best 20.
    pub full_text: Times,
    /// One vector against all, the best 20.
    pub vector: Times,
    /// Words and meaning fused, the query's embedding included; absent without a model.
    pub hybrid: Option<Times>,
}

pub(crate) fn measure(
    options: &Options,
    sample: &Sample,
    on_step: &mut dyn FnMut(&str),
) -> Result<JournalFigures> {
    let home = sample.home();
    on_step("journal: opening, saving");
    let runs = options.count(RUNS, 100);
    let open = time(options.count(OPEN_RUNS, 10), |_| {
        Ok(Journal::open(&home, &Secret::None)?)
    })?;
    let mut journal = Journal::open(&home, &Secret::None)?;
    let mut random = Random(7);
    let mut last = EntryId(0);
    let add = time(runs, |_| {
        let entry = journal.add(NewEntry::new(
            sample::text(&mut random),
            ZonedDateTime::now(),
        ))?;
        last = entry.id;
        Ok(())
    })?;
    // Durable means that another connection sees it.
    Journal::open(&home, &Secret::None)?.get(last)?;

    on_step("journal: listing, finding");
    let newest = Filter {
        limit: Some(LIMIT),
        newest_first: true,
        ..Filter::default()
    };
    let list = time(runs, |_| expect_some(journal.list(&newest)?, "list"))?;
    let everything = Filter::default();
    let full_text = time(runs, |_| {
        let query = format!("{} {}", random.word(), random.word());
        expect_some(
            journal.full_text(&query, &everything, LIMIT)?,
            "full-text search",
        )
    })?;
    let stats = journal.stats()?;
    let model = engine::store::ModelStore::new(options.models_dir.clone())
        .get(&options.model)
        .ok();
    let model_id = model
        .as_ref()
        .map_or_else(|| "none".to_owned(), |info| info.id());
    let vector = time(runs, |_| {
        let query = sample::unit_vector(&mut random);
        expect_some(
            journal.vector_search(&model_id, &query, &everything, LIMIT)?,
            "vector search",
        )
    })?;
    let hybrid = match model {
        Some(_) => Some(hybrid(options, &journal, &mut random)?),
        None => None,
    };
    Ok(JournalFigures {
        entries: stats.entries,
        database_bytes: stats.bytes,
        open,
        add,
        list,
        full_text,
        vector,
        hybrid,
    })
}

fn hybrid(options: &Options, journal: &Journal, random: &mut Random) -> Result<Times> {
    let folder = options.models_dir.join(&options.model);
    let encoder_options = EncoderOptions {
        threads: options.threads,
        ..EncoderOptions::default()
    };
    let instant = Instant::open(Encoder::open(&folder, &encoder_options)?)?;
    time(options.count(RUNS, 100), |_| {
        let query = format!(
            "when I {} the {} {}",
            random.word(),
            random.word(),
            random.word()
        );
        let found = search(
            journal,
            Some(&instant),
            &query,
            &Filter::default(),
            LIMIT,
            Mode::Hybrid,
        )?;
        expect_some(found, "hybrid search")
    })
}

/// In a journal of few words everything finds something; nothing found is a broken search.
fn expect_some<T>(found: Vec<T>, what: &'static str) -> Result<Vec<T>> {
    match found.is_empty() {
        true => Err(Error::WrongAnswer(what)),
        false => Ok(found),
    }
}
