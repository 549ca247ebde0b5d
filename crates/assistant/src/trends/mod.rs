//! Mood, themes and numbers over time, with the number of entries behind each, and honest about few of them.

mod fields;
mod line;
mod themes;

use jiff::ZonedDateTime;
use journal::{Filter, Journal, Sentiment};
use serde::Serialize;

pub use fields::{FieldPoint, FieldTrend};
pub use line::{Bucket, MoodPoint};
pub use themes::{ThemeMood, ThemeTrend};

use crate::stats::{self, Interval};
use crate::summary::{Read, load};
use crate::{Result, Span};

/// Below this many analysed entries no mean, interval or comparison is given.
pub const ENOUGH: usize = 5;

/// What a span of days looks like in numbers.
#[derive(Clone, Debug, Serialize)]
pub struct Trends {
    /// The days.
    pub span: Span,
    /// What one point of the lines stands for.
    pub bucket: Bucket,
    /// Entries written.
    pub entries: usize,
    /// Entries analysed, which is what the numbers are made of.
    pub analysed: usize,
    /// Entries needed before a mean or a comparison is given.
    pub enough_from: usize,
    /// There are fewer than that; the points are shown, conclusions are not.
    pub too_few: bool,
    /// Mean valence with its interval; nothing below `enough_from` entries.
    pub mood: Option<Interval>,
    /// The second half of the entries against the first; nothing below twice `enough_from`.
    pub drift: Option<Drift>,
    /// One point a day or week, also for those without entries.
    pub line: Vec<MoodPoint>,
    /// Entries by sentiment.
    pub distribution: Distribution,
    /// Themes by number of entries.
    pub themes: Vec<ThemeTrend>,
    /// Themes beside the mood of the entries with and without them.
    pub theme_moods: Vec<ThemeMood>,
    /// Numbers that the writer keeps (`sleep:7.5`), and yes-or-no fields as 1 and 0.
    pub fields: Vec<FieldTrend>,
    /// What the reader should know about how much stands behind this.
    pub notes: Vec<String>,
}

/// The later half of the entries against the earlier half.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// Mean valence of the later half minus that of the earlier, with its interval.
    pub difference: Interval,
    /// The interval excludes 0.
    pub clear: bool,
}

/// Entries by sentiment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Distribution {
    pub positive: usize,
    pub neutral: usize,
    pub negative: usize,
    pub mixed: usize,
    pub unsure: usize,
}

/// The trends of the entries in `span` that `filter` lets through (its own dates are replaced by those of the span, and
/// its limit leaves the latest), in the time zone of `now`; by `bucket`, or by what suits the length of the span.
pub fn trends(
    journal: &Journal,
    span: Span,
    filter: &Filter,
    bucket: Option<Bucket>,
    now: &ZonedDateTime,
) -> Result<Trends> {
    let read = load(journal, &span, filter, now.time_zone())?;
    let bucket = bucket.unwrap_or_else(|| Bucket::suiting(&span));
    let moods = crate::summary::valences(&read);
    let enough = moods.len() >= ENOUGH;
    Ok(Trends {
        span,
        bucket,
        entries: read.len(),
        analysed: moods.len(),
        enough_from: ENOUGH,
        too_few: !enough,
        mood: stats::interval(&moods, 13).filter(|_| enough),
        drift: drift(&moods),
        line: line::line(&read, &span, bucket),
        distribution: distribution(&read),
        themes: themes::counts(&read, &span, bucket),
        theme_moods: themes::moods(&read),
        fields: fields::fields(&read),
        notes: notes(read.len(), moods.len()),
    })
}

fn drift(moods: &[f64]) -> Option<Drift> {
    if moods.len() < 2 * ENOUGH {
        return None;
    }
    let (early, late) = moods.split_at(moods.len() / 2);
    let difference = stats::difference(early, late, 17)?;
    Some(Drift {
        difference,
        clear: difference.low > 0.0 || difference.high < 0.0,
    })
}

fn distribution(read: &[Read]) -> Distribution {
    let mut d = Distribution::default();
    for a in read.iter().filter_map(|r| r.analysis.as_ref()) {
        match a.sentiment {
            Sentiment::Positive => d.positive += 1,
            Sentiment::Neutral => d.neutral += 1,
            Sentiment::Negative => d.negative += 1,
        }
        d.mixed += usize::from(a.mixed);
        d.unsure += usize::from(a.unsure);
    }
    d
}

fn notes(entries: usize, analysed: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if entries == 0 {
        return vec!["nothing was written in these days".to_owned()];
    }
    if analysed < ENOUGH {
        notes.push(format!(
            "too few entries for a trend: {analysed} analysed, from {ENOUGH} on one is drawn"
        ));
    }
    if analysed < entries {
        notes.push(format!(
            "{} of {entries} entries are not analysed yet and are left out",
            entries - analysed
        ));
    }
    notes
}
