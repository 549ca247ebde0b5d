//! What was measured, a day: added up over processes, in transactions, so that no process loses what another wrote.

use jiff::civil::Date;
use metrics::{Count, Histogram, Measure, Measured};
use rusqlite::{OptionalExtension, Transaction, params};

use super::Journal;
use crate::Result;
use crate::row::day_number;

/// Days that are kept: a year and a month to compare with.
const KEPT_DAYS: i64 = 400;

impl Journal {
    /// Adds what was measured to what is kept of `day`.
    ///
    /// The file stays whole whatever happens, but it is not waited for the disk: a power cut may take the last of it
    /// along. Numbers about the program are not worth what an entry is.
    pub fn keep_measured(&mut self, day: Date, measured: &Measured) -> Result<()> {
        if measured.is_empty() {
            return Ok(());
        }
        self.must_be_writable()?;
        self.db.execute_batch("PRAGMA synchronous = NORMAL")?;
        let kept = self.write(|tx| keep(tx, day, measured));
        self.db.execute_batch("PRAGMA synchronous = FULL")?;
        kept
    }

    /// What was measured on each day from `from` to `to`, both included; days without anything are left out.
    ///
    /// What a newer program measured, and what cannot be read, is left out, too.
    pub fn measured(&self, from: Date, to: Date) -> Result<Vec<(Date, Measured)>> {
        let mut select = self.db.prepare_cached(
            "SELECT day, name, n, sum, max, buckets FROM measures WHERE day BETWEEN ? AND ? ORDER BY day",
        )?;
        let mut rows = select.query(params![day_number(from), day_number(to)])?;
        let mut days: Vec<(Date, Measured)> = Vec::new();
        while let Some(row) = rows.next()? {
            let Some(day) = date(row.get(0)?) else {
                continue;
            };
            if days.last().is_none_or(|(last, _)| *last != day) {
                days.push((day, Measured::default()));
            }
            let Some((_, measured)) = days.last_mut() else {
                continue;
            };
            let (name, buckets): (String, Vec<u8>) = (row.get(1)?, row.get(5)?);
            let (sum, max) = (number(row.get(3)?), number(row.get(4)?));
            if let Some(count) = Count::named(&name) {
                measured.add(count, sum);
            } else if let Some(measure) = Measure::named(&name)
                && let Ok(found) = Histogram::from_bytes(&buckets, sum, max)
            {
                measured.put(measure, &found);
            }
        }
        Ok(days)
    }
}

fn keep(tx: &Transaction<'_>, day: Date, measured: &Measured) -> Result<()> {
    let number_of_day = day_number(day);
    let mut add = tx.prepare_cached(
        "INSERT INTO measures (day, name, n, sum, max, buckets) VALUES (?1, ?2, 0, ?3, 0, x'') \
         ON CONFLICT (day, name) DO UPDATE SET sum = min(sum, 9223372036854775807 - ?3) + ?3",
    )?;
    for (count, sum) in measured.counts() {
        add.execute(params![number_of_day, count.name(), stored(sum)])?;
    }
    let mut select =
        tx.prepare_cached("SELECT sum, max, buckets FROM measures WHERE day = ? AND name = ?")?;
    let mut replace = tx.prepare_cached(
        "INSERT OR REPLACE INTO measures (day, name, n, sum, max, buckets) VALUES (?, ?, ?, ?, ?, ?)",
    )?;
    for (measure, histogram) in measured.histograms() {
        let kept = select
            .query_row(params![number_of_day, measure.name()], |row| {
                let (sum, max) = (number(row.get(0)?), number(row.get(1)?));
                Ok(Histogram::from_bytes(row.get_ref(2)?.as_blob()?, sum, max).ok())
            })
            .optional()?
            .flatten();
        // One that cannot be read says nothing, and a new one takes its place.
        let mut merged = kept.unwrap_or_default();
        merged.merge(histogram);
        replace.execute(params![
            number_of_day,
            measure.name(),
            stored(merged.n()),
            stored(merged.sum()),
            stored(merged.max()),
            merged.to_bytes()
        ])?;
    }
    if let Ok(oldest) = day.checked_sub(jiff::Span::new().days(KEPT_DAYS)) {
        tx.prepare_cached("DELETE FROM measures WHERE day < ?")?
            .execute([day_number(oldest)])?;
    }
    Ok(())
}

/// As SQLite stores it; what is beyond its integers has been measured for longer than the sun will burn.
fn stored(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn date(day: i64) -> Option<Date> {
    let (year, rest) = (day / 10_000, day % 10_000);
    let part = |value: i64| i8::try_from(value).ok();
    Date::new(
        i16::try_from(year).ok()?,
        part(rest / 100)?,
        part(rest % 100)?,
    )
    .ok()
}
