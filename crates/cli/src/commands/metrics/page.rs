//! The page: sections, one figure a line, each with its n.

use assistant::dashboard::{Dashboard, Day, Latency, Mode, Rate, Spread, Verdict};
use jiff::civil::Date;

use crate::messages;
use crate::output::wrap;
use crate::output::{Line, Output, Style};

/// Columns of the name of a figure, of a percentile, and of an n.
const NAME: usize = 24;
const CELL: usize = 12;
const COUNT: usize = 8;
/// Days that a sparkline shows at most.
const DAYS: usize = 14;

const NOT_MEASURED: &str = "not measured";
const TOO_SMALL: &str = "n too small";

/// Prints all of it.
pub(super) fn show(out: &Output, all: &Dashboard) -> anyhow::Result<()> {
    lines(out, all)
        .into_iter()
        .try_for_each(|line| out.line(line))
}

/// The lines of the page.
pub(super) fn lines(out: &Output, all: &Dashboard) -> Vec<Line> {
    let page = Page { out, all };
    let mut lines = vec![page.title(), Line::new()];
    for section in [
        page.inference(),
        page.encoder(),
        page.memory(),
        page.cache(),
        page.throughput(),
        page.health(),
    ] {
        lines.extend(section);
        lines.push(Line::new());
    }
    lines.pop();
    lines
}

struct Page<'a> {
    out: &'a Output,
    all: &'a Dashboard,
}

impl Page<'_> {
    fn title(&self) -> Line {
        let (from, to) = (day(self.all.from), day(self.all.to));
        let span = if from == to {
            to
        } else {
            format!("{from} to {to}")
        };
        let days = self.all.days.len();
        let dot = self.out.glyph(" · ", " - ");
        Line::new().bold(span).dim(match self.all.processes {
            0 => format!("{dot}nothing was measured yet"),
            n => format!(
                "{dot}{} on {}",
                many(n, "run", "runs"),
                many(days as u64, "day", "days")
            ),
        })
    }

    fn inference(&self) -> Vec<Line> {
        let i = &self.all.inference;
        vec![
            heading("Inference", ["p50", "p95", "p99", "n"]),
            self.latency("first token", &i.first_token_ms, |d| d.first_token_ms),
            self.latency("  the first of a run", &i.first_token_of_process_ms, |_| {
                None
            }),
            self.latency("  later in a run", &i.first_token_warm_ms, |_| None),
            self.latency("token to token", &i.inter_token_ms, |_| None),
            self.latency("wait in line", &i.queue_wait_ms, |_| None),
            self.latency("load, from disk", &i.load_cold_ms, |_| None),
            self.latency("load, from memory", &i.load_warm_ms, |_| None),
            subheading("tokens a second", ["p50", "p5", "p1", "n"]),
            self.rate("reading a prompt", &i.prefill_tokens_per_s, |_| None),
            self.rate("writing", &i.decode_tokens_per_s, |d| d.decode_tokens_per_s),
            plain(
                "texts in a step",
                spread(&i.batch_texts, |x| format!("{x:.1}")),
            ),
            plain(
                "tokens",
                match i.replies {
                    0 => NOT_MEASURED.to_owned(),
                    n => format!(
                        "{} read, {} known before, {} written in {}",
                        thousands(i.tokens_read),
                        thousands(i.tokens_reused),
                        thousands(i.tokens_written),
                        many(n, "reply", "replies")
                    ),
                },
            ),
        ]
    }

    fn encoder(&self) -> Vec<Line> {
        let e = &self.all.encoder;
        let speed = e.texts_per_s.map_or_else(
            || NOT_MEASURED.to_owned(),
            |x| format!("{x:.0} a second, {} in all", thousands(e.texts)),
        );
        vec![
            heading("Encoder", ["p50", "p95", "p99", "n"]),
            self.latency("one text", &e.call_ms, |_| None),
            self.latency("analysis of an entry", &e.analysis_ms, |d| d.analysis_ms),
            self.latency("load, from disk", &e.load_cold_ms, |_| None),
            self.latency("load, from memory", &e.load_warm_ms, |_| None),
            plain(
                "texts in a call",
                spread(&e.batch_texts, |x| format!("{x:.1}")),
            ),
            plain("texts", speed),
        ]
    }

    fn memory(&self) -> Vec<Line> {
        let m = &self.all.memory;
        let now = match (m.now_bytes, m.now_processes) {
            (Some(bytes), n) => {
                let own = m.now_proportional_bytes.map_or_else(String::new, |bytes| {
                    format!(", {} not shared (PSS)", size(bytes as f64))
                });
                let processes = many(n as u64, "process", "processes");
                format!("{} in {processes}{own}", size(bytes as f64))
            }
            (None, _) => "nothing else of Companion runs".to_owned(),
        };
        let average = m.average_bytes.map_or_else(
            || NOT_MEASURED.to_owned(),
            |bytes| format!("{}, n {}", size(bytes), thousands(m.n)),
        );
        let of_machine = |bytes: u64| match m.machine_bytes {
            Some(all) if all > 0 => format!(
                "{}, {:.0} % of this machine",
                size(bytes as f64),
                100.0 * bytes as f64 / all as f64
            ),
            _ => size(bytes as f64),
        };
        let bytes = |x: f64| size(x);
        vec![
            heading("Memory", ["", "", "", ""]),
            plain("now", now),
            plain("average", average),
            self.plain_days(
                "peak",
                m.peak_bytes
                    .map_or_else(|| NOT_MEASURED.to_owned(), of_machine),
                |d| d.peak_bytes.map(|bytes| bytes as f64),
            ),
            plain("not shared (PSS)", spread(&m.proportional, bytes)),
            plain("keys and values", spread(&m.kv_cache, bytes)),
        ]
    }

    fn cache(&self) -> Vec<Line> {
        let c = &self.all.cache;
        let rate = match (c.hit_rate, c.looked_up) {
            (Some(rate), n) => {
                let requests = many(n, "request", "requests");
                format!("{:.1} % of {requests}", 100.0 * rate)
            }
            (None, _) => NOT_MEASURED.to_owned(),
        };
        let tiers: Vec<String> = some(&c.hits);
        let refused = some(&c.refused);
        let saved = match (c.calls_saved, c.seconds_saved) {
            (0, _) => "none yet".to_owned(),
            (n, Some(s)) => format!("{}, {s:.1} s", many(n, "call", "calls")),
            (n, None) => format!("{}; their time was not measured", many(n, "call", "calls")),
        };
        let kept = match (c.answers, c.bytes, c.max_bytes) {
            (Some(n), Some(bytes), Some(most)) => format!(
                "{}, {} of {}",
                many(n, "answer", "answers"),
                size(bytes as f64),
                size(most as f64)
            ),
            _ => NOT_MEASURED.to_owned(),
        };
        vec![
            heading("Cache", ["p50", "p95", "p99", "n"]),
            self.latency("a hit", &c.hit_ms, |_| None),
            self.latency("a miss", &c.miss_ms, |_| None),
            self.plain_days("hit rate", rate, |d| d.hit_rate),
            plain("hits", joined(&tiers)),
            plain("refused", joined(&refused)),
            plain("saved", saved),
            plain("kept", kept),
        ]
    }

    fn throughput(&self) -> Vec<Line> {
        let t = &self.all.throughput;
        let disk = match (t.disk_read_bytes, t.disk_written_bytes) {
            (Some(read), Some(written)) => {
                format!(
                    "{} read, {} written",
                    size(read as f64),
                    size(written as f64)
                )
            }
            _ => NOT_MEASURED.to_owned(),
        };
        let a_day = t
            .entries_a_day
            .map_or_else(|| NOT_MEASURED.to_owned(), |n| format!("{n:.1}"));
        vec![
            heading("Throughput", ["p50", "p95", "p99", "n"]),
            self.latency("a save", &t.save_ms, |d| d.save_ms),
            plain("one by one", mode(&t.session)),
            plain("brought in", mode(&t.import)),
            plain("analysed together", mode(&t.batch)),
            self.plain_days("entries a day", a_day, |d| Some(d.entries as f64)),
            plain("disk", disk),
            plain(
                "energy",
                match (t.energy_joules, t.energy_joules_per_entry) {
                    (Some(joules), Some(each)) => {
                        format!("{joules:.1} J by the whole processor, {each:.2} J an entry")
                    }
                    (Some(joules), None) => format!("{joules:.1} J by the whole processor"),
                    (None, _) => "unavailable: this machine does not let it be read".to_owned(),
                },
            ),
        ]
    }

    fn health(&self) -> Vec<Line> {
        let mut lines = vec![heading("Health", ["", "", "", ""])];
        let columns = self.out.columns().min(100);
        let mut unknown = Vec::new();
        for finding in &self.all.health.findings {
            let (sign, style) = match finding.verdict {
                Verdict::Ok => (self.out.glyph("✓", "+"), Style::Good),
                Verdict::Attention => (self.out.glyph("▲", "!"), Style::Bad),
                Verdict::NotMeasured => {
                    unknown.push(finding.check);
                    continue;
                }
            };
            lines.push(
                Line::new()
                    .styled(style, format!("  {sign} "))
                    .plain(wrap::pad(finding.check, NAME - 2))
                    .plain(&*finding.reason)
                    .dim(format!("  limit: {}", finding.limit)),
            );
            if let Some(way_out) = finding.way_out {
                let indent = NAME + 2;
                for text in wrap::wrap(way_out, columns.saturating_sub(indent).max(20)) {
                    lines.push(Line::new().plain(format!("{}{text}", " ".repeat(indent))));
                }
            }
        }
        if !unknown.is_empty() {
            let text = format!("not enough measured to say: {}", unknown.join(", "));
            for text in wrap::wrap(&text, columns.saturating_sub(4).max(20)) {
                lines.push(Line::new().dim(format!("    {text}")));
            }
        }
        lines
    }

    fn latency(&self, name: &str, of: &Latency, by_day: impl Fn(&Day) -> Option<f64>) -> Line {
        self.row(name, [of.p50, of.p95, of.p99], of.n, time, by_day)
    }

    fn rate(&self, name: &str, of: &Rate, by_day: impl Fn(&Day) -> Option<f64>) -> Line {
        self.row(
            name,
            [of.p50, of.p5, of.p1],
            of.n,
            |x| format!("{x:.1}"),
            by_day,
        )
    }

    fn row(
        &self,
        name: &str,
        of: [Option<f64>; 3],
        n: u64,
        shown: impl Fn(f64) -> String,
        by_day: impl Fn(&Day) -> Option<f64>,
    ) -> Line {
        let line = Line::new().plain(wrap::pad(&format!("  {name}"), NAME));
        if n == 0 {
            return line.dim(format!("{NOT_MEASURED:>CELL$}"));
        }
        let mut line = line;
        for value in of {
            line = match value {
                Some(value) => line.plain(format!("{:>CELL$}", shown(value))),
                None => line.dim(format!("{TOO_SMALL:>CELL$}")),
            };
        }
        line.dim(format!("{:>COUNT$}", thousands(n)))
            .accent(self.spark(by_day))
    }

    fn plain_days(&self, name: &str, text: String, by_day: impl Fn(&Day) -> Option<f64>) -> Line {
        plain(name, text).accent(self.spark(by_day))
    }

    /// The last days of a figure, the least at the bottom; nothing where there are fewer than two.
    fn spark(&self, by_day: impl Fn(&Day) -> Option<f64>) -> String {
        let days: Vec<Option<f64>> = self.all.days.iter().map(by_day).collect();
        let last = &days[days.len().saturating_sub(DAYS)..];
        if last.iter().flatten().count() < 2 {
            return String::new();
        }
        format!("  {}", sparkline(last, self.out.is_ascii()))
    }
}

/// One sign a value, from the least to the most; a blank where there is none.
pub(super) fn sparkline(values: &[Option<f64>], ascii: bool) -> String {
    let signs: Vec<char> = if ascii {
        "_.-=*#"
    } else {
        "▁▂▃▄▅▆▇█"
    }
    .chars()
    .collect();
    let known = || values.iter().flatten().copied();
    let (least, most) = (
        known().fold(f64::INFINITY, f64::min),
        known().fold(0.0, f64::max),
    );
    let height = |value: f64| match most > least {
        true => ((value - least) / (most - least) * (signs.len() - 1) as f64).round() as usize,
        false => signs.len() / 2,
    };
    let sign =
        |value: &Option<f64>| value.map_or(' ', |value| signs[height(value).min(signs.len() - 1)]);
    values.iter().map(sign).collect()
}

fn heading(name: &str, columns: [&str; 4]) -> Line {
    columns_of(Line::new().bold(wrap::pad(name, NAME)), columns)
}

fn subheading(name: &str, columns: [&str; 4]) -> Line {
    columns_of(
        Line::new().dim(wrap::pad(&format!("  {name}"), NAME)),
        columns,
    )
}

fn columns_of(line: Line, [a, b, c, n]: [&str; 4]) -> Line {
    if a.is_empty() {
        return line;
    }
    line.dim(format!("{a:>CELL$}{b:>CELL$}{c:>CELL$}{n:>COUNT$}"))
}

fn plain(name: &str, text: String) -> Line {
    let line = Line::new().plain(wrap::pad(&format!("  {name}"), NAME + 2));
    match text == NOT_MEASURED {
        true => line.dim(text),
        false => line.plain(text),
    }
}

fn mode(of: &Mode) -> String {
    match (of.entries, of.entries_per_s) {
        (0, _) => NOT_MEASURED.to_owned(),
        (n, Some(speed)) => format!("{}, {speed:.1} a second", many(n, "entry", "entries")),
        (n, None) => many(n, "entry", "entries"),
    }
}

fn spread(of: &Spread, shown: impl Fn(f64) -> String) -> String {
    match (of.mean, of.max) {
        (Some(mean), Some(max)) => format!(
            "{} on average, {} at most, n {}",
            shown(mean),
            shown(max as f64),
            thousands(of.n)
        ),
        _ => NOT_MEASURED.to_owned(),
    }
}

fn some(of: &std::collections::BTreeMap<&'static str, u64>) -> Vec<String> {
    let mut counted: Vec<_> = of.iter().filter(|(_, n)| **n > 0).collect();
    counted.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let words = counted.into_iter();
    words
        .map(|(name, n)| format!("{name} {}", thousands(*n)))
        .collect()
}

fn joined(parts: &[String]) -> String {
    match parts.is_empty() {
        true => "none yet".to_owned(),
        false => parts.join(", "),
    }
}

fn day(date: Date) -> String {
    date.strftime("%-d %B %Y").to_string()
}

/// Three digits that matter, and a unit.
fn time(ms: f64) -> String {
    match ms {
        ms if ms >= 100_000.0 => format!("{:.0} s", ms / 1e3),
        ms if ms >= 10_000.0 => format!("{:.1} s", ms / 1e3),
        ms if ms >= 1000.0 => format!("{:.2} s", ms / 1e3),
        ms if ms >= 100.0 => format!("{ms:.0} ms"),
        ms if ms >= 10.0 => format!("{ms:.1} ms"),
        ms => format!("{ms:.2} ms"),
    }
}

pub(super) fn size(bytes: f64) -> String {
    match bytes {
        b if b >= 1e9 => format!("{:.2} GB", b / 1e9),
        b if b >= 1e6 => format!("{:.1} MB", b / 1e6),
        b if b >= 1e3 => format!("{:.1} kB", b / 1e3),
        b => format!("{b:.0} bytes"),
    }
}

fn many(n: u64, one: &str, more: &str) -> String {
    format!("{} {}", thousands(n), messages::of_count(n, one, more))
}

/// `12345` as `12,345`.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_runs_from_the_least_to_the_most_and_leaves_gaps() {
        let values = [Some(1.0), None, Some(2.0), Some(8.0)];
        assert_eq!(sparkline(&values, false), "▁ ▂█");
        assert_eq!(sparkline(&values, true), "_ .#");
        assert_eq!(sparkline(&[Some(3.0), Some(3.0)], false), "▅▅");
    }

    #[test]
    fn figures_are_told_with_their_units() {
        assert_eq!(
            [0.45, 12.34, 480.4, 1234.0, 65_000.0].map(time),
            ["0.45 ms", "12.3 ms", "480 ms", "1.23 s", "65.0 s"]
        );
        assert_eq!(
            [12.0, 1.5e6, 2.5e9].map(size),
            ["12 bytes", "1.5 MB", "2.50 GB"]
        );
        assert_eq!(
            [7, 1234, 1_234_567].map(thousands),
            ["7", "1,234", "1,234,567"]
        );
    }
}
