//! `companion doctor`: what stands in the way, each with what to do about it. Creates nothing, asks nothing, repairs
//! nothing.
//!
//! `health` opens what is installed and says whether it works; this looks at everything around that: settings, rights,
//! room on the disk, memory, heat, models that are slower than they need be, work that waits.

mod files;
mod journal;
mod load;
mod machine;
mod models;

use serde::Serialize;

use crate::config::Config;
use crate::context::Context;
use crate::exit::Exit;
use crate::messages;
use crate::output::{Line, Style};

/// How thorough.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 0: nothing, or only advice. 1: at least one problem, something that fails or will.\n\
    Nothing is changed, and no journal is made where there is none."
)]
pub(crate) struct Args {
    /// Compare the sizes of the models' files only, instead of reading every byte of them
    #[arg(long)]
    quick: bool,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// Something fails, or will.
    Problem,
    /// It works, and could be faster or safer.
    Advice,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    /// A word that scripts can rely on.
    id: &'static str,
    level: Level,
    /// What was found.
    says: String,
    /// What to do about it.
    action: String,
}

/// Something that could not be looked into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Skipped {
    check: &'static str,
    reason: String,
}

/// What the doctor tells.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Whether there is no problem.
    ok: bool,
    /// What was looked into.
    checked: Vec<&'static str>,
    /// What was not, and why.
    not_checked: Vec<Skipped>,
    /// Problems first.
    findings: Vec<Finding>,
}

impl Report {
    /// Notes that `check` was done.
    fn did(&mut self, check: &'static str) {
        self.checked.push(check);
    }

    fn skip(&mut self, check: &'static str, reason: impl Into<String>) {
        self.not_checked.push(Skipped {
            check,
            reason: reason.into(),
        });
    }

    fn problem(&mut self, id: &'static str, says: impl Into<String>, action: impl Into<String>) {
        self.add(id, Level::Problem, says.into(), action.into());
    }

    fn advise(&mut self, id: &'static str, says: impl Into<String>, action: impl Into<String>) {
        self.add(id, Level::Advice, says.into(), action.into());
    }

    fn add(&mut self, id: &'static str, level: Level, says: String, action: String) {
        self.findings.push(Finding {
            id,
            level,
            says,
            action,
        });
    }
}

pub(crate) fn run(context: &Context, args: &Args) -> anyhow::Result<Exit> {
    let mut report = Report::default();
    settings(context, &mut report);
    files::check(context, &mut report);
    machine::check(context, &mut report);
    load::check(&mut report);
    models::check(context, args.quick, &mut report);
    journal::check(context, &mut report);
    report.findings.sort_by_key(|finding| finding.level);
    report.ok = (report.findings.iter()).all(|finding| finding.level != Level::Problem);
    match context.out.is_json() {
        true => context.out.json(&report)?,
        false => print(context, &report)?,
    }
    Ok(match report.ok {
        true => Exit::Success,
        false => Exit::Failed,
    })
}

/// Whether config.toml can be read. (The other checks go on with the defaults.)
fn settings(context: &Context, report: &mut Report) {
    report.did("settings");
    if let Err(error) = Config::load(context.home()) {
        report.problem(
            "settings",
            format!("{error:#}"),
            format!(
                "correct {}, or move it away to use the defaults",
                context.home().join("config.toml").display()
            ),
        );
    }
}

fn print(context: &Context, report: &Report) -> anyhow::Result<()> {
    let out = &context.out;
    for finding in &report.findings {
        let (sign, style) = match finding.level {
            Level::Problem => ("problem", Style::Bad),
            Level::Advice => ("advice ", Style::Accent),
        };
        out.line(
            Line::new()
                .styled(style, sign)
                .plain(format!("  {}", finding.says)),
        )?;
        out.line(Line::new().dim("         ").plain(format!(
            "{} {}",
            out.glyph("→", "->"),
            finding.action
        )))?;
    }
    let problems = (report.findings.iter())
        .filter(|finding| finding.level == Level::Problem)
        .count();
    let advice = report.findings.len() - problems;
    let count = |count: usize, one: &str, many: &str| match count {
        0 => format!("no {many}"),
        count => messages::counted(count, one, many),
    };
    if !report.findings.is_empty() {
        out.blank()?;
    }
    out.line(
        Line::new()
            .bold(count(problems, "problem", "problems"))
            .plain(match advice {
                0 => String::new(),
                count => format!(
                    ", {}",
                    messages::counted(count, "piece of advice", "pieces of advice")
                ),
            })
            .dim(format!("  looked into: {}", report.checked.join(", "))),
    )?;
    for skipped in &report.not_checked {
        out.line(Line::new().dim(format!(
            "not looked into: {} ({})",
            skipped.check, skipped.reason
        )))?;
    }
    Ok(())
}
