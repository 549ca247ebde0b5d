//! Why a text would be served, or not.

use assistant::cache::{Context as Guards, Request, SemanticCache, Task};

use crate::context::Context;
use crate::exit::Failure;
use crate::output::Line;

pub(super) fn run(
    context: &Context,
    cache: &SemanticCache,
    user: &str,
    text: &str,
    limit: usize,
) -> anyhow::Result<()> {
    if text.trim().is_empty() {
        let said = "say what would be asked: companion cache explain \"ask me about my brother\"";
        return Err(Failure::usage(said).into());
    }
    let guards = Guards {
        user: user.to_owned(),
        language: "en".to_owned(),
        shipped: true,
        ..Guards::default()
    };
    let request = Request {
        task: Task::Question,
        intent: text,
        context: guards,
    };
    let explained = cache.explain(&request, limit)?;
    let out = &context.out;
    if out.is_json() {
        return out.json(&explained);
    }
    if explained.crisis {
        out.line("this sounds like someone in danger: it is never kept and never reused")?;
    }
    if !explained.tier.on {
        out.line(format!(
            "the semantic tier is off: {}",
            explained.tier.because
        ))?;
    }
    if explained.candidates.is_empty() {
        out.line("nothing that is kept is near")?;
    }
    for found in &explained.candidates {
        // The guards of this command are seldom those of the request that was kept: they are named, not judged.
        let verdict = match found.refused_by {
            None if found.same_context => "serves".to_owned(),
            None => "serves, where the context is equal".to_owned(),
            Some("not judged") => "not judged: the judge reads the best alone".to_owned(),
            Some(by) => format!("refused by {by}"),
        };
        out.line(
            Line::new()
                .bold(found.id.to_string())
                .plain(format!("  {}  ", found.request))
                .dim(verdict),
        )?;
        out.line(Line::new().dim(format!("    similarity {:.3}", found.similarity)))?;
        for (gate, said) in &found.gates {
            out.line(Line::new().dim(format!("    {gate:<10} {said}")))?;
        }
        if let Some(judge) = found.judge {
            out.line(Line::new().dim(format!(
                "    {:<10} {:.2}, needed {:.2}",
                "judge", judge.score, judge.threshold
            )))?;
        }
        for (entry, version) in &found.sources {
            out.line(Line::new().dim(format!("    from entry {entry}, version {version}")))?;
        }
    }
    out.note(format!(
        "floor for candidates {:.2}; threshold without a judge {:.2}; judge: {}",
        explained.candidate_similarity,
        explained.similarity,
        explained.judge.as_deref().unwrap_or("none")
    ));
    Ok(())
}
