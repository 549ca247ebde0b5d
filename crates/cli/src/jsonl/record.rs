//! One line of input: its text, and the fields that are handed through exactly as they were written.

use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

/// The fields other than `text`, in their order, each as written: a number keeps its digits.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A line as it was understood.
#[derive(Debug)]
pub(super) struct Record {
    /// Its number, from 1.
    pub(super) line: u64,
    /// The text, or why there is none.
    pub(super) text: Result<String, String>,
    /// The other fields.
    pub(super) fields: Fields,
}

impl Record {
    /// Reads one line.
    pub(super) fn parse(bytes: &[u8], line: u64) -> Record {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let reason = format!("invalid UTF-8 at byte {}", error.valid_up_to() + 1);
                return Record::refused(reason, line);
            }
        };
        // Some editors begin a file with a byte order mark.
        let text = if line == 1 {
            text.trim_start_matches('\u{feff}')
        } else {
            text
        };
        if text.trim().is_empty() {
            return Record::refused("the line is empty; write {\"text\": …}".to_owned(), line);
        }
        let object: Object = match serde_json::from_str(text) {
            Ok(object) => object,
            Err(error) => return Record::refused(reason(&error), line),
        };
        let text = match object.text {
            None => Err("no field \"text\"".to_owned()),
            Some(raw) => match serde_json::from_str::<String>(raw.get()) {
                Ok(text) if text.trim().is_empty() => Err("\"text\" is blank".to_owned()),
                Ok(text) => Ok(text),
                Err(error) => Err(match raw.get().starts_with('"') {
                    true => format!("\"text\" is not a whole string: {}", escape_of(&error)),
                    false => "\"text\" is not a string".to_owned(),
                }),
            },
        };
        Record {
            line,
            text,
            fields: Fields(object.others),
        }
    }

    /// A line that could not be read.
    pub(super) fn refused(reason: String, line: u64) -> Record {
        Record {
            line,
            text: Err(reason),
            fields: Fields::default(),
        }
    }

    /// The bytes that it holds in memory, about.
    pub(super) fn size_bytes(&self) -> usize {
        let text = self.text.as_ref().map_or_else(String::len, String::len);
        let field = |(name, value): &(String, Box<RawValue>)| name.len() + value.get().len() + 64;
        128 + text + self.fields.0.iter().map(field).sum::<usize>()
    }
}

/// What is wrong, and the column: the line is in the answer, and is always 1 to the parser.
fn reason(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    let column = error.column();
    match error.classify() {
        // Another kind of value, of which the parser knows no column.
        Category::Data if column == 0 => "not a JSON object".to_owned(),
        Category::Data => format!("{text} at column {column}"),
        Category::Eof => "not a JSON object: the line ends before the object does".to_owned(),
        Category::Syntax | Category::Io => {
            let text = match text {
                "expected ident" | "expected value" => "this is no JSON",
                text => text,
            };
            format!("not a JSON object: {text} at column {column}")
        }
    }
}

/// What is wrong inside of the string; its columns would count from its own beginning.
fn escape_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

struct Object {
    text: Option<Box<RawValue>>,
    others: Vec<(String, Box<RawValue>)>,
}

impl<'de> serde::Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a field \"text\"")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut object = Object {
            text: None,
            others: Vec::new(),
        };
        while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
            if name != "text" {
                object.others.push((name, value));
            } else if object.text.replace(value).is_some() {
                return Err(serde::de::Error::duplicate_field("text"));
            }
        }
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(record: &Record) -> String {
        serde_json::to_string(&record.fields).unwrap()
    }

    #[test]
    fn other_fields_are_kept_as_they_were_written() {
        let line = r#"{"z":1.10,"text":"a\u00e9 \ud83d\ude00","id":12345678901234567890123,"a":{"b":[null]}}"#;
        let record = Record::parse(line.as_bytes(), 1);
        assert_eq!(record.text.as_deref(), Ok("aé 😀"));
        assert_eq!(
            fields(&record),
            r#"{"z":1.10,"id":12345678901234567890123,"a":{"b":[null]}}"#
        );
    }

    #[test]
    fn a_line_that_cannot_be_used_says_why() {
        let cases: [(&[u8], &str); 12] = [
            (b"", "the line is empty; write {\"text\": …}"),
            (
                b"not json",
                "not a JSON object: this is no JSON at column 2",
            ),
            (b"[1]", "not a JSON object"),
            (
                b"{\"text\":\"a\"",
                "not a JSON object: the line ends before the object does",
            ),
            (
                b"{\"text\":\"a\"} x",
                "not a JSON object: trailing characters at column 14",
            ),
            (b"{\"id\":1}", "no field \"text\""),
            (b"{\"text\":7}", "\"text\" is not a string"),
            (b"{\"text\":null}", "\"text\" is not a string"),
            (b"{\"text\":\" \\n\"}", "\"text\" is blank"),
            (
                b"{\"text\":\"a\",\"text\":\"b\"}",
                "duplicate field `text` at column 23",
            ),
            (b"{\"text\":\"\xff\"}", "invalid UTF-8 at byte 10"),
            (
                br#"{"text":"\ud83d"}"#,
                "\"text\" is not a whole string: unexpected end of hex escape",
            ),
        ];
        for (line, expected) in cases {
            let record = Record::parse(line, 3);
            assert_eq!(record.text.as_deref(), Err(&expected.to_owned()));
        }
    }

    #[test]
    fn a_refused_text_keeps_its_id() {
        let record = Record::parse(br#"{"text":"","id":7}"#, 1);
        assert!(record.text.is_err());
        assert_eq!(fields(&record), r#"{"id":7}"#);
    }

    #[test]
    fn deep_nesting_and_half_a_surrogate_are_errors_and_no_crash() {
        let deep = format!("{{\"text\":\"a\",\"x\":{}", "[".repeat(100_000));
        assert!(Record::parse(deep.as_bytes(), 1).text.is_err());
        assert!(Record::parse(br#"{"text":"\ud83d"}"#, 1).text.is_err());
    }
}
