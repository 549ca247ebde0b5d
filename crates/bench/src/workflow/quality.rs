//! How much of what people wrote down as the point of a text is in the lines that a summary quotes: ROUGE against the
//! references of CovidET, beside the first sentences of the same text, which every extractive summary has to beat.

use std::fs;

use assistant::{Instant, Span, summary};
use engine::encoder::{Encoder, EncoderOptions};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use journal::{Home, Journal, NewEntry, Secret};
use serde::{Deserialize, Serialize};

use crate::rouge::{Rouge, rouge};
use crate::stats::Mean;
use crate::{Error, Options, Result};

/// The set, below the folder of `--data`.
const SET: &str = "labelled/covidet.jsonl";

/// What was measured; each measure from 0 to 1, the mean over texts, of each text the mean over its annotators.
#[derive(Debug, Clone, Serialize)]
pub struct SummaryQuality {
    /// The set.
    pub set: &'static str,
    /// Texts.
    pub texts: usize,
    /// The lines that a summary of the text quotes, and as many of its first sentences.
    pub ways: [Quality; 2],
}

/// One way of choosing the lines.
#[derive(Debug, Clone, Serialize)]
pub struct Quality {
    /// `summary` or `first sentences`.
    pub way: &'static str,
    /// Words in both.
    pub rouge_1: Mean,
    /// Pairs of words in both.
    pub rouge_2: Mean,
    /// The longest common sequence.
    pub rouge_l: Mean,
}

#[derive(Deserialize)]
struct Post {
    text: String,
    /// One list an annotator.
    summaries: Vec<Vec<Reference>>,
}

#[derive(Deserialize)]
struct Reference {
    summary: String,
}

/// Nothing without the set.
pub(super) fn measure(
    options: &Options,
    on_step: &mut dyn FnMut(&str),
) -> Result<Option<SummaryQuality>> {
    let Some(posts) = posts(options)? else {
        return Ok(None);
    };
    on_step(&format!(
        "journal: summaries of {} texts against their references",
        posts.len()
    ));
    let dir = tempfile::tempdir().map_err(|source| Error::Io {
        path: std::env::temp_dir(),
        source,
    })?;
    let home = dir.path().join("home");
    fs::create_dir_all(&home).map_err(|source| Error::Io {
        path: home.clone(),
        source,
    })?;
    let mut journal = Journal::create(&Home::at(home), &Secret::None)?;
    let with = EncoderOptions {
        threads: options.threads,
        ..EncoderOptions::default()
    };
    let folder = options.models_dir.join(&options.model);
    let instant = Instant::open(Encoder::open(&folder, &with)?)?;
    let (mut ours, mut first) = (Vec::new(), Vec::new());
    for (day, post) in posts.iter().enumerate() {
        let lines = lines(&mut journal, &instant, day, &post.text)?;
        ours.push(score(&lines.join(" "), post));
        let begin: Vec<&str> = (engine::text::sentences(&post.text).into_iter())
            .take(lines.len())
            .map(|span| &post.text[span])
            .collect();
        first.push(score(&begin.join(" "), post));
    }
    Ok(Some(SummaryQuality {
        set: "covidet",
        texts: posts.len(),
        ways: [
            quality("summary", &ours),
            quality("first sentences", &first),
        ],
    }))
}

/// The first of those with references.
fn posts(options: &Options) -> Result<Option<Vec<Post>>> {
    let Some(path) = options
        .data
        .as_ref()
        .map(|dir| dir.join(SET))
        .filter(|p| p.is_file())
    else {
        return Ok(None);
    };
    let text = fs::read_to_string(&path).map_err(|source| Error::Io { path, source })?;
    let posts = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Post>(line).ok());
    let posts = posts.filter(|post| post.summaries.iter().any(|one| !one.is_empty()));
    Ok(Some(posts.take(options.count(300, 30)).collect()))
}

/// What a summary of a day quotes on which `text` is the only entry.
fn lines(journal: &mut Journal, instant: &Instant, day: usize, text: &str) -> Result<Vec<String>> {
    let date = jiff::civil::date(2020, 1, 1).saturating_add((day as i64).days());
    let begin = date
        .to_zoned_datetime(TimeZone::UTC)
        .map_err(|_| Error::WrongAnswer("date"))?;
    let when = &begin + SignedDuration::from_hours(12);
    let entry = journal.add(NewEntry::new(text.to_owned(), when.clone()))?;
    super::store(journal, &[entry], instant.analyse(&[text], &mut |_| {})?)?;
    let span = Span::days(date, date)?;
    let found = summary::without_question(journal, Some(instant), span, &when)?;
    Ok(found.lines.into_iter().map(|line| line.quote).collect())
}

fn score(summary: &str, post: &Post) -> Rouge {
    let references: Vec<String> = (post.summaries.iter().filter(|one| !one.is_empty()))
        .map(|one| {
            one.iter()
                .map(|r| r.summary.as_str())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    let all: Vec<Rouge> = references.iter().map(|r| rouge(summary, r)).collect();
    let mean = |of: fn(&Rouge) -> f64| all.iter().map(of).sum::<f64>() / all.len().max(1) as f64;
    Rouge {
        one: mean(|r| r.one),
        two: mean(|r| r.two),
        longest: mean(|r| r.longest),
    }
}

fn quality(way: &'static str, all: &[Rouge]) -> Quality {
    let mean = |of: fn(&Rouge) -> f64| Mean::of(&all.iter().map(of).collect::<Vec<_>>());
    Quality {
        way,
        rouge_1: mean(|r| r.one),
        rouge_2: mean(|r| r.two),
        rouge_l: mean(|r| r.longest),
    }
}
