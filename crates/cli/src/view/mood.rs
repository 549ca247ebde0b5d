//! What an analysis says, in words and in one sign. The sign carries the meaning without colour.

use journal::{Analysis, Sentiment};

use crate::output::{Line, Output, Style};

/// Feeling and themes: `feels positive (91 %) · nature, friends`.
pub(crate) fn line(analysis: &Analysis, out: &Output) -> Line {
    let mut line = Line::new()
        .dim("feels ")
        .styled(style(analysis.sentiment), words(analysis));
    // What the person said has no probability.
    if analysis.confidence < 1.0 || !analysis.corrected {
        line = line.dim(format!(" ({:.0} %)", analysis.confidence * 100.0));
    }
    if !analysis.themes.is_empty() {
        let names: Vec<&str> = analysis.themes.iter().map(|t| t.name.as_str()).collect();
        line = line.dim(out.glyph(" · ", " - ")).plain(names.join(", "));
    }
    if analysis.corrected {
        line = line.dim(out.glyph(" · ", " - ")).dim("as you said");
    }
    line
}

/// `positive`, `perhaps positive`, `mixed, rather positive`.
fn words(analysis: &Analysis) -> String {
    let name = analysis.sentiment.as_str();
    match (analysis.mixed, analysis.unsure) {
        (true, _) if analysis.sentiment == Sentiment::Neutral => "mixed".to_owned(),
        (true, _) => format!("mixed, rather {name}"),
        (false, true) => format!("perhaps {name}"),
        (false, false) => name.to_owned(),
    }
}

/// One column: `+`, `-`, `~` for mixed, `·` for neutral, blank where nothing is known yet.
pub(crate) fn sign(analysis: Option<&Analysis>, out: &Output) -> (&'static str, Style) {
    match analysis {
        None => (" ", Style::Plain),
        Some(analysis) if analysis.mixed => ("~", Style::Accent),
        Some(analysis) => match analysis.sentiment {
            Sentiment::Positive => ("+", Style::Good),
            Sentiment::Negative => (if out.is_ascii() { "-" } else { "−" }, Style::Bad),
            Sentiment::Neutral => (if out.is_ascii() { "." } else { "·" }, Style::Dim),
        },
    }
}

/// The colour of a feeling.
pub(crate) fn style(sentiment: Sentiment) -> Style {
    match sentiment {
        Sentiment::Positive => Style::Good,
        Sentiment::Neutral => Style::Plain,
        Sentiment::Negative => Style::Bad,
    }
}
