//! The filters that `list`, `search`, `export` and their kin share.

use jiff::ZonedDateTime;
use jiff::civil::Date;
use journal::{Filter, Sentiment};

use crate::exit::Failure;
use crate::span;
use crate::when;

/// Which entries are meant. All conditions have to hold.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Which entries")]
pub(crate) struct FilterArgs {
    /// From this time on ("last monday", "march", "2026-03-02")
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// Up to and with this time
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// Only within this time ("yesterday", "last week", "2025")
    #[arg(long, value_name = "WHEN", conflicts_with_all = ["from", "to"])]
    on: Option<String>,
    /// With this tag (repeated: with all of them)
    #[arg(short, long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// With at least one of these tags (may be repeated)
    #[arg(long = "any-tag", value_name = "TAG")]
    any_tags: Vec<String>,
    /// Without this tag (may be repeated)
    #[arg(long = "not-tag", value_name = "TAG")]
    not_tags: Vec<String>,
    /// Whose text contains this (may be repeated)
    #[arg(long, value_name = "TEXT")]
    contains: Vec<String>,
    /// That feel so: positive, neutral or negative
    #[arg(long, value_name = "MOOD", hide_possible_values = true)]
    mood: Option<Mood>,
    /// About this theme, such as work or sleep (repeated: about all of them)
    #[arg(long = "theme", value_name = "THEME")]
    themes: Vec<String>,
    /// That name this person
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// Only starred ones
    #[arg(long)]
    starred: bool,
    /// Whose field meets this, such as "sleep>=7" (may be repeated)
    #[arg(long = "field", value_name = "CONDITION")]
    fields: Vec<String>,
    /// At most this many, the latest ones
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Mood {
    Positive,
    Neutral,
    Negative,
}

impl From<Mood> for Sentiment {
    fn from(mood: Mood) -> Sentiment {
        match mood {
            Mood::Positive => Sentiment::Positive,
            Mood::Neutral => Sentiment::Neutral,
            Mood::Negative => Sentiment::Negative,
        }
    }
}

impl FilterArgs {
    /// The most entries that were asked for.
    pub(crate) fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Whether it asks for something that only an analysis knows.
    pub(crate) fn needs_analysis(&self) -> bool {
        self.mood.is_some() || !self.themes.is_empty()
    }

    /// Whether nothing but perhaps a limit was given.
    pub(crate) fn is_everything(&self) -> bool {
        self.from.is_none()
            && self.to.is_none()
            && self.on.is_none()
            && self.tags.is_empty()
            && self.any_tags.is_empty()
            && self.not_tags.is_empty()
            && self.contains.is_empty()
            && self.mood.is_none()
            && self.themes.is_empty()
            && self.person.is_none()
            && !self.starred
            && self.fields.is_empty()
            && self.limit.is_none()
    }

    /// The days that `--on`, `--from` and `--to` name; `None` where neither is given.
    pub(crate) fn days(&self, now: &ZonedDateTime) -> anyhow::Result<Option<(Date, Date)>> {
        let days = |text: &str| span::days(text, now);
        Ok(match (&self.on, &self.from, &self.to) {
            (Some(on), _, _) => Some(days(on)?),
            (_, Some(from), Some(to)) => Some((days(from)?.0, days(to)?.1)),
            (_, Some(from), None) => Some((days(from)?.0, now.date())),
            (_, None, Some(_)) => {
                return Err(Failure::usage("--to needs --from: say where the span begins").into());
            }
            (None, None, None) => None,
        })
    }

    /// The journal's filter for these words, said at `now`.
    pub(crate) fn filter(&self, now: &ZonedDateTime) -> anyhow::Result<Filter> {
        let span = |text: &Option<String>| {
            text.as_deref()
                .map(|text| when::span(text, now))
                .transpose()
                .map_err(|error| Failure::usage(error.to_string()))
        };
        let on = span(&self.on)?;
        let from = on.or(span(&self.from)?).map(|span| span.from);
        let to = on.or(span(&self.to)?).map(|span| span.until);
        if let (Some(from), Some(to)) = (from, to)
            && from >= to
        {
            return Err(Failure::usage(format!(
                "--from {:?} begins after --to {:?} ends; exchange them",
                self.from.as_deref().unwrap_or_default(),
                self.to.as_deref().unwrap_or_default()
            ))
            .into());
        }
        Ok(Filter {
            from,
            to,
            tags_all: self.tags.clone(),
            tags_any: self.any_tags.clone(),
            tags_not: self.not_tags.clone(),
            contains: self.contains.clone(),
            sentiment: self.mood.map(Sentiment::from),
            themes: self.themes.clone(),
            person: self.person.clone(),
            starred: self.starred.then_some(true),
            fields: self
                .fields
                .iter()
                .map(|condition| condition.parse())
                .collect::<Result<_, journal::Error>>()?,
            limit: self.limit,
            ..Filter::default()
        })
    }
}
