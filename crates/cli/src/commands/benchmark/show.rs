//! What a measurement says while it runs, and what it prints at its end.

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
