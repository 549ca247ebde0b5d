//! What is kept.

use assistant::cache::{KeptAnswer, SemanticCache};

use super::missing;
use crate::context::Context;
use crate::messages;
use crate::output::Line;

pub(super) fn list(context: &Context, cache: &SemanticCache, shipped: bool) -> anyhow::Result<()> {
    let kept = cache.list(shipped)?;
    if context.out.is_json() {
        return context.out.json(&kept);
    }
    if kept.is_empty() {
        context.out.note("nothing is kept");
    }
    for answer in &kept {
        context.out.line(head(answer))?;
    }
    Ok(())
}

pub(super) fn show(context: &Context, cache: &SemanticCache, id: i64) -> anyhow::Result<()> {
    let answer = cache.kept(id, true)?.ok_or_else(|| missing(id))?;
    if context.out.is_json() {
        return context.out.json(&answer);
    }
    context.out.line(head(&answer))?;
    if let Some(text) = &answer.answer {
        context.out.prose(text, 4)?;
    }
    context
        .out
        .line(Line::new().dim(format!("made {}", answer.made)))?;
    if let Some(expires) = answer.expires {
        context
            .out
            .line(Line::new().dim(format!("serves until {expires}")))?;
    }
    for (entry, version) in &answer.sources {
        context
            .out
            .line(Line::new().dim(format!("from entry {entry}, version {version}")))?;
    }
    Ok(())
}

fn head(answer: &KeptAnswer) -> Line {
    let mut line = Line::new()
        .bold(answer.id.to_string())
        .dim(format!("  {}  ", answer.task))
        .plain(answer.request.clone())
        .dim(format!(
            "  {}, {}",
            messages::counted(answer.hits, "hit", "hits"),
            messages::counted(answer.size_bytes, "byte", "bytes")
        ));
    if answer.raised > 0.0 {
        line = line.dim(format!(", threshold raised by {:.2}", answer.raised));
    }
    line
}
