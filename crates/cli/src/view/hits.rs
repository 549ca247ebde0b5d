//! What a search found.

use assistant::search::Hit;

use super::dates;
use crate::messages;
use crate::output::{Line, Output};

/// Prints `hits`, best first: a JSON array, or each with its sentence.
pub(crate) fn show(hits: &[Hit], out: &Output) -> anyhow::Result<()> {
    if out.is_json() {
        return out.json(hits);
    }
    if hits.is_empty() {
        out.note(messages::NOTHING_FOUND);
    }
    for (index, hit) in hits.iter().enumerate() {
        if index > 0 {
            out.blank()?;
        }
        let mut head = Line::new()
            .bold(hit.id.to_string())
            .plain("  ")
            .accent(dates::short(&hit.date));
        if let Some(title) = &hit.title {
            head = head.plain("  ").bold(title.clone());
        }
        out.line(head.dim(format!("  {:.2}", hit.score)))?;
        let one_line: Vec<&str> = hit.snippet.split_whitespace().collect();
        out.prose(&one_line.join(" "), 4)?;
    }
    Ok(())
}
