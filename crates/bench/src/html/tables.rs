//! The sections of the report: a sentence, plots, tables.

use std::fmt::Write as _;

use super::plot::escape;
use super::{plots, quality};
use crate::inference::table::load_rows;
use crate::roofline::IN_CACHE;
use crate::table::{ABSENT, number, percentile, size};
use crate::{ModelFigures, Report, Times, table};

/// Every section; one whose suite did not run says so.
pub(super) fn sections(report: &Report, html: &mut String) {
    latency(report, html);
    memory(report, html);
    roofline(report, html);
    batch(report, html);
    quality::cache(report, html);
    quality::bits(report, html);
    workflow(report, html);
    journal(report, html);
    loading(report, html);
    comparison(report, html);
}

pub(super) fn section(title: &str, says: &str, html: &mut String) {
    let _ = writeln!(html, "<h2>{title}</h2>\n<p>{says}</p>");
}

pub(super) fn absent(html: &mut String) {
    let _ = writeln!(html, "<p class=\"note\">{ABSENT}</p>");
}

pub(super) fn figure(caption: &str, svg: &str) -> String {
    format!(
        "<figure><figcaption>{}</figcaption>\n{svg}</figure>\n",
        escape(caption)
    )
}

pub(super) fn plots_of(figures: &[String], html: &mut String) {
    let _ = writeln!(html, "<div class=\"plots\">\n{}</div>", figures.concat());
}

/// A table whose first row is its head.
pub(super) fn table_of(head: &[&str], rows: &[Vec<String>], html: &mut String) {
    let cells = |tag: &str, row: &mut dyn Iterator<Item = String>| -> String {
        row.map(|cell| format!("<{tag}>{}</{tag}>", escape(&cell)))
            .collect()
    };
    let head = cells("th", &mut head.iter().map(|c| (*c).to_owned()));
    let _ = writeln!(html, "<div class=\"scroll\"><table>\n<tr>{head}</tr>");
    for row in rows {
        let row = cells("td", &mut row.iter().cloned());
        let _ = writeln!(html, "<tr>{row}</tr>");
    }
    html.push_str("</table></div>\n");
}

pub(super) fn bytes(value: Option<u64>) -> String {
    value.map_or_else(|| ABSENT.to_owned(), size)
}

fn latency(report: &Report, html: &mut String) {
    section(
        "Latency",
        "How long a text of 50, 200 and 500 words takes: to the vector of an encoder, to the first token of a language \
         model, and from each token to the next. Milliseconds.",
        html,
    );
    let Some(models) = &report.inference else {
        return absent(html);
    };
    let drawn: Vec<String> = (models.iter())
        .map(|m| {
            figure(
                &format!("Latency distribution, {}", m.model),
                &plots::latency(m),
            )
        })
        .collect();
    plots_of(&drawn, html);
    for model in models {
        let _ = writeln!(
            html,
            "<h3>{}</h3><p class=\"about\">{}, kernel {}, {} threads{}</p>",
            escape(&model.model),
            model.quant,
            model.kernel,
            model.threads,
            model
                .note
                .map_or_else(String::new, |note| format!("; {note}"))
        );
        table_of(
            &["", "p50", "p95", "p99", "n", "tok/s", "peak memory"],
            &length_rows(model),
            html,
        );
    }
}

fn length_rows(model: &ModelFigures) -> Vec<Vec<String>> {
    let cells = |name: String, times: &Times, tok_s: f64, memory: String| {
        vec![
            name,
            number(times.p50_ms),
            percentile(times.p95_ms),
            percentile(times.p99_ms),
            times.n.to_string(),
            number(tok_s),
            memory,
        ]
    };
    let mut rows = Vec::new();
    for length in &model.lengths {
        let name = format!("{} words, {} tokens", length.words, length.tokens);
        let (rate, peak) = (length.prefill_tok_s.median, bytes(length.peak_rss_bytes));
        rows.push(cells(name, &length.first, rate, peak));
    }
    for length in &model.lengths {
        if let (Some(between), Some(rate)) = (&length.between, length.decode_tok_s) {
            let name = format!("after {} words, token to token", length.words);
            rows.push(cells(name, between, rate.median, String::new()));
        }
    }
    rows
}

fn memory(report: &Report, html: &mut String) {
    section(
        "Memory, processor",
        "What is resident with a text of 200 words read and the encoder beside a language model; cores that were busy while \
         texts were read.",
        html,
    );
    let Some(models) = &report.inference else {
        return absent(html);
    };
    let rows: Vec<Vec<String>> = (models.iter())
        .map(|m| {
            let cores = (m.cpu.as_ref())
                .map_or_else(|| ABSENT.to_owned(), |c| format!("{:.2}", c.process_cores));
            let part = |of: &dyn Fn(&crate::MemoryFigures) -> u64| bytes(m.memory.as_ref().map(of));
            vec![
                m.model.clone(),
                part(&|m| m.weights_bytes),
                part(&|m| m.cache_bytes),
                part(&|m| m.encoder_bytes),
                part(&|m| m.runtime_bytes),
                part(&|m| m.total_bytes),
                cores,
            ]
        })
        .collect();
    table_of(
        &[
            "",
            "weights",
            "cache",
            "encoder",
            "runtime",
            "together",
            "cores busy",
        ],
        &rows,
        html,
    );
}

fn roofline(report: &Report, html: &mut String) {
    section(
        "Roofline",
        "What this machine's memory and its int8 units allow, measured in this run, and what is reached of it. Both axes in \
         equal ratios.",
        html,
    );
    let Some(roof) = &report.roofline else {
        return absent(html);
    };
    plots_of(&[figure("Roofline", &plots::roofline(roof))], html);
    let _ = writeln!(
        html,
        "<p class=\"about\">Memory is read at {:.1} GB/s, int8 products are made at {:.0} G operations/s.</p>",
        roof.read_bytes_s / 1e9,
        roof.int8_ops_s / 1e9
    );
    let rows: Vec<Vec<String>> = (roof.points.iter())
        .map(|p| {
            vec![
                p.name.clone(),
                number(p.ops_per_byte),
                number(p.ops_s / 1e9),
                format!("{:.0} %", 100.0 * roof.share(p)),
            ]
        })
        .collect();
    if !rows.is_empty() {
        table_of(
            &["", "operations a byte", "Gop/s", "of the limit there"],
            &rows,
            html,
        );
    }
    if roof.has_cached() {
        let _ = writeln!(html, "<p class=\"note\">{}</p>", escape(IN_CACHE));
    }
    peers(report, html);
}

fn peers(report: &Report, html: &mut String) {
    let _ = writeln!(html, "<h3>Beside peers</h3>");
    if report.peers.is_empty() {
        return absent(html);
    }
    for file in &report.peers {
        let _ = writeln!(
            html,
            "<p class=\"about\">{} ({}), each in turn; {}, commit {}, {}</p>",
            escape(&file.work),
            escape(&file.file),
            escape(&file.when),
            escape(&file.commit),
            escape(&file.cpu)
        );
        let mut rows = Vec::new();
        for contestant in &file.contestants {
            for f in &contestant.figures {
                let ratio = f.companion_times_as_fast;
                rows.push(vec![
                    contestant.name.clone(),
                    f.name.clone(),
                    number(f.spread.median),
                    format!("{} to {}", number(f.spread.min), number(f.spread.max)),
                    f.spread.n.to_string(),
                    ratio.map_or_else(String::new, |r| format!("{r:.2} ×")),
                ]);
            }
        }
        table_of(
            &["", "", "median", "spread", "n", "Companion is as fast"],
            &rows,
            html,
        );
    }
}

fn batch(report: &Report, html: &mut String) {
    section(
        "Batch",
        "A week of entries one after the other and together, the same tokens out; and how speed grows with the texts that \
         are written at once.",
        html,
    );
    let Some(all) = report.batch.as_ref().filter(|all| !all.is_empty()) else {
        return absent(html);
    };
    plots_of(&[figure("Batch curve", &plots::batch(all))], html);
    let rows: Vec<Vec<String>> = (all.iter())
        .map(|f| {
            vec![
                f.model.clone(),
                format!("{:.2} s", f.week.sequential_s),
                format!("{:.2} s", f.week.batched_s),
                format!("{:.2} ×", f.week.speedup),
                if f.week.outputs_equal {
                    "the same"
                } else {
                    "DIFFERENT"
                }
                .to_owned(),
                f.week.batched_runs_s.len().to_string(),
            ]
        })
        .collect();
    table_of(
        &[
            "a week",
            "one by one",
            "together",
            "speed-up",
            "tokens",
            "n",
        ],
        &rows,
        html,
    );
}

fn workflow(report: &Report, html: &mut String) {
    section(
        "A day, a week",
        "What a user does, from the start to what stands on the screen, as the program does it and plainly. Milliseconds, median.",
        html,
    );
    let Some(figures) = &report.workflow else {
        return absent(html);
    };
    let _ = writeln!(
        html,
        "<p class=\"about\">Entries of {} words. Plain: {}.</p>",
        figures.words, figures.plain
    );
    for (title, flow) in [
        ("An entry of the day", &figures.daily),
        ("A look back at seven entries", &figures.weekly),
    ] {
        let rows: Vec<Vec<String>> = (flow.phases.iter().chain([&flow.total]))
            .map(|p| {
                let [fast, plain] = [&p.optimised, &p.plain].map(|t| number(t.p50_ms));
                vec![p.name.to_owned(), fast, plain, p.optimised.n.to_string()]
            })
            .collect();
        let _ = writeln!(
            html,
            "<h3>{title}</h3><p>The plain way takes {} times as long (95 %); memory at most {}.</p>",
            flow.speedup.text(),
            bytes(flow.peak_rss_bytes)
        );
        table_of(&["", "Companion", "plain", "n"], &rows, html);
    }
    let _ = writeln!(html, "<h3>Quality of summaries</h3>");
    let Some(quality) = &report.summaries else {
        return absent(html);
    };
    let rows: Vec<Vec<String>> = (quality.ways.iter())
        .map(|w| {
            vec![
                w.way.to_owned(),
                w.rouge_1.text(3),
                w.rouge_2.text(3),
                w.rouge_l.text(3),
            ]
        })
        .collect();
    let _ = writeln!(
        html,
        "<p>ROUGE (F1, 95 %) against the references of {}, {} texts.</p>",
        quality.set, quality.texts
    );
    table_of(&["", "ROUGE-1", "ROUGE-2", "ROUGE-L"], &rows, html);
}

fn comparison(report: &Report, html: &mut String) {
    let Some(comparison) = &report.comparison else {
        return;
    };
    let says = format!(
        "Beside {} of {}; a ratio below 1 is faster now.",
        escape(&comparison.commit),
        escape(&comparison.date)
    );
    section("Against an earlier record", &says, html);
    if !comparison.same_machine {
        let _ = writeln!(
            html,
            "<p class=\"warning\">Another machine: the ratios say nothing about the program.</p>"
        );
    }
    let rows: Vec<Vec<String>> = (comparison.figures.iter())
        .map(|c| {
            vec![
                c.name.clone(),
                number(c.before_ms),
                c.before_n.to_string(),
                number(c.now_ms),
                c.now_n.to_string(),
                c.ratio.text(),
                c.verdict.to_owned(),
            ]
        })
        .collect();
    table_of(
        &[
            "milliseconds, median of the samples kept",
            "before",
            "n",
            "now",
            "n",
            "ratio (95 %)",
            "",
        ],
        &rows,
        html,
    );
}

fn journal(report: &Report, html: &mut String) {
    section(
        "Journal and program",
        "A journal of many entries, in the process and through the whole program from its start to its end. Milliseconds.",
        html,
    );
    let mut times = Vec::new();
    if let Some(figures) = &report.journal {
        times.extend(table::journal_rows(figures));
    }
    if let Some(figures) = &report.startup {
        times.extend(table::startup_rows(figures));
    }
    if times.is_empty() {
        return absent(html);
    }
    let times: Vec<_> = times
        .into_iter()
        .map(|(name, t)| (name.to_owned(), t))
        .collect();
    times_table(&times, html);
}

fn loading(report: &Report, html: &mut String) {
    section(
        "Loading",
        "From a model's file to its first answer: the file in the page cache, and on the disk alone. Milliseconds.",
        html,
    );
    let loads = report.startup.as_ref().map(|figures| &figures.loads);
    let Some(loads) = loads.filter(|loads| !loads.is_empty()) else {
        return absent(html);
    };
    for load in loads {
        let _ = writeln!(
            html,
            "<h3>{}</h3><p class=\"about\">Read from the disk: {} for {} of weights</p>",
            escape(&load.model),
            bytes(load.cold_read_bytes),
            size(load.weights_bytes)
        );
        let times = load_rows(load).map(|(name, times)| (name.to_owned(), times));
        times_table(&times, html);
    }
}

/// Times with their percentiles, in milliseconds.
pub(super) fn times_table(times: &[(String, Option<&Times>)], html: &mut String) {
    let rows: Vec<Vec<String>> = (times.iter())
        .map(|(name, times)| match times {
            None => vec![name.clone(), ABSENT.to_owned()],
            Some(t) => vec![
                name.clone(),
                number(t.p50_ms),
                percentile(t.p95_ms),
                percentile(t.p99_ms),
                number(t.min_ms),
                number(t.max_ms),
                t.n.to_string(),
            ],
        })
        .collect();
    table_of(
        &["milliseconds", "p50", "p95", "p99", "min", "max", "n"],
        &rows,
        html,
    );
}
