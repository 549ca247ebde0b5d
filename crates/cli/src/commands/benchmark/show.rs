//! What a measurement says while it runs, and what it prints at its end.

use std::io::IsTerminal as _;

use serde::Serialize;

use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Line, Style};

/// Says what is being measured now.
pub(super) fn step(context: &Context) -> impl FnMut(&str) {
    |step| {
        let line = Line::new().dim(format!("measuring {step}"));
        context.out.note(line);
    }
}

/// Runs `work`, which tells its steps as `suite: what`, under a bar that counts its `suites`; without a terminal each step is
/// a line.
pub(super) fn with_bar<T>(
    context: &Context,
    suites: usize,
    work: impl FnOnce(&mut dyn FnMut(&str)) -> bench::Result<T>,
) -> anyhow::Result<T> {
    let terminal = std::io::stderr().is_terminal() && !context.out.is_quiet();
    let mut bar = context.out.progress("measuring", suites as u64);
    let mut say = step(context);
    let mut begun: Vec<String> = Vec::new();
    let done = work(&mut |step| {
        let suite = step.split(':').next().unwrap_or_default();
        if !begun.iter().any(|known| known == suite) {
            begun.push(suite.to_owned());
        }
        match terminal {
            true => bar.say(step, begun.len() as u64 - 1),
            false => say(step),
        }
    });
    bar.finish();
    Ok(done?)
}

/// Prints `figures` as JSON where that is asked for, else `lines`.
pub(super) fn figures(
    context: &Context,
    figures: &impl Serialize,
    lines: Vec<String>,
) -> anyhow::Result<Exit> {
    if context.out.is_json() {
        context.out.json(figures)?;
        return Ok(Exit::Success);
    }
    for line in lines {
        let style = match line.starts_with("warning: ") {
            true => Style::Bad,
            false => Style::Plain,
        };
        context.out.line(Line::new().styled(style, line))?;
    }
    Ok(Exit::Success)
}
