//! JSON as Python's `json.dumps` writes it, because that is what templates were written against.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// `", "` between items and `": "` after keys.
struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        to: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { to.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        to.write_all(b": ")
    }
}

/// `value` in one line, or in lines with this many spaces of indentation.
pub(super) fn dumps(value: &impl Serialize, indent: Option<usize>) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    match indent {
        None => value.serialize(&mut Serializer::with_formatter(&mut bytes, Python))?,
        Some(spaces) => {
            let spaces = " ".repeat(spaces.min(16));
            let lines = PrettyFormatter::with_indent(spaces.as_bytes());
            value.serialize(&mut Serializer::with_formatter(&mut bytes, lines))?;
        }
    }
    Ok(String::from_utf8(bytes).expect("JSON is UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_written_as_python_does() {
        let value = serde_json::json!({"a": [1, "é<>"], "b": {}});
        assert_eq!(
            dumps(&value, None).unwrap(),
            r#"{"a": [1, "é<>"], "b": {}}"#
        );
        assert_eq!(
            dumps(&value, Some(2)).unwrap(),
            "{\n  \"a\": [\n    1,\n    \"é<>\"\n  ],\n  \"b\": {}\n}"
        );
    }
}
