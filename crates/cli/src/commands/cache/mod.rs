//! `companion cache`: what is kept, why it serves or does not, and what the user thinks of it.

pub(crate) mod audit;
mod check;
mod explain;
mod list;
mod stats;

use assistant::cache::{SemanticCache, Verdict};

use crate::cache;
use crate::context::Context;
use crate::exit::{Exit, Failure};

/// What to do with the cache.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Answers are kept encrypted in the journal and die with the entries that they were made from. \
    `companion config list` shows the settings (cache.*)."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Count hits, misses and refusals, and what they saved
    Stats,
    /// List what is kept, the latest used first
    List {
        /// Also the prompts that came with the program
        #[arg(long)]
        shipped: bool,
    },
    /// Show one kept answer whole, with its sources and the requests that it served
    Show {
        /// Its number in `cache list`
        id: i64,
    },
    /// Tell which kept answers are near to a text, and what refuses them
    Explain {
        /// What would be asked
        text: String,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 5)]
        limit: usize,
    },
    /// Say that the last hit of an answer was wrong: from now on it takes more to be served
    Wrong {
        /// Its number in `cache list`
        id: i64,
    },
    /// Say that the last hit of an answer was right
    Right {
        /// Its number in `cache list`
        id: i64,
    },
    /// Work out some of the hits after all, and keep the rate of wrong ones
    #[command(
        after_help = "For idle time; `companion analyze` does it at its end. A share of the hits that nobody judged (cache.audit_share) is worked out anew, and the \
        rate of wrong ones is kept with its interval. Where it is above cache.max_false_hits with 95 % certainty, the semantic tier \
        switches itself off. Summaries and replies of `generate` are judged by people only (cache wrong, cache right)."
    )]
    Audit(audit::Args),
    /// Forget every kept answer, or one
    Clear {
        /// Only this one
        id: Option<i64>,
        /// Also what was counted and judged so far, but not which questions were shown lately
        #[arg(long)]
        counts: bool,
    },
    /// Embed the prompts that came with the program
    Warm,
    /// Tell of pairs of texts whether an answer to one would serve the other; opens no journal
    Check(check::Args),
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    if let Action::Check(args) = &args.action {
        return check::run(context, args);
    }
    let mut journal = context.journal()?;
    let encoder = context.encoder()?;
    let cache = cache::open(context, &journal, encoder.as_ref())?;
    match &args.action {
        Action::Stats => stats::run(context, &cache)?,
        Action::List { shipped } => list::list(context, &cache, *shipped)?,
        Action::Show { id } => list::show(context, &cache, *id)?,
        Action::Explain { text, limit } => {
            explain::run(context, &cache, journal.uid(), text, *limit)?;
        }
        Action::Audit(args) => return audit::run(context, &mut journal, &cache, args),
        Action::Wrong { id } => verdict(context, &cache, *id, Verdict::Wrong)?,
        Action::Right { id } => verdict(context, &cache, *id, Verdict::Right)?,
        Action::Clear { id: Some(id), .. } => {
            cache.kept(*id, false)?.ok_or_else(|| missing(*id))?;
            cache.forget(*id)?;
            context.out.note(format!("forgot answer {id}"));
        }
        Action::Clear { id: None, counts } => {
            cache.clear(*counts)?;
            context.out.note("forgot every kept answer");
        }
        Action::Warm => {
            let count = cache.warm("en")?;
            if context.out.is_json() {
                context
                    .out
                    .json(&serde_json::json!({ "phrasings": count }))?;
            } else {
                context
                    .out
                    .line(format!("{count} phrasings of common prompts are ready"))?;
            }
        }
        Action::Check(_) => unreachable!("it was handled above"),
    }
    Ok(Exit::Success)
}

fn verdict(
    context: &Context,
    cache: &SemanticCache,
    id: i64,
    verdict: Verdict,
) -> anyhow::Result<()> {
    let Some(raised) = cache.verdict(id, verdict)? else {
        cache.kept(id, false)?.ok_or_else(|| missing(id))?;
        return Err(Failure::not_found(format!(
            "answer {id} served no other request yet; `companion cache clear {id}` forgets it"
        ))
        .into());
    };
    let tier = cache.tier();
    if context.out.is_json() {
        let said =
            serde_json::json!({ "id": id, "verdict": verdict, "raised": raised, "tier": tier });
        return context.out.json(&said);
    }
    context.out.note(format!(
        "what answer {id} was made for needs {raised:.2} more than other requests now"
    ));
    if !tier.on {
        context
            .out
            .warn(format!("the semantic tier is off: {}", tier.because));
    }
    Ok(())
}

fn missing(id: i64) -> Failure {
    Failure::not_found(format!(
        "no answer {id} is kept; `companion cache list` shows those that are"
    ))
}
