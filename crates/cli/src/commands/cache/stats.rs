//! What the cache did so far.

use assistant::cache::{Counters, SemanticCache, TierState};
use serde::Serialize;

use crate::context::Context;
use crate::messages;
use crate::output::Line;

#[derive(Serialize)]
struct Stats {
    #[serde(flatten)]
    counters: Counters,
    entries: usize,
    shipped_phrasings: usize,
    bytes: u64,
    max_entries: usize,
    max_bytes: u64,
    tier: TierState,
}

pub(super) fn run(context: &Context, cache: &SemanticCache) -> anyhow::Result<()> {
    let all = cache.list(true)?;
    let (shipped, own): (Vec<_>, Vec<_>) = all.into_iter().partition(|a| a.shipped);
    let stats = Stats {
        counters: cache.counters()?,
        entries: own.len(),
        shipped_phrasings: shipped.len(),
        bytes: own.iter().map(|a| a.size_bytes).sum(),
        max_entries: cache.options().max_entries,
        max_bytes: cache.options().max_bytes,
        tier: cache.tier(),
    };
    let out = &context.out;
    if out.is_json() {
        return out.json(&stats);
    }
    let c = &stats.counters;
    let row = |name: &str, value: String| Line::new().dim(format!("{name:<22}")).plain(value);
    out.line(row(
        "kept",
        format!(
            "{} of {}, {} of {}",
            stats.entries,
            messages::counted(stats.max_entries, "answer", "answers"),
            stats.bytes,
            messages::counted(stats.max_bytes, "byte", "bytes")
        ),
    ))?;
    out.line(row(
        "shipped phrasings",
        stats.shipped_phrasings.to_string(),
    ))?;
    out.line(row("looked up", c.looked_up.to_string()))?;
    out.line(row(
        "hits",
        format!(
            "{} exact, {} semantic, {} shipped, {} joined",
            c.exact, c.semantic, c.shipped, c.joined
        ),
    ))?;
    out.line(row("misses", c.missed.to_string()))?;
    let counted = |all: &std::collections::BTreeMap<String, u64>| {
        let some: Vec<String> = all
            .iter()
            .filter(|(_, n)| **n > 0)
            .map(|(name, n)| format!("{name} {n}"))
            .collect();
        if some.is_empty() {
            "none".to_owned()
        } else {
            some.join(", ")
        }
    };
    out.line(row("refused", counted(&c.refused)))?;
    out.line(row("not looked up", counted(&c.bypassed)))?;
    let ms =
        |value: Option<f64>| value.map_or("not measured".to_owned(), |ms| format!("{ms:.1} ms"));
    out.line(row(
        "a hit, a miss",
        format!("{}, {}", ms(c.hit_ms), ms(c.miss_ms)),
    ))?;
    let saved = c
        .saved_s
        .map_or("not measured".to_owned(), |s| format!("{s:.1} s"));
    out.line(row("saved", saved))?;
    for (name, value) in judged(&stats.tier) {
        out.line(row(name, value))?;
    }
    Ok(())
}

/// What audits and people say, and what the semantic tier does about it: rows of a table.
pub(super) fn judged(tier: &TierState) -> [(&'static str, String); 3] {
    let said = match tier.audit.judged {
        0 => "none audited yet".to_owned(),
        n => format!(
            "{} of {n} audited; {:.2} to {:.2} % with 95 % certainty each side",
            tier.audit.wrong,
            100.0 * tier.audit.lower,
            100.0 * tier.audit.upper
        ),
    };
    let complaints = format!(
        "{} of {} hits in other words were said to be wrong, {} right",
        tier.complaints.wrong, tier.complaints.served, tier.complaints.right
    );
    let state = if tier.on { "on" } else { "off" };
    [
        ("false hits", said),
        ("complaints", complaints),
        ("semantic tier", format!("{state}: {}", tier.because)),
    ]
}
