//! The figures of models as text.

use super::{LengthFigures, LoadFigures, ModelFigures};
use crate::Times;
use crate::table::{ABSENT, head, number, percentile, row, size};

/// Adds them to `lines`.
pub(crate) fn inference(all: &[ModelFigures], lines: &mut Vec<String>) {
    for model in all {
        one(model, lines);
    }
}

fn one(model: &ModelFigures, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push(format!(
        "Inference, {} ({}), kernel {}, {} threads",
        model.model, model.quant, model.kernel, model.threads
    ));
    lines.extend(model.note.map(|note| format!("  {note}")));
    let decodes = model.kind == "decoder";
    let what = if decodes {
        "to the first token"
    } else {
        "to the vector"
    };
    lines.push(format!(
        "  {:<22}{:>10}{:>13}{:>13}{:>7}{:>12}{:>14}",
        format!("{what}, ms"),
        "p50",
        "p95",
        "p99",
        "n",
        "tok/s",
        "peak memory"
    ));
    lines.extend(model.lengths.iter().map(|length| {
        let tok_s = number(length.prefill_tok_s.median);
        let peak = length
            .peak_rss_bytes
            .map_or_else(|| ABSENT.to_owned(), size);
        format!(
            "{}{tok_s:>12}{peak:>14}",
            percentiles(length, &length.first)
        )
    }));
    if decodes {
        lines.push("  from one token to the next, ms".to_owned());
    }
    lines.extend(model.lengths.iter().filter_map(|length| {
        let tok_s = number(length.decode_tok_s?.median);
        Some(format!(
            "{}{tok_s:>12}",
            percentiles(length, length.between.as_ref()?)
        ))
    }));
    lines.push(match &model.memory {
        None => format!("  {:<34}{ABSENT}", "memory"),
        Some(m) => format!(
            "  {:<34}weights {}, cache {}, encoder {}, runtime {}; together {}",
            "memory",
            size(m.weights_bytes),
            size(m.cache_bytes),
            size(m.encoder_bytes),
            size(m.runtime_bytes),
            size(m.total_bytes)
        ),
    });
    lines.push(match &model.cpu {
        None => format!("  {:<34}{ABSENT}", "processor"),
        Some(cpu) => {
            let cores: Vec<String> = (cpu.by_core.iter())
                .map(|share| format!("{:.0} %", 100.0 * share))
                .collect();
            format!(
                "  {:<34}{:.2} cores busy; by core {}",
                "processor",
                cpu.process_cores,
                cores.join(", ")
            )
        }
    });
}

/// The times of loading a model, with the names that they have in tables.
pub(crate) fn load_rows(load: &LoadFigures) -> [(&'static str, Option<&Times>); 3] {
    [
        ("open, file in the page cache", Some(&load.warm)),
        ("open and first answer", Some(&load.warm_ready)),
        ("the same, file on the disk", load.cold_ready.as_ref()),
    ]
}

/// Adds how a model is loaded.
pub(crate) fn loading(load: &LoadFigures, lines: &mut Vec<String>) {
    head(&format!("Loading {}", load.model), lines);
    lines.extend(load_rows(load).map(|(name, times)| row(name, times)));
    let read = load.cold_read_bytes.map_or_else(|| ABSENT.to_owned(), size);
    lines.push(format!(
        "  {:<34}{read:>10} for {} of weights",
        "read from the disk",
        size(load.weights_bytes)
    ));
}

fn percentiles(length: &LengthFigures, times: &Times) -> String {
    format!(
        "  {:<22}{:>10}{:>13}{:>13}{:>7}",
        format!("{} words, {} tokens", length.words, length.tokens),
        number(times.p50_ms),
        percentile(times.p95_ms),
        percentile(times.p99_ms),
        times.n
    )
}
