//! The cache's figures as text.

use super::{CacheFigures, Rates, WorkloadKind};
use crate::table::{ABSENT, head, number, row};

/// Adds them to `lines`.
pub(crate) fn cache(figures: &CacheFigures, lines: &mut Vec<String>) {
    let judge = figures.judge.as_deref().unwrap_or("no judge");
    lines.push(String::new());
    lines.push(format!("Semantic cache ({}, {judge})", figures.model));
    lines.push(format!(
        "  {:<18}{:<13}{:>12}{:>10}{:>13}{:>8}{:>24}",
        "pairs", "cache", "paraphrases", "served", "look-alikes", "false", "false %, 95 % bounds"
    ));
    for set in &figures.sets {
        match &set.figures {
            None => lines.push(format!("  {:<18}{ABSENT}", set.name)),
            Some(all) => lines.extend(all.iter().map(|rates| set_row(&set.name, rates))),
        }
    }
    lines.push(String::new());
    lines.push(
        "  trade-off on the held-out author's pairs: threshold, % of paraphrases, % of look-alikes"
            .to_owned(),
    );
    for point in &figures.curve {
        lines.push(format!(
            "  {:<18}{:>8.2}{:>10.1}{:>10.2}",
            point.cache,
            point.threshold,
            100.0 * point.served,
            100.0 * point.false_hits
        ));
    }
    workload(figures, lines);
    head("Looks into the cache", lines);
    for size in &figures.latencies.sizes {
        let name = format!("other words, {} entries", size.entries);
        lines.push(row(&name, Some(&size.semantic_look)));
        let name = format!("same words, {} entries", size.entries);
        lines.push(row(&name, Some(&size.exact_hit)));
    }
    for search in &figures.search {
        let name = format!("search alone, {} vectors", search.vectors);
        lines.push(row(&name, Some(&search.times)));
    }
    lines.push(format!(
        "  {} bytes an entry beside its texts",
        figures.bytes_an_entry
    ));
}

fn set_row(name: &str, rates: &Rates) -> String {
    let share = |part: u64, of: u64| match of {
        0 => "-".to_owned(),
        of => format!("{:.1} %", 100.0 * part as f64 / of as f64),
    };
    format!(
        "  {:<18}{:<13}{:>12}{:>10}{:>13}{:>8}{:>24}",
        name,
        rates.cache,
        rates.paraphrases,
        share(rates.served, rates.paraphrases),
        rates.look_alikes,
        rates.false_hits,
        match rates.look_alikes {
            0 => "-".to_owned(),
            n => format!(
                "{:.2} ({:.2} to {:.2})",
                100.0 * rates.false_hits as f64 / n as f64,
                100.0 * rates.false_hits_lower,
                100.0 * rates.false_hits_upper
            ),
        }
    )
}

fn workload(figures: &CacheFigures, lines: &mut Vec<String>) {
    let use_of = &figures.workload;
    lines.push(String::new());
    lines.push(format!(
        "  {} prompts of {} people in {} days, {} of them beside an answer that would be wrong: hits, by kind, false hits (95 % bounds)",
        use_of.prompts, use_of.users, use_of.days, use_of.tempted
    ));
    for rates in &use_of.caches {
        let kinds: Vec<String> = rates
            .by_kind
            .iter()
            .map(|(kind, prompts, hits)| {
                let name = match kind {
                    WorkloadKind::Daily => "daily",
                    WorkloadKind::Continuation => "continuation",
                    WorkloadKind::Summary => "summary",
                };
                format!("{name} {hits} of {prompts}")
            })
            .collect();
        lines.push(format!(
            "  {:<13}{:>6.1} % = {} calls saved; {}; false {} ({:.2} to {:.2} %)",
            rates.cache,
            100.0 * rates.hits as f64 / use_of.prompts.max(1) as f64,
            rates.hits,
            kinds.join(", "),
            rates.false_hits,
            100.0 * rates.false_lower,
            100.0 * rates.false_upper
        ));
    }
    miss(figures, lines);
}

/// What a reply costs, and what of it is saved.
fn miss(figures: &CacheFigures, lines: &mut Vec<String>) {
    let Some(miss) = &figures.miss else {
        lines.push(format!(
            "  seconds saved: {ABSENT}; no language model is installed"
        ));
        return;
    };
    let saved: Vec<String> = (miss.saved.iter())
        .map(|s| format!("{} {} s", s.cache, number(s.seconds)))
        .collect();
    lines.push(format!(
        "  seconds saved where {} reads {} tokens and writes {}: {}",
        miss.model,
        miss.prompt_tokens,
        miss.written_tokens,
        saved.join(", ")
    ));
    lines.push(format!(
        "  a prompt takes {} ms in the mean, {} in the median; a look is {:.2} % of a reply",
        number(miss.effective.mean_ms),
        number(miss.effective.median_ms),
        100.0 * miss.look_share
    ));
    head("Hits and misses of the simulated use", lines);
    lines.push(row("hit", Some(&miss.effective.hit)));
    lines.push(row("miss: look and reply", Some(&miss.effective.miss)));
    lines.push(row("the reply alone", Some(&miss.reply)));
}
