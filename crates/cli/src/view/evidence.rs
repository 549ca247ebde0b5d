//! The sentences that an analysis rests on, each quoted once with all that it speaks for.

use std::ops::Range;

use journal::Analysis;

use crate::output::{Line, Output};

/// What the quoted span speaks for: `feeling`, or the names of themes.
struct Quote<'a> {
    span: Range<usize>,
    claims: Vec<&'a str>,
}

/// Prints the quotes, in the order of the claims. A span that does not lie on the characters of `text` is of another
/// version of it and says nothing.
pub(crate) fn show(analysis: &Analysis, text: &str, out: &Output) -> anyhow::Result<()> {
    for quote in quotes(analysis) {
        if let Some(sentence) = text.get(quote.span) {
            out.line(Line::new().dim(format!("  {}", quote.claims.join(", "))))?;
            out.prose(sentence, 4)?;
        }
    }
    Ok(())
}

fn quotes(analysis: &Analysis) -> Vec<Quote<'_>> {
    let mut quotes: Vec<Quote<'_>> = Vec::new();
    for evidence in &analysis.evidence {
        let claim = match evidence.claim.as_str() {
            "sentiment" => "feeling",
            theme => theme,
        };
        let span = evidence.start..evidence.end;
        match quotes.iter_mut().find(|quote| quote.span == span) {
            Some(quote) => quote.claims.push(claim),
            None => quotes.push(Quote {
                span,
                claims: vec![claim],
            }),
        }
    }
    quotes
}
