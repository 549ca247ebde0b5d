//! The workflows as text.

use super::{Flow, Phase, SummaryQuality, WorkflowFigures};
use crate::table::{ABSENT, number, size};

/// Adds them to `lines`.
pub(crate) fn workflow(figures: &WorkflowFigures, lines: &mut Vec<String>) {
    let flows = [
        ("An entry of the day", &figures.daily),
        ("A look back at a week of 7 entries", &figures.weekly),
    ];
    for (title, flow) in flows {
        lines.push(String::new());
        lines.push(format!(
            "{title}, {} words each; plain: {}",
            figures.words, figures.plain
        ));
        lines.push(format!(
            "  {:<34}{:>10}{:>14}{:>10}",
            "milliseconds, median", "Companion", "plain", "n"
        ));
        lines.extend(flow.phases.iter().chain([&flow.total]).map(row));
        lines.push(format!(
            "  {:<34}{} times, 95 % interval",
            "the plain way takes",
            flow.speedup.text()
        ));
        lines.push(format!("  {:<34}{}", "memory at most", memory(flow)));
    }
}

fn memory(flow: &Flow) -> String {
    flow.peak_rss_bytes.map_or_else(|| ABSENT.to_owned(), size)
}

fn row(phase: &Phase) -> String {
    format!(
        "  {:<34}{:>10}{:>14}{:>10}",
        phase.name,
        number(phase.optimised.p50_ms),
        number(phase.plain.p50_ms),
        phase.optimised.n
    )
}

/// Adds the quality of summaries.
pub(crate) fn quality(figures: &SummaryQuality, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push(format!(
        "Summaries against the references of {}, {} texts; F1, 95 % interval",
        figures.set, figures.texts
    ));
    lines.push(format!(
        "  {:<18}{:>26}{:>26}{:>26}",
        "", "ROUGE-1", "ROUGE-2", "ROUGE-L"
    ));
    lines.extend(figures.ways.iter().map(|way| {
        let [one, two, longest] = [way.rouge_1, way.rouge_2, way.rouge_l].map(|m| m.text(3));
        format!("  {:<18}{one:>26}{two:>26}{longest:>26}", way.way)
    }));
}
