//! Which entries are meant: jrnl's filters and more, as SQL.

use std::fmt::Write;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::types::Value;
use unicode_normalization::UnicodeNormalization;

use crate::field::canonical_name;
use crate::functions::fold;
use crate::{EntryId, Error, FieldValue, Result, Sentiment};

/// A choice of entries; everything set must hold. The default chooses all that are not removed.
///
/// The order is always that of the moment an entry is about, then of its id, whatever was touched later.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// At this moment or later.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub to: Option<Timestamp>,
    /// In this year, by the clock where the entry was written.
    pub year: Option<i16>,
    /// In this month, 1 to 12, of any year.
    pub month: Option<i8>,
    /// On this day of the month, 1 to 31. With `month`, the "on this day" of every year.
    pub day: Option<i8>,
    /// With all of these tags.
    pub tags_all: Vec<String>,
    /// With at least one of these tags, if there are any here.
    pub tags_any: Vec<String>,
    /// With none of these tags.
    pub tags_not: Vec<String>,
    /// With each of these in its text or title, in any case.
    pub contains: Vec<String>,
    /// With this sentiment.
    pub sentiment: Option<Sentiment>,
    /// With all of these themes.
    pub themes: Vec<String>,
    /// Starred, or not starred.
    pub starred: Option<bool>,
    /// With fields that fulfil all of these.
    pub fields: Vec<FieldCondition>,
    /// Naming this person: a whole word with its capital letter.
    pub person: Option<String>,
    /// Only removed entries, instead of only those that are not.
    pub deleted: bool,
    /// At most so many, from the start of the order.
    pub limit: Option<usize>,
    /// Latest first, instead of earliest first.
    pub newest_first: bool,
    /// Among these ids only.
    pub ids: Option<Vec<EntryId>>,
}

/// A condition on one field: `mood>=5`, `ran=yes`, or `weight` alone for any value.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldCondition {
    /// The field.
    pub name: String,
    /// The comparison; `None` asks only that the field is there.
    pub compare: Option<(Compare, FieldValue)>,
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// `=` or `:`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Compare {
    fn sql(self) -> &'static str {
        match self {
            Compare::Equal => "=",
            Compare::NotEqual => "<>",
            Compare::Less => "<",
            Compare::AtMost => "<=",
            Compare::Greater => ">",
            Compare::AtLeast => ">=",
        }
    }
}

impl FromStr for FieldCondition {
    type Err = Error;

    fn from_str(text: &str) -> Result<FieldCondition> {
        const SIGNS: [(&str, Compare); 7] = [
            ("!=", Compare::NotEqual),
            ("<=", Compare::AtMost),
            (">=", Compare::AtLeast),
            ("<", Compare::Less),
            (">", Compare::Greater),
            ("=", Compare::Equal),
            (":", Compare::Equal),
        ];
        let Some(at) = text.find(['!', '<', '>', '=', ':']) else {
            return Ok(FieldCondition {
                name: canonical_name("field", text)?,
                compare: None,
            });
        };
        let rest = &text[at..];
        let invalid = |reason| Error::Invalid {
            what: "field condition",
            value: text.into(),
            reason,
        };
        let (sign, compare) = SIGNS
            .into_iter()
            .find(|(sign, _)| rest.starts_with(sign))
            .ok_or(invalid("it reads NAME, NAME=VALUE or NAME>=VALUE"))?;
        let value = rest[sign.len()..].trim();
        if value.is_empty() {
            return Err(invalid("the value is missing"));
        }
        Ok(FieldCondition {
            name: canonical_name("field", &text[..at])?,
            compare: Some((compare, FieldValue::from_text(value))),
        })
    }
}

/// What a field's value is in SQL, with the kind it is compared within.
pub(crate) fn field_sql(value: &FieldValue) -> (&'static str, Value) {
    match value {
        FieldValue::Number(number) => ("number", Value::Real(*number)),
        FieldValue::Bool(yes) => ("bool", Value::Integer(i64::from(*yes))),
        FieldValue::Date(date) => ("date", Value::Text(date.to_string())),
        FieldValue::Text(text) => ("text", Value::Text(text.clone())),
    }
}

/// A WHERE clause over `entries AS e`, with its parameters.
pub(crate) struct Clause {
    pub(crate) sql: String,
    pub(crate) params: Vec<Value>,
}

impl Clause {
    fn and(&mut self, sql: &str, params: impl IntoIterator<Item = Value>) {
        // A write to a string cannot fail.
        let _ = write!(self.sql, " AND {sql}");
        self.params.extend(params);
    }
}

impl Filter {
    /// Whether every entry that is not removed is meant.
    pub(crate) fn is_everything(&self) -> bool {
        let plain = Filter {
            limit: self.limit,
            newest_first: self.newest_first,
            ..Filter::default()
        };
        *self == plain
    }

    /// The conditions, without order and limit.
    pub(crate) fn clause(&self) -> Result<Clause> {
        let removed = if self.deleted {
            "e.deleted IS NOT NULL"
        } else {
            "e.deleted IS NULL"
        };
        let mut clause = Clause {
            sql: removed.into(),
            params: Vec::new(),
        };
        self.add_times(&mut clause);
        self.add_tags(&mut clause)?;
        self.add_content(&mut clause);
        for theme in &self.themes {
            clause.and(
                "e.id IN (SELECT entry_id FROM themes WHERE theme = ?)",
                [theme.to_lowercase().into()],
            );
        }
        if let Some(sentiment) = self.sentiment {
            let sql = "e.id IN (SELECT entry_id FROM analyses WHERE sentiment = ?)";
            clause.and(sql, [Value::Text(sentiment.as_str().into())]);
        }
        for condition in &self.fields {
            add_field(&mut clause, condition)?;
        }
        if let Some(ids) = &self.ids {
            let list = serde_json::to_string(ids).expect("numbers");
            clause.and("e.id IN (SELECT value FROM json_each(?))", [list.into()]);
        }
        Ok(clause)
    }

    /// `ORDER BY` and `LIMIT`.
    pub(crate) fn order(&self) -> String {
        let direction = if self.newest_first { "DESC" } else { "ASC" };
        let limit = self
            .limit
            .map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX));
        format!("ORDER BY e.at {direction}, e.id {direction} LIMIT {limit}")
    }

    fn add_times(&self, clause: &mut Clause) {
        if let Some(from) = self.from {
            clause.and("e.at >= ?", [from.as_microsecond().into()]);
        }
        if let Some(to) = self.to {
            clause.and("e.at < ?", [to.as_microsecond().into()]);
        }
        if let Some(year) = self.year.map(i64::from) {
            clause.and(
                "e.day BETWEEN ? AND ?",
                [(year * 10_000).into(), (year * 10_000 + 9_999).into()],
            );
        }
        if let Some(month) = self.month {
            clause.and("abs(e.day) / 100 % 100 = ?", [i64::from(month).into()]);
        }
        if let Some(day) = self.day {
            clause.and("abs(e.day) % 100 = ?", [i64::from(day).into()]);
        }
    }

    fn add_tags(&self, clause: &mut Clause) -> Result<()> {
        for tag in &self.tags_all {
            clause.and(
                "e.id IN (SELECT entry_id FROM tags WHERE tag = ?)",
                [canonical_name("tag", tag)?.into()],
            );
        }
        for tag in &self.tags_not {
            clause.and(
                "e.id NOT IN (SELECT entry_id FROM tags WHERE tag = ?)",
                [canonical_name("tag", tag)?.into()],
            );
        }
        if !self.tags_any.is_empty() {
            let names = self
                .tags_any
                .iter()
                .map(|tag| canonical_name("tag", tag))
                .collect::<Result<Vec<_>>>()?;
            let list = serde_json::to_string(&names).expect("strings");
            let sql =
                "e.id IN (SELECT entry_id FROM tags WHERE tag IN (SELECT value FROM json_each(?)))";
            clause.and(sql, [list.into()]);
        }
        Ok(())
    }

    fn add_content(&self, clause: &mut Clause) {
        if let Some(starred) = self.starred {
            clause.and("e.starred = ?", [i64::from(starred).into()]);
        }
        for wanted in &self.contains {
            let folded = Value::Text(fold(wanted));
            clause.and(
                "(has_text(e.text, ?) OR has_text(e.title, ?))",
                [folded.clone(), folded],
            );
        }
        if let Some(person) = &self.person {
            let word = Value::Text(person.trim().nfc().collect());
            clause.and(
                "(has_word(e.text, ?) OR has_word(e.title, ?))",
                [word.clone(), word],
            );
        }
    }
}

fn add_field(clause: &mut Clause, condition: &FieldCondition) -> Result<()> {
    let name = Value::Text(canonical_name("field", &condition.name)?);
    let Some((compare, value)) = &condition.compare else {
        clause.and(
            "e.id IN (SELECT entry_id FROM fields WHERE name = ?)",
            [name],
        );
        return Ok(());
    };
    let (kind, value) = field_sql(value);
    let nocase = if kind == "text" {
        " COLLATE NOCASE"
    } else {
        ""
    };
    let sql = format!(
        "e.id IN (SELECT entry_id FROM fields WHERE name = ? AND kind = ? AND value {} ?{nocase})",
        compare.sql()
    );
    clause.and(&sql, [name, Value::Text(kind.into()), value]);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_conditions_read_as_written() {
        let with = |name: &str, compare, value| FieldCondition {
            name: name.into(),
            compare: Some((compare, value)),
        };
        for (text, expected) in [
            (
                "mood>=5",
                with("mood", Compare::AtLeast, FieldValue::Number(5.0)),
            ),
            (
                "mood<5",
                with("mood", Compare::Less, FieldValue::Number(5.0)),
            ),
            (
                "Ran:yes",
                with("ran", Compare::Equal, FieldValue::Bool(true)),
            ),
            (
                "with != anna",
                with("with", Compare::NotEqual, FieldValue::Text("anna".into())),
            ),
            (
                "weight",
                FieldCondition {
                    name: "weight".into(),
                    compare: None,
                },
            ),
        ] {
            assert_eq!(
                text.parse::<FieldCondition>().expect("reads"),
                expected,
                "{text}"
            );
        }
        for bad in ["", "mood>", "=5", "mood!5"] {
            assert!(bad.parse::<FieldCondition>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_order_and_limit_leave_everything() {
        assert!(
            Filter {
                limit: Some(3),
                newest_first: true,
                ..Filter::default()
            }
            .is_everything()
        );
        assert!(
            !Filter {
                starred: Some(true),
                ..Filter::default()
            }
            .is_everything()
        );
        assert!(
            !Filter {
                deleted: true,
                ..Filter::default()
            }
            .is_everything()
        );
    }
}
