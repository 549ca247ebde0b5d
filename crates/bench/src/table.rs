//! A report as text.

use crate::cache::table::cache;
use crate::inference::table::{inference, loading};
use crate::quantization::table::quantization;
use crate::roofline::IN_CACHE;
use crate::workflow::table::{quality, workflow};
use crate::{EncoderFigures, JournalFigures, Report, StartupFigures, Suite, Times};

/// What stands for a figure that there is none of.
pub(crate) const ABSENT: &str = "not measured";
/// What stands for a percentile of fewer samples than it needs.
const TOO_FEW: &str = "n too small";

pub(crate) fn lines(report: &Report) -> Vec<String> {
    let machine = &report.machine;
    let memory = machine.memory_bytes.map_or_else(String::new, |bytes| {
        format!(", {:.0} GB", bytes as f64 / 1e9)
    });
    let mut lines = vec![
        format!(
            "{}, {} cores{memory}, {}",
            machine.cpu, machine.cores, machine.system
        ),
        format!(
            "companion {} at {}, {}{}",
            report.version,
            report.commit,
            report.date,
            if report.quick {
                ", quick: few samples"
            } else {
                ""
            }
        ),
        format!("warm-up: {}", report.warm_up),
    ];
    if let Some(figures) = &report.inference {
        inference(figures, &mut lines);
    }
    if let Some(roof) = &report.roofline {
        roofline(roof, &mut lines);
    }
    lines.extend(report.peers.iter().flat_map(crate::PeerFile::lines));
    if let Some(figures) = &report.encoder {
        encoder(figures, &mut lines);
    }
    if let Some(figures) = &report.quantization {
        quantization(figures, &mut lines);
    }
    for figures in report.batch.iter().flatten() {
        lines.push(String::new());
        lines.push(format!("Many texts at once, {}", figures.model));
        lines.extend(figures.lines().into_iter().map(|line| format!("  {line}")));
    }
    if let Some(figures) = &report.cache {
        cache(figures, &mut lines);
    }
    if let Some(figures) = &report.journal {
        journal(figures, &mut lines);
    }
    if let Some(figures) = &report.workflow {
        workflow(figures, &mut lines);
    }
    if let Some(figures) = &report.summaries {
        quality(figures, &mut lines);
    }
    if let Some(figures) = &report.startup {
        startup(figures, &mut lines);
    }
    if let Some(comparison) = &report.comparison {
        lines.extend(comparison.lines());
    }
    if !report.not_measured.is_empty() {
        lines.push(String::new());
    }
    lines.extend(
        (report.not_measured.iter()).map(|(what, reason)| format!("{what}: {ABSENT} ({reason})")),
    );
    lines.extend(
        report
            .warnings
            .iter()
            .map(|warning| format!("warning: {warning}")),
    );
    lines.push(String::new());
    lines.push(measured_in(report));
    lines
}

/// How long the report took, suite by suite: `measured in 31 min: inference 12 min, startup 40 s`.
pub(crate) fn measured_in(report: &Report) -> String {
    let suites: Vec<String> = (Suite::ALL.iter())
        .filter_map(|suite| {
            let seconds = report.suite_seconds.get(suite.name())?;
            Some(format!("{} {}", suite.name(), duration(*seconds)))
        })
        .collect();
    let by_suite = match suites.is_empty() {
        true => String::new(),
        false => format!(": {}", suites.join(", ")),
    };
    format!("measured in {}{by_suite}", duration(report.seconds))
}

/// Seconds as people say them: `0.4 s`, `45 s`, `31 min`.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 100.0 => format!("{s:.0} s"),
        s => format!("{:.0} min", s / 60.0),
    }
}

/// Every time in the report, with the name that it has in the table.
pub(crate) fn all_times(report: &Report) -> Vec<(String, &Times)> {
    let mut all = Vec::new();
    for model in report.inference.iter().flatten() {
        let name = |words| format!("{}, {words} words", model.model);
        all.extend(model.lengths.iter().map(|l| (name(l.words), &l.first)));
    }
    if let Some(figures) = &report.encoder {
        let times = [
            ("ready", &figures.load),
            ("9-token sentence", &figures.short),
            ("200-word text", &figures.long),
        ];
        all.extend(times.map(|(name, times)| (name.to_owned(), times)));
    }
    let journal = report.journal.iter().flat_map(journal_rows);
    let rows = journal.chain(report.startup.iter().flat_map(startup_rows));
    for (name, flow) in (report.workflow.iter())
        .flat_map(|w| [("an entry of the day", &w.daily), ("a week", &w.weekly)])
    {
        all.push((name.to_owned(), &flow.total.optimised));
    }
    all.extend(rows.filter_map(|(name, times)| Some((name.to_owned(), times?))));
    all
}

pub(crate) fn head(title: &str, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push(title.to_owned());
    lines.push(format!(
        "  {:<34}{:>10}{:>13}{:>13}{:>10}{:>10}{:>7}",
        "milliseconds", "p50", "p95", "p99", "min", "max", "n"
    ));
}

pub(crate) fn row(name: &str, times: Option<&Times>) -> String {
    let Some(times) = times else {
        return format!("  {name:<34}{ABSENT:>24}");
    };
    let [p95, p99] = [times.p95_ms, times.p99_ms].map(percentile);
    let [p50, min, max] = [times.p50_ms, times.min_ms, times.max_ms].map(number);
    format!(
        "  {name:<34}{p50:>10}{p95:>13}{p99:>13}{min:>10}{max:>10}{:>7}",
        times.n
    )
}

/// A percentile, which is absent where there are too few samples for it.
pub(crate) fn percentile(value: Option<f64>) -> String {
    value.map_or_else(|| TOO_FEW.to_owned(), number)
}

/// Bytes as people say them: `24 MB`, `1.65 GB`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes as f64 {
        b if b < 1e6 => format!("{:.0} kB", b / 1e3),
        b if b < 1e9 => format!("{:.0} MB", b / 1e6),
        b => format!("{:.2} GB", b / 1e9),
    }
}

/// Three significant digits or so: more would claim a precision that is not there.
pub(crate) fn number(value: f64) -> String {
    match value {
        v if v < 10.0 => format!("{v:.2}"),
        v if v < 100.0 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

fn roofline(roof: &crate::RooflineFigures, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push(format!(
        "Limits of this machine: memory read at {:.1} GB/s, int8 products {:.0} G operations/s",
        roof.read_bytes_s / 1e9,
        roof.int8_ops_s / 1e9
    ));
    lines.extend(roof.points.iter().map(|p| {
        format!(
            "  {:<46}{:>8.1} op/byte{:>10.1} Gop/s, {:>3.0} % of what that allows",
            p.name,
            p.ops_per_byte,
            p.ops_s / 1e9,
            100.0 * roof.share(p)
        )
    }));
    if roof.has_cached() {
        lines.push(format!("  {IN_CACHE}"));
    }
}

fn encoder(figures: &EncoderFigures, lines: &mut Vec<String>) {
    head(
        &format!(
            "Encoder {}, kernel {}, {} threads",
            figures.model, figures.kernel, figures.threads
        ),
        lines,
    );
    lines.push(row("ready (open and first vector)", Some(&figures.load)));
    lines.push(row("9-token sentence", Some(&figures.short)));
    lines.push(row("200-word text", Some(&figures.long)));
    lines.push(format!(
        "  {:<34}{:>10} a second",
        "short texts in bulk",
        number(figures.bulk_short_texts_s)
    ));
    lines.push(format!(
        "  {:<34}{:>10} a second",
        "200-word texts in bulk",
        number(figures.bulk_long_texts_s)
    ));
    let cosine = figures.cosine_to_f32.as_ref().map_or_else(
        || format!("{ABSENT} (needs the model minilm beside this one)"),
        |c| {
            format!(
                "{:.4} mean, {:.4} first percentile, {:.4} worst, n {}",
                c.mean, c.p1, c.min, c.n
            )
        },
    );
    lines.push(format!("  {:<34}{cosine}", "cosine to f32"));
}

pub(crate) fn journal_rows(figures: &JournalFigures) -> Vec<(&'static str, Option<&Times>)> {
    vec![
        ("unlock and open (key file)", Some(&figures.open)),
        ("save one entry, durable", Some(&figures.add)),
        ("list the latest 20", Some(&figures.list)),
        ("full-text search", Some(&figures.full_text)),
        ("vector search", Some(&figures.vector)),
        ("hybrid search", figures.hybrid.as_ref()),
    ]
}

fn journal(figures: &JournalFigures, lines: &mut Vec<String>) {
    let size = figures.database_bytes as f64 / 1e6;
    head(
        &format!("Journal of {} entries, {size:.0} MB", figures.entries),
        lines,
    );
    lines.extend(
        journal_rows(figures)
            .into_iter()
            .map(|(name, times)| row(name, times)),
    );
}

pub(crate) fn startup_rows(figures: &StartupFigures) -> Vec<(&'static str, Option<&Times>)> {
    vec![
        ("companion version", Some(&figures.version)),
        ("companion new --no-analysis", Some(&figures.new_saved)),
        (
            "companion new, analysis shown",
            figures.new_analysed.as_ref(),
        ),
        ("companion list --limit 20", Some(&figures.list)),
        ("companion search", figures.search.as_ref()),
    ]
}

fn startup(figures: &StartupFigures, lines: &mut Vec<String>) {
    head("The whole program, start to end, in that journal", lines);
    lines.extend(
        startup_rows(figures)
            .into_iter()
            .map(|(name, times)| row(name, times)),
    );
    for load in &figures.loads {
        loading(load, lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_of_few_samples_is_told_from_what_was_not_measured() {
        let times = Times::of(&[1.0, 2.0, 30.0]);
        assert_eq!(
            row("few", Some(&times)),
            "  few                                     2.00  n too small  n too small      1.00      30.0      3"
        );
        assert_eq!(
            row("none", None).trim_end(),
            "  none                                          not measured"
        );
    }

    #[test]
    fn the_time_that_it_took_is_told_by_suite_in_the_order_in_which_they_ran() {
        let mut report = Report::begin(true);
        assert_eq!(measured_in(&report), "measured in 0.0 s");
        report.seconds = 1_850.0;
        report.suite_seconds = [("encoder", 7.26), ("startup", 99.0), ("inference", 700.0)].into();
        assert_eq!(
            lines(&report).last().unwrap(),
            "measured in 31 min: inference 12 min, encoder 7.3 s, startup 99 s"
        );
    }
}
