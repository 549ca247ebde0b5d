//! Drawings on the terminal: a line of moods, bars, a small line for a field. All fit 80 columns, and
//! have an ASCII form.

use assistant::trends::{Bucket, MoodPoint};
use assistant::{Span, Unit};
use jiff::civil::Date;

use crate::output::{Line, Output, Style};

/// Rows of the mood line; odd, so that 0 has one of its own.
const ROWS: usize = 9;
/// Columns before the plot: the scale.
const SCALE_COLUMNS: usize = 6;

/// `Week of 2 March to 8 March 2026`, `March 2026`, `2 March to 10 April 2026`.
pub(crate) fn span_title(span: &Span) -> String {
    let day = |date: Date| date.strftime("%-d %B").to_string();
    let to = format!("{} {}", day(span.to), span.to.year());
    let from = if span.from.year() == span.to.year() {
        day(span.from)
    } else {
        format!("{} {}", day(span.from), span.from.year())
    };
    match span.unit {
        Unit::Month => span.from.strftime("%B %Y").to_string(),
        Unit::Week => format!("Week of {from} to {to}"),
        Unit::Days if span.from == span.to => to,
        Unit::Days => format!("{from} to {to}"),
    }
}

/// The mood from -1 to 1 over time: a point for each day or week with entries, the moving mean
/// behind it, and how many entries each point stands for.
pub(crate) fn mood_line(points: &[MoodPoint], bucket: Bucket, out: &Output) -> Vec<Line> {
    let room = out
        .columns()
        .min(100)
        .saturating_sub(SCALE_COLUMNS + 1)
        .max(10);
    let points = squeeze(points, room);
    let step = if points.len() * 2 <= room { 2 } else { 1 };
    let mut lines: Vec<Line> = (0..ROWS)
        .map(|row| plot_row(&points, row, step, out))
        .collect();
    let counts: String = points
        .iter()
        .map(|point| format!("{:<step$}", count_sign(point.n, out)))
        .collect();
    lines.push(
        Line::new()
            .dim(format!("{:>SCALE_COLUMNS$} ", "n"))
            .dim(counts.trim_end().to_owned()),
    );
    lines.push(date_axis(&points, bucket, step));
    lines
}

/// A point of the drawing.
struct Column {
    start: Date,
    n: usize,
    mean: Option<f64>,
    moving: Option<f64>,
}

/// Joins neighbouring points until they fit into `room` columns.
fn squeeze(points: &[MoodPoint], room: usize) -> Vec<Column> {
    let together = points.len().div_ceil(room).max(1);
    points
        .chunks(together)
        .map(|chunk| {
            let n: usize = chunk.iter().map(|point| point.n).sum();
            let sum: f64 = chunk
                .iter()
                .filter_map(|p| p.mean.map(|mean| mean * p.n as f64))
                .sum();
            Column {
                start: chunk[0].start,
                n,
                mean: (n > 0).then(|| sum / n as f64),
                moving: chunk
                    .iter()
                    .rev()
                    .find_map(|p| p.moving.as_ref())
                    .map(|m| m.mean),
            }
        })
        .collect()
}

/// The row, counted from the top, that `value` falls into.
fn row_of(value: f64) -> usize {
    let from_top = (1.0 - value.clamp(-1.0, 1.0)) / 2.0 * (ROWS - 1) as f64;
    from_top.round() as usize
}

fn plot_row(points: &[Column], row: usize, step: usize, out: &Output) -> Line {
    let middle = ROWS / 2;
    let label = match row {
        0 => "good",
        _ if row == middle => "even",
        _ if row == ROWS - 1 => "bad",
        _ => "",
    };
    let mut line = Line::new()
        .dim(format!("{label:>SCALE_COLUMNS$}"))
        .dim(out.glyph("│", "|"));
    let rest = if row == middle {
        out.glyph("┈", "-")
    } else {
        " "
    };
    let on_row = |value: Option<f64>| value.is_some_and(|value| row_of(value) == row);
    // Nothing is drawn behind the last point of a row, not even blanks.
    let drawn = points
        .iter()
        .rposition(|point| row == middle || on_row(point.mean) || on_row(point.moving))
        .map_or(0, |last| last + 1);
    for point in &points[..drawn] {
        let (sign, style) = if on_row(point.mean) {
            let style = match row {
                _ if row < middle => Style::Good,
                _ if row > middle => Style::Bad,
                _ => Style::Plain,
            };
            (out.glyph("●", "o"), style)
        } else if on_row(point.moving) {
            (out.glyph("─", "~"), Style::Accent)
        } else {
            (rest, Style::Dim)
        };
        line = line.styled(style, sign);
        if step == 2 {
            let bridge = on_row(point.moving);
            line = if bridge {
                line.accent(out.glyph("─", "~"))
            } else {
                line.dim(rest)
            };
        }
    }
    line
}

fn count_sign(n: usize, out: &Output) -> String {
    match n {
        0 => out.glyph("·", ".").to_owned(),
        1..=9 => n.to_string(),
        _ => "+".to_owned(),
    }
}

/// The first day under its column, and every further one that has room.
fn date_axis(points: &[Column], bucket: Bucket, step: usize) -> Line {
    let mut axis = " ".repeat(SCALE_COLUMNS + 1);
    let start = axis.len();
    for (index, point) in points.iter().enumerate() {
        let column = start + index * step;
        let label = point.start.strftime("%-d %b").to_string();
        let fits = column + label.len() <= start + (points.len() * step).max(label.len());
        if fits && (index == 0 || column >= axis.len() + 2) {
            axis.push_str(&" ".repeat(column - axis.len()));
            axis.push_str(&label);
        }
    }
    if bucket == Bucket::Week {
        axis.push_str("  (by week)");
    }
    Line::new().dim(axis)
}

/// A bar of `value` of `most`, at most `columns` wide; something above 0 is never drawn as nothing.
pub(crate) fn bar(value: f64, most: f64, columns: usize, out: &Output) -> String {
    if value <= 0.0 || most <= 0.0 {
        return String::new();
    }
    let eighths = ((value / most).min(1.0) * columns as f64 * 8.0)
        .round()
        .max(1.0) as usize;
    if out.is_ascii() {
        return "#".repeat(eighths.div_ceil(8));
    }
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    format!("{}{}", "█".repeat(eighths / 8), PARTS[eighths % 8])
}

/// Values as a line of small columns, the latest ones where there is no room for all.
pub(crate) fn spark(values: &[f64], columns: usize, out: &Output) -> String {
    const BLOCKS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    const ASCII: [&str; 8] = ["_", ".", ":", "-", "=", "+", "*", "#"];
    let signs = if out.is_ascii() { ASCII } else { BLOCKS };
    let values = &values[values.len().saturating_sub(columns)..];
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values
        .iter()
        .map(|value| {
            // Values that are all the same stand in the middle.
            let height = if high > low {
                (value - low) / (high - low) * 7.0
            } else {
                3.0
            };
            signs[(height.round() as usize).min(7)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan as _;

    fn out(ascii: bool) -> Output {
        Output::for_test(80, ascii)
    }

    fn points(means: &[Option<f64>]) -> Vec<MoodPoint> {
        let start: Date = "2026-03-02".parse().unwrap();
        (0..)
            .zip(means)
            .map(|(day, mean)| MoodPoint {
                start: start.saturating_add(i64::from(day).days()),
                n: usize::from(mean.is_some()),
                mean: *mean,
                moving: None,
            })
            .collect()
    }

    fn drawn(points: &[MoodPoint], ascii: bool) -> Vec<String> {
        let out = out(ascii);
        mood_line(points, Bucket::Day, &out)
            .iter()
            .map(|line| out.render_plain(line).trim_end().to_owned())
            .collect()
    }

    #[test]
    fn draws_good_days_above_bad_ones() {
        let points = points(&[Some(1.0), None, Some(0.0), Some(-1.0)]);
        assert_eq!(
            drawn(&points, true),
            [
                "  good|o",
                "      |",
                "      |",
                "      |",
                "  even|----o---",
                "      |",
                "      |",
                "      |",
                "   bad|      o",
                "     n 1 . 1 1",
                "       2 Mar",
            ]
        );
    }

    #[test]
    fn years_of_days_still_fit_the_terminal() {
        let points = points(&vec![Some(0.5); 2000]);
        for line in drawn(&points, false) {
            assert!(crate::output::wrap::width(&line) <= 80, "{line}");
        }
    }

    #[test]
    fn a_bar_is_as_long_as_its_share_and_never_nothing() {
        assert_eq!(bar(5.0, 10.0, 4, &out(true)), "##");
        assert_eq!(bar(5.0, 10.0, 3, &out(false)), "█▌");
        assert_eq!(bar(0.001, 10.0, 4, &out(false)), "▏");
        assert_eq!(bar(0.0, 10.0, 4, &out(false)), "");
    }

    #[test]
    fn a_field_is_drawn_from_its_lowest_to_its_highest_value() {
        assert_eq!(spark(&[1.0, 8.0, 4.5], 10, &out(false)), "▁█▅");
        assert_eq!(spark(&[3.0, 3.0], 10, &out(true)), "--");
        assert_eq!(spark(&[1.0, 2.0, 3.0], 2, &out(true)), "_#");
    }

    #[test]
    fn names_a_span_as_one_would() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(
            span_title(&Span::week(day("2026-03-04"))),
            "Week of 2 March to 8 March 2026"
        );
        assert_eq!(span_title(&Span::month(day("2026-03-04"))), "March 2026");
        let across = Span::days(day("2025-12-30"), day("2026-01-02")).unwrap();
        assert_eq!(span_title(&across), "30 December 2025 to 2 January 2026");
    }
}
