//! The sections about what is right: what the cache serves, and what fewer bits lose.

use std::fmt::Write as _;

use super::plot::escape;
use super::plots;
use super::tables::{absent, bytes, figure, plots_of, section, table_of, times_table};
use crate::quantization::table::{rates, verdict};
use crate::table::{ABSENT, number, size};
use crate::{CacheFigures, Report};

pub(super) fn cache(report: &Report, html: &mut String) {
    section(
        "Cache",
        "The semantic cache: what it serves of paraphrases, and of texts that only look alike, where every hit is wrong.",
        html,
    );
    let Some(figures) = &report.cache else {
        return absent(html);
    };
    plots_of(
        &[figure(
            "Cache trade-off, an author that nothing was trained on",
            &plots::trade_off(&figures.curve),
        )],
        html,
    );
    table_of(
        &[
            "pairs",
            "cache",
            "paraphrases served",
            "look-alikes",
            "false hits",
            "95 % bounds",
        ],
        &set_rows(figures),
        html,
    );
    let mut times = Vec::new();
    for size in &figures.latencies.sizes {
        times.push((
            format!("other words, {} entries", size.entries),
            Some(&size.semantic_look),
        ));
        times.push((
            format!("same words, {} entries", size.entries),
            Some(&size.exact_hit),
        ));
    }
    if let Some(miss) = &figures.miss {
        times.push((
            "hit of the simulated use".to_owned(),
            Some(&miss.effective.hit),
        ));
        let name = format!("miss: look, and a reply of {}", miss.model);
        times.push((name, Some(&miss.effective.miss)));
    }
    for search in &figures.search {
        let name = format!("search alone, {} vectors", search.vectors);
        times.push((name, Some(&search.times)));
    }
    times_table(&times, html);
    simulated_use(figures, html);
}

/// What the thousand simulated prompts came to, and what was saved of them.
fn simulated_use(figures: &CacheFigures, html: &mut String) {
    let used = &figures.workload;
    let _ = writeln!(
        html,
        "<h3>Simulated use</h3><p class=\"about\">{} prompts of {} people in {} days, {} of them beside an answer that would be wrong{}</p>",
        used.prompts,
        used.users,
        used.days,
        used.tempted,
        figures
            .miss
            .as_ref()
            .map_or_else(String::new, |miss| escape(&format!(
                "; a prompt takes {} ms in the mean and {} in the median, with replies of {} tokens to {} by {}",
                number(miss.effective.mean_ms),
                number(miss.effective.median_ms),
                miss.written_tokens,
                miss.prompt_tokens,
                miss.model
            )))
    );
    let rows: Vec<Vec<String>> = (used.caches.iter())
        .map(|rates| {
            let kinds = (rates.by_kind.iter()).map(|(_, of, hits)| format!("{hits} of {of}"));
            let seconds = figures.miss.as_ref().and_then(|miss| {
                let saved = miss.saved.iter().find(|s| s.cache == rates.cache)?;
                Some(number(saved.seconds))
            });
            [rates.cache.to_owned(), rates.hits.to_string()]
                .into_iter()
                .chain(kinds)
                .chain([
                    rates.false_hits.to_string(),
                    seconds.unwrap_or_else(|| ABSENT.to_owned()),
                ])
                .collect()
        })
        .collect();
    table_of(
        &[
            "cache",
            "calls saved",
            "daily",
            "continuation",
            "summary",
            "wrong",
            "seconds saved",
        ],
        &rows,
        html,
    );
}

fn set_rows(figures: &CacheFigures) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for set in &figures.sets {
        for rates in set.figures.iter().flatten() {
            rows.push(vec![
                set.name.clone(),
                rates.cache.to_owned(),
                format!("{} of {}", rates.served, rates.paraphrases),
                rates.look_alikes.to_string(),
                rates.false_hits.to_string(),
                format!(
                    "{:.2} to {:.2} %",
                    100.0 * rates.false_hits_lower,
                    100.0 * rates.false_hits_upper
                ),
            ]);
        }
        if set.figures.is_none() {
            rows.push(vec![set.name.clone(), ABSENT.to_owned()]);
        }
    }
    rows
}

pub(super) fn bits(report: &Report, html: &mut String) {
    section(
        "Accuracy by bits",
        "What fewer bits a weight cost in accuracy, and what they save. Bars and brackets are 95 % intervals.",
        html,
    );
    let Some(all) = report.quantization.as_ref().filter(|all| !all.is_empty()) else {
        return absent(html);
    };
    let drawn: Vec<String> = (all.iter())
        .map(|f| {
            figure(
                &format!("Accuracy by bits, {}: {}", f.model, f.accuracy_of),
                &plots::bits(f),
            )
        })
        .collect();
    plots_of(&drawn, html);
    for figures in all {
        let _ = writeln!(
            html,
            "<h3>{}</h3><p class=\"about\">{} over {} texts; latency of {}</p>",
            escape(&figures.model),
            figures.accuracy_of,
            figures.texts,
            figures.latency_of
        );
        let rows: Vec<Vec<String>> = figures.widths.iter().map(bits_row).collect();
        table_of(
            &[
                "",
                "bits",
                "on disk",
                "in memory",
                "p50, ms",
                "of the floats' time",
                "rates",
                "accuracy",
                "latency",
                "memory",
            ],
            &rows,
            html,
        );
    }
}

fn bits_row(width: &crate::Width) -> Vec<String> {
    let rates: Vec<String> = (rates(width))
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let mut row = vec![
        width.name.clone(),
        format!("{:.2}", width.bits),
        size(width.bytes),
        bytes(width.memory_bytes),
        number(width.latency.p50_ms),
        width.latency_ratio.text(),
        rates.join("; "),
    ];
    row.extend(
        width
            .checks
            .iter()
            .map(|c| format!("{}: {}", verdict(c.verdict), c.measured)),
    );
    row
}
