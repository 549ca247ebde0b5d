//! A report as one page: style and plots are in it, nothing is fetched from anywhere, and it needs no script.

mod labels;
mod plot;
mod plots;
mod quality;
mod tables;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use crate::table::ABSENT;
use crate::{Report, table};
use plot::escape;

/// The report as HTML.
pub fn page(report: &Report) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>Companion, measured</title>\n<style>\n{}</style>\n</head>\n<body>\n",
        include_str!("style.css")
    );
    head(report, &mut html);
    tables::sections(report, &mut html);
    let _ = writeln!(
        html,
        "<h2>All of it as text</h2>\n<details><summary>What the terminal shows</summary><pre>{}</pre></details>\n</body>\n</html>",
        escape(&table::lines(report).join("\n"))
    );
    html
}

fn head(report: &Report, html: &mut String) {
    let machine = &report.machine;
    let memory =
        (machine.memory_bytes).map_or_else(String::new, |b| format!(", {:.0} GB", b as f64 / 1e9));
    let load = (machine.load).map_or_else(|| ABSENT.to_owned(), |load| format!("{load:.1}"));
    let _ = writeln!(
        html,
        "<h1>Companion, measured</h1>\n<p class=\"about\">{}, {} cores{memory}, {}; load before {load}.<br>\
         companion {} at {}, {}{}; {}.<br>Warm-up: {}. A percentile without enough samples (95th: 100, 99th: 1,000) is not shown.</p>",
        escape(&machine.cpu),
        machine.cores,
        machine.system,
        report.version,
        report.commit,
        report.date,
        if report.quick {
            ", quick: few samples"
        } else {
            ""
        },
        table::measured_in(report),
        report.warm_up,
    );
    for warning in &report.warnings {
        let _ = writeln!(html, "<p class=\"warning\">{}</p>", escape(warning));
    }
    for (what, reason) in &report.not_measured {
        let _ = writeln!(
            html,
            "<p class=\"note\">{what}: {ABSENT} ({})</p>",
            escape(reason)
        );
    }
}
