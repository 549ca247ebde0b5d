//! The days that `summary` and `trends` look back at.

use assistant::Span;
use jiff::ZonedDateTime;

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
        let days =
            |text: &str| when::days(text, now).map_err(|error| Failure::usage(error.to_string()));
        if let Some(week) = &self.week {
            return Ok(Some(Span::week(days(week)?.0)));
        }
        if let Some(month) = &self.month {
            return Ok(Some(Span::month(days(month)?.0)));
        }
        let (from, to) = match (&self.from, &self.to) {
            (None, None) => return Ok(None),
            (Some(from), None) => (days(from)?.0, now.date()),
            (Some(from), Some(to)) => (days(from)?.0, days(to)?.1),
            (None, Some(_)) => {
                return Err(Failure::usage("--to needs --from: say where the span begins").into());
            }
        };
        Span::days(from, to)
            .map(Some)
            .map_err(|error| Failure::usage(error.to_string()).into())
    }
}
