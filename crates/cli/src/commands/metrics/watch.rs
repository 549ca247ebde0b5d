//! `companion metrics --watch`: the page, while it changes. State, what keys do to it, and how it is drawn are apart, so
//! that a test can press keys and look at the screen without a terminal.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use assistant::dashboard::Dashboard;
use jiff::civil::Date;
use metrics::process;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style as Look};
use ratatui::text::{Line as Row, Span};
use ratatui::widgets::{Block, Paragraph, Sparkline};
use ratatui::{DefaultTerminal, Frame};

use super::page;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{Line, Output, Style, escape};

/// How often memory is looked at, and how often the journal is.
const TICK: Duration = Duration::from_secs(1);
const READ_EVERY: u32 = 2;
/// Columns from which on two columns of figures fit beside each other.
const WIDE: u16 = 168;
/// Samples of memory that are kept: a few minutes.
const SAMPLES: usize = 240;

/// A kind refusal where nobody can look on.
pub(super) fn refuse_without_a_terminal() -> Result<(), Failure> {
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage(
        "--watch draws on a terminal, and this is none; `companion metrics` prints the page once, \
         with --json for a program",
    ))
}

/// Draws until somebody leaves. `look` reads what was measured since a day.
pub(super) fn run(
    context: &Context,
    look: &mut dyn FnMut(Date) -> anyhow::Result<Dashboard>,
    from: Date,
) -> anyhow::Result<()> {
    let mut state = State::new(from, look(from)?, context.now()?.date());
    // Puts the terminal back when this ends in any way; a panic does so by the hook that it sets.
    let mut terminal = ratatui::try_init().context("cannot draw on this terminal")?;
    let done = turns(context, look, &mut state, &mut terminal);
    ratatui::try_restore().context("cannot put the terminal back as it was")?;
    done
}

fn turns(
    context: &Context,
    look: &mut dyn FnMut(Date) -> anyhow::Result<Dashboard>,
    state: &mut State,
    terminal: &mut DefaultTerminal,
) -> anyhow::Result<()> {
    let mut ticks: u32 = 0;
    let mut next = Instant::now();
    loop {
        terminal
            .draw(|frame| draw(frame, state, &context.out))
            .context("cannot draw on this terminal")?;
        let left = next.saturating_duration_since(Instant::now());
        if event::poll(left).context("cannot read the keyboard")? {
            let span = state.span;
            if let Event::Key(key) = event::read().context("cannot read the keyboard")?
                && state.update(key)
            {
                return Ok(());
            }
            if span != state.span {
                state.dashboard = look(state.from())?;
            }
            continue;
        }
        next = Instant::now() + TICK;
        state.sample(process::others().unwrap_or_default().iter().sum());
        ticks += 1;
        if ticks.is_multiple_of(READ_EVERY) {
            state.dashboard = look(state.from())?;
        }
    }
}

/// What is shown.
struct State {
    dashboard: Dashboard,
    today: Date,
    /// The first day of the command line, then 1, 7, 30 days and everything.
    spans: Vec<(String, Date)>,
    span: usize,
    /// Rows that were scrolled away.
    offset: u16,
    /// Bytes of the running processes, the latest last.
    memory: Vec<u64>,
}

impl State {
    fn new(from: Date, dashboard: Dashboard, today: Date) -> State {
        let back = |days: i64| {
            today
                .checked_sub(jiff::Span::new().days(days))
                .unwrap_or(today)
        };
        let usual = [
            ("today", today),
            ("7 days", back(6)),
            ("30 days", back(29)),
            ("all", Date::constant(1970, 1, 1)),
        ];
        let mut spans: Vec<(String, Date)> = usual.map(|(name, day)| (name.to_owned(), day)).into();
        if !spans.iter().any(|(_, day)| *day == from) {
            spans.push((format!("since {}", from.strftime("%-d %b")), from));
        }
        let span = spans.iter().position(|(_, day)| *day == from);
        State {
            dashboard,
            today,
            span: span.unwrap_or(0),
            spans,
            offset: 0,
            memory: Vec::new(),
        }
    }

    fn from(&self) -> Date {
        self.spans[self.span].1.min(self.today)
    }

    fn sample(&mut self, bytes: u64) {
        self.memory.push(bytes);
        let too_many = self.memory.len().saturating_sub(SAMPLES);
        self.memory.drain(..too_many);
    }

    /// Takes a key; `true` to leave.
    fn update(&mut self, key: KeyEvent) -> bool {
        if key.kind == KeyEventKind::Release {
            return false;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return true,
            KeyCode::Char('c') if control => return true,
            KeyCode::Right | KeyCode::Tab => self.span = (self.span + 1) % self.spans.len(),
            KeyCode::Left => self.span = (self.span + self.spans.len() - 1) % self.spans.len(),
            KeyCode::Down | KeyCode::Char('j') => self.offset = self.offset.saturating_add(1),
            KeyCode::Up | KeyCode::Char('k') => self.offset = self.offset.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.offset = self.offset.saturating_add(15),
            KeyCode::PageUp => self.offset = self.offset.saturating_sub(15),
            KeyCode::Home => self.offset = 0,
            _ => {}
        }
        false
    }
}

fn draw(frame: &mut Frame<'_>, state: &mut State, out: &Output) {
    let [head, live, body, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(5),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    draw_spans(frame, head, state);
    draw_memory(frame, live, state, out);
    draw_figures(frame, body, state, out);
    let keys = " q leave   ← → span   ↑ ↓ scroll ";
    let keys = if out.is_ascii() {
        " q leave   left right span   up down scroll "
    } else {
        keys
    };
    frame.render_widget(Paragraph::new(keys).style(look(Style::Dim)), foot);
}

fn draw_spans(frame: &mut Frame<'_>, area: Rect, state: &State) {
    let mut parts = vec![Span::styled(" Companion  ", look(Style::Bold))];
    for (place, (name, _)) in state.spans.iter().enumerate() {
        let style = match place == state.span {
            true => look(Style::Accent).add_modifier(Modifier::REVERSED),
            false => look(Style::Dim),
        };
        parts.push(Span::styled(format!(" {name} "), style));
        parts.push(Span::raw(" "));
    }
    frame.render_widget(Paragraph::new(Row::from(parts)), area);
}

/// The memory of what runs, second by second.
fn draw_memory(frame: &mut Frame<'_>, area: Rect, state: &State, out: &Output) {
    let now = state.memory.last().copied().unwrap_or(0);
    let most = state.memory.iter().copied().max().unwrap_or(0);
    let title = match most {
        0 => " memory: nothing else of Companion runs ".to_owned(),
        _ => format!(
            " memory now {}, at most {} in {} s ",
            page::size(now as f64),
            page::size(most as f64),
            state.memory.len()
        ),
    };
    let mut block = Block::bordered()
        .title(title)
        .border_style(look(Style::Dim));
    if out.is_ascii() {
        block = block.border_set(ASCII);
    }
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let room = usize::from(inner.width);
    let shown = &state.memory[state.memory.len().saturating_sub(room)..];
    if !out.is_ascii() {
        let line = Sparkline::default()
            .data(shown)
            .max(most.max(1))
            .style(look(Style::Accent));
        frame.render_widget(line, inner);
    }
}

/// A frame in ASCII.
const ASCII: ratatui::symbols::border::Set<'_> = ratatui::symbols::border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// The page: in one column, or in two where there is room.
fn draw_figures(frame: &mut Frame<'_>, area: Rect, state: &mut State, out: &Output) {
    let lines = page::lines(out, &state.dashboard);
    let columns = if area.width >= WIDE {
        split(&lines)
    } else {
        vec![&lines[..]]
    };
    let longest = columns.iter().map(|column| column.len()).max().unwrap_or(0) as u16;
    state.offset = state.offset.min(longest.saturating_sub(area.height));
    let widths = vec![Constraint::Fill(1); columns.len()];
    let places = Layout::horizontal(widths).spacing(2).split(area);
    for (column, place) in columns.iter().zip(places.iter()) {
        let rows: Vec<Row<'_>> = column.iter().map(row).collect();
        frame.render_widget(Paragraph::new(rows).scroll((state.offset, 0)), *place);
    }
}

/// Two columns, cut at the empty line nearest to the middle.
fn split(lines: &[Line]) -> Vec<&[Line]> {
    let empty = |at: &usize| lines[*at].parts().is_empty();
    let nearest = |at: &usize| at.abs_diff(lines.len() / 2);
    match (1..lines.len()).filter(empty).min_by_key(nearest) {
        Some(at) => vec![&lines[..at], &lines[at + 1..]],
        None => vec![lines],
    }
}

fn row(line: &Line) -> Row<'static> {
    let parts = line.parts().iter();
    Row::from(
        parts
            .map(|(style, text)| Span::styled(escape::line(text).into_owned(), look(*style)))
            .collect::<Vec<_>>(),
    )
}

fn look(style: Style) -> Look {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let color = |color| {
        if plain {
            Look::new()
        } else {
            Look::new().fg(color)
        }
    };
    match style {
        Style::Plain => Look::new(),
        Style::Dim => Look::new().add_modifier(Modifier::DIM),
        Style::Bold => Look::new().add_modifier(Modifier::BOLD),
        Style::Accent => color(Color::Cyan),
        Style::Good => color(Color::Green),
        Style::Bad => color(Color::Yellow),
    }
}

#[cfg(test)]
mod tests {
    use assistant::dashboard::Now;
    use metrics::{Measure, Measured};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    const TODAY: Date = Date::constant(2026, 3, 4);

    fn state() -> State {
        let mut measured = Measured::default();
        (0..120u64).for_each(|i| measured.record(Measure::Save, 4_000 + i));
        let days = [(TODAY, measured)];
        State::new(
            TODAY,
            Dashboard::new(TODAY, TODAY, &days, &Now::default()),
            TODAY,
        )
    }

    fn screen(state: &mut State, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let out = Output::for_test(usize::from(width), false);
        terminal.draw(|frame| draw(frame, state, &out)).unwrap();
        terminal.backend().to_string()
    }

    fn press(state: &mut State, code: KeyCode) -> bool {
        state.update(KeyEvent::new(code, KeyModifiers::NONE))
    }

    #[test]
    fn the_page_is_drawn_in_any_size_and_scrolls_no_further_than_it_is_long() {
        let mut state = state();
        assert!(screen(&mut state, 100, 70).contains("a save"));
        assert!(
            screen(&mut state, 200, 45).contains("Health"),
            "two columns"
        );
        assert!((0..300).all(|_| !press(&mut state, KeyCode::Down)));
        assert!(
            screen(&mut state, 80, 24).contains("not enough measured"),
            "the end"
        );
        assert!((0..300).all(|_| !press(&mut state, KeyCode::Up)));
        assert!(
            screen(&mut state, 80, 24).contains("Inference"),
            "the beginning"
        );
        for (width, height) in [(1, 1), (10, 3), (79, 8)] {
            screen(&mut state, width, height);
        }
    }

    #[test]
    fn keys_change_the_span_and_leave() {
        let mut state = state();
        assert_eq!(state.from(), TODAY);
        assert!(!press(&mut state, KeyCode::Right));
        assert_eq!(state.from().to_string(), "2026-02-26");
        assert!(!press(&mut state, KeyCode::Left));
        assert_eq!(state.from(), TODAY);
        assert!(press(&mut state, KeyCode::Char('q')) && press(&mut state, KeyCode::Esc));
        assert!(!press(&mut state, KeyCode::Char('c')));
        assert!(state.update(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
    }

    #[test]
    fn memory_is_drawn_as_it_comes_and_only_minutes_of_it_are_kept() {
        let mut state = state();
        assert!(screen(&mut state, 100, 20).contains("nothing else of Companion runs"));
        (0..1000u64).for_each(|i| state.sample(i * 1_000_000));
        assert_eq!(state.memory.len(), SAMPLES);
        assert!(screen(&mut state, 100, 20).contains("memory now 999.0 MB"));
    }
}
