//! `companion fix`: what the person says of an entry, in place of what the model said.

use assistant::personal::{self, Corrections};
use assistant::{Instant, THEMES};
use journal::{Correction, EntryId, Journal, Sentiment};

use crate::analysis;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::messages;
use crate::output::Line;
use crate::view::json::EntryJson;
use crate::view::mood;

/// Which entry, and what is right.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What you say outranks the model, for this entry now and after every later reading of it, and \
    shifts a little how later entries are read. It stays in the journal. Without ID: how often you corrected it.\n\
    The themes: work, school, family, friends, romance, health, exercise, sleep, food, money, leisure, creativity, \
    nature, travel, home, pets, spirituality, technology, emotions, growth.\n\n\
    Examples:\n  \
    companion fix 12 --sentiment negative\n  \
    companion fix 12 --themes work,health"
)]
pub(crate) struct Args {
    /// The number of the entry
    id: Option<EntryId>,
    /// How it feels: positive, neutral or negative
    #[arg(long, value_name = "MOOD", requires = "id")]
    sentiment: Option<String>,
    /// What it is about, separated by commas; empty: none of the themes
    #[arg(long, value_name = "THEMES", requires = "id")]
    themes: Option<String>,
    /// Let the model's word hold again
    #[arg(long, requires = "id", conflicts_with_all = ["sentiment", "themes"])]
    clear: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let Some(id) = args.id else {
        let journal = context.journal()?;
        let corrections = personal::corrections(&journal)?;
        if context.out.is_json() {
            context.out.json(&corrections)?;
        } else {
            context.out.line(counted(&corrections))?;
        }
        return Ok(Exit::Success);
    };
    let correction = args.correction()?;
    if !args.clear && correction == Correction::default() {
        return Err(Failure::usage(format!(
            "say what is right: companion fix {id} --sentiment positive|neutral|negative, \
             --themes work,health (or \"\" for none), or --clear"
        ))
        .into());
    }
    let mut journal = context.journal()?;
    journal.get(id)?;
    // So that what the model says is known, and can be counted and learnt from.
    let instant = analysis::catch_up_soon(context, &mut journal)?;
    if args.clear {
        if !journal.uncorrect(id)? {
            return Err(Failure::not_found(format!("entry {id} was never corrected")).into());
        }
    } else {
        journal.correct(id, &correction)?;
    }
    learn(context, &mut journal, instant.as_ref());
    tell(context, &journal, id)
}

impl Args {
    fn correction(&self) -> Result<Correction, Failure> {
        let sentiment = match &self.sentiment {
            Some(name) => Some(
                name.parse::<Sentiment>()
                    .map_err(|error| Failure::usage(error.to_string()))?,
            ),
            None => None,
        };
        let themes = self.themes.as_deref().map(read_themes).transpose()?;
        Ok(Correction { sentiment, themes })
    }
}

/// The themes of a list, in its order and once each.
fn read_themes(list: &str) -> Result<Vec<String>, Failure> {
    let mut themes: Vec<String> = Vec::new();
    for name in list.split(',').map(|name| name.trim().to_lowercase()) {
        if name.is_empty() || themes.contains(&name) {
            continue;
        }
        if !THEMES.contains(&name.as_str()) {
            return Err(Failure::usage(format!(
                "no theme {name:?}; the themes are {}",
                THEMES.join(", ")
            )));
        }
        themes.push(name);
    }
    Ok(themes)
}

/// The correction is kept already; that nothing could be learnt from it is no failure.
fn learn(context: &Context, journal: &mut Journal, instant: Option<&Instant>) {
    if let Some(instant) = instant
        && let Err(error) = personal::learn(journal, instant)
    {
        context.out.warn(format!(
            "kept, but the reading of later entries stays as it was: {error}"
        ));
    }
}

fn tell(context: &Context, journal: &Journal, id: EntryId) -> anyhow::Result<Exit> {
    let out = &context.out;
    let analysis = journal.analysis(id)?;
    if out.is_json() {
        let entry = journal.get(id)?;
        out.json(&EntryJson::new(&entry, analysis.as_ref()))?;
        return Ok(Exit::Success);
    }
    match &analysis {
        Some(analysis) => out.line(mood::line(analysis, out))?,
        None => out.line("kept; it holds as soon as a model has read the entry")?,
    }
    out.line(Line::new().dim(counted(&personal::corrections(journal)?)))?;
    Ok(Exit::Success)
}

/// `3 entries corrected; the model had felt 2 of 3 otherwise, and found other themes in 1 of 1`.
fn counted(sum: &Corrections) -> String {
    if sum.entries == 0 {
        return "nothing corrected so far".to_owned();
    }
    let mut told = Vec::new();
    if sum.sentiment > 0 {
        told.push(format!(
            "had felt {} of {} otherwise",
            sum.sentiment_changed, sum.sentiment
        ));
    }
    if sum.themes > 0 {
        told.push(format!(
            "had found other themes in {} of {}",
            sum.themes_changed, sum.themes
        ));
    }
    format!(
        "{} corrected so far; the model {}",
        messages::entries(sum.entries),
        told.join(", and ")
    )
}
