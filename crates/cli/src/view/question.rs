//! A question, with the entry that it follows up.

use assistant::prompt::Prompt;

use super::dates;
use crate::output::{Line, Output};

/// Prints the question and, where it takes up an entry, which one.
pub(crate) fn show(prompt: &Prompt, out: &Output) -> anyhow::Result<()> {
    out.prose(&prompt.text, 0)?;
    if let Some(follow) = &prompt.follows {
        out.line(Line::new().dim(format!(
            "({}, entry {})",
            dates::short(&follow.date),
            follow.entry
        )))?;
    }
    Ok(())
}
