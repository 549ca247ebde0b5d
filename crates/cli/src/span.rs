//! The days that `summary` and `trends` look back at.

use assistant::Span;
use jiff::ZonedDateTime;
use jiff::civil::Date;

use crate::exit::Failure;
use crate::when;

/// A week, a month, or any days.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct SpanArgs {
    /// A week, Monday to Sunday: this one, or the one that holds WHEN ("last week", "2026-03-02")
    #[arg(long, value_name = "WHEN", num_args = 0..=1, default_missing_value = "today", conflicts_with_all = ["month", "from", "to"])]
    week: Option<String>,
    /// A calendar month: this one, or the one that holds WHEN ("last month", "march")
    #[arg(long, value_name = "WHEN", num_args = 0..=1, default_missing_value = "today", conflicts_with_all = ["from", "to"])]
    month: Option<String>,
    /// A year: this one, or the one that holds WHEN ("2025-06-01")
    #[arg(long, value_name = "WHEN", num_args = 0..=1, default_missing_value = "today", conflicts_with_all = ["week", "month", "from", "to"])]
    year: Option<String>,
    /// From this day on
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// Up to and with this day [default: today]
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
}

impl SpanArgs {
    /// The span that was asked for; `None` where nothing was.
    pub(crate) fn span(&self, now: &ZonedDateTime) -> anyhow::Result<Option<Span>> {
        if let Some(week) = &self.week {
            return Ok(Some(Span::week(first_day(week, now)?)));
        }
        if let Some(month) = &self.month {
            return Ok(Some(Span::month(first_day(month, now)?)));
        }
        if let Some(year) = &self.year {
            let year = year_of(year, now)?;
            return Span::days(year.first_of_year(), year.last_of_year())
                .map(Some)
                .map_err(|error| Failure::usage(error.to_string()).into());
        }
        let (from, to) = match (&self.from, &self.to) {
            (None, None) => return Ok(None),
            (Some(from), None) => (first_day(from, now)?, now.date()),
            (Some(from), Some(to)) => (first_day(from, now)?, last_day(to, now)?),
            (None, Some(_)) => {
                return Err(Failure::usage("--to needs --from: say where the span begins").into());
            }
        };
        Span::days(from, to)
            .map(Some)
            .map_err(|error| Failure::usage(error.to_string()).into())
    }
}

/// A day of the year that `text` means: "2025", or any day.
fn year_of(text: &str, now: &ZonedDateTime) -> anyhow::Result<Date> {
    match text.trim().parse::<i16>() {
        Ok(year) if text.trim().len() == 4 => Ok(Date::constant(year, 1, 1)),
        _ => first_day(text, now),
    }
}

/// The first day of what `text` means.
pub(crate) fn first_day(text: &str, now: &ZonedDateTime) -> anyhow::Result<Date> {
    Ok(days(text, now)?.0)
}

/// The last day of what `text` means.
fn last_day(text: &str, now: &ZonedDateTime) -> anyhow::Result<Date> {
    Ok(days(text, now)?.1)
}

/// The first and the last day of what `text` means, or what is wrong with it.
pub(crate) fn days(text: &str, now: &ZonedDateTime) -> anyhow::Result<(Date, Date)> {
    when::days(text, now).map_err(|error| Failure::usage(error.to_string()).into())
}
