//! Text in columns: widths as the terminal shows them, wrapping, padding and shortening.

use super::escape;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// How many columns `text` takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Wraps `text` to `columns`, keeping its own line breaks. Words longer than a line are broken
/// between graphemes. A blank line stays; trailing blanks go.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in text.trim_end().split('\n') {
        wrap_paragraph(paragraph, columns, &mut lines);
    }
    lines
}

fn wrap_paragraph(paragraph: &str, columns: usize, lines: &mut Vec<String>) {
    let indent: String = paragraph
        .chars()
        .take_while(|c| *c == ' ' || *c == '\t')
        .flat_map(|c| std::iter::repeat_n(' ', if c == '\t' { 4 } else { 1 }))
        .take(columns / 2)
        .collect();
    let mut line = indent.clone();
    let mut has_word = false;
    for word in paragraph.split_whitespace() {
        let gap = usize::from(has_word);
        if has_word && line.width() + gap + word.width() > columns {
            lines.push(std::mem::replace(&mut line, indent.clone()));
            has_word = false;
        }
        if has_word {
            line.push(' ');
        }
        has_word = true;
        if line.width() + word.width() <= columns {
            line.push_str(word);
            continue;
        }
        let mut used = line.width();
        for grapheme in word.graphemes(true) {
            let w = grapheme.width();
            if used + w > columns && used > indent.width() {
                lines.push(std::mem::replace(&mut line, indent.clone()));
                used = indent.width();
            }
            line.push_str(grapheme);
            used += w;
        }
    }
    lines.push(if has_word { line } else { String::new() });
}

/// `text` cut to `columns`, with `…` (or `...` when `ascii`) where something was cut off.
pub(crate) fn shorten(text: &str, columns: usize, ascii: bool) -> String {
    let plain = escape::is_plain(text);
    if (plain && text.len() <= columns) || (!plain && text.width() <= columns) {
        return text.to_owned();
    }
    let mark = if ascii { "..." } else { "…" };
    let room = columns.saturating_sub(mark.width());
    if plain {
        // One byte, one column.
        return format!("{}{mark}", text[..room].trim_end());
    }
    let mut out = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        used += grapheme.width();
        if used > room {
            break;
        }
        out.push_str(grapheme);
    }
    out.truncate(out.trim_end().len());
    out.push_str(mark);
    out
}

/// `text` followed by as many blanks as bring it to `columns`.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    let blanks = columns.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(blanks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_at_words_and_keeps_blank_lines() {
        assert_eq!(
            wrap("one two three\n\nfour", 8),
            ["one two", "three", "", "four"]
        );
    }

    #[test]
    fn breaks_words_longer_than_the_line_between_graphemes() {
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("日本語の日記", 5), ["日本", "語の", "日記"]);
    }

    #[test]
    fn counts_wide_and_combining_characters_as_shown() {
        assert_eq!(width("日本"), 4);
        assert_eq!(width("e\u{301}"), 1);
        assert_eq!(pad("日本", 6), "日本  ");
        assert_eq!(shorten("日本語の日記", 5, false), "日本…");
        assert_eq!(shorten("plenty of words", 9, true), "plenty...");
    }
}
