//! What is kept.

use assistant::cache::{KeptAnswer, SemanticCache, ServedRequest, Verdict};
use assistant::language::ask::Answer;
use jiff::Timestamp;
use jiff::tz::TimeZone;

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
    let zone = context.now()?.time_zone().clone();
    if let Some(text) = &answer.answer {
        // An answer about the journal is kept with its citations.
        let said = match answer.task.as_str() {
            "ask" => serde_json::from_str::<Answer>(text).ok().map(|a| a.answer),
            _ => None,
        };
        context.out.prose(said.as_ref().unwrap_or(text), 4)?;
    }
    let made = local(answer.made, &zone);
    context.out.line(Line::new().dim(format!("made {made}")))?;
    if let Some(expires) = answer.expires {
        let expires = local(expires, &zone);
        context
            .out
            .line(Line::new().dim(format!("serves until {expires}")))?;
    }
    for (entry, version) in &answer.sources {
        context
            .out
            .line(Line::new().dim(format!("from entry {entry}, version {version}")))?;
    }
    for request in answer.served.iter().flatten() {
        context.out.line(served(request, &zone))?;
    }
    Ok(())
}

/// A request that the answer served.
fn served(request: &ServedRequest, zone: &TimeZone) -> Line {
    let verdict = match request.verdict {
        None => "not judged",
        Some(Verdict::Right) => "right",
        Some(Verdict::Wrong) => "wrong",
    };
    Line::new()
        .dim(format!("served {}  ", local(request.at, zone)))
        .plain(request.request.clone())
        .dim(format!("  similarity {:.3}, {verdict}", request.similarity))
}

fn local(at: Timestamp, zone: &TimeZone) -> String {
    let at = at.to_zoned_datetime(zone.clone());
    at.strftime("%Y-%m-%d %H:%M").to_string()
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
