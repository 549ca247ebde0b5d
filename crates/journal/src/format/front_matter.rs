//! The block of `key: value` lines between two `---` at the start of a Markdown file: the part of YAML that note
//! programs write there.

/// A value, as written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// One word or string.
    Scalar(Scalar),
    /// `[a, b]`, or lines of `- a`.
    List(Vec<Scalar>),
    /// Indented lines of `key: value`.
    Map(Vec<(String, Scalar)>),
}

/// One word or string; in quotes it is text, whatever it looks like.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) quoted: bool,
}

/// The block, with the line of each key in the file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct FrontMatter {
    pub(super) keys: Vec<(u64, String, Value)>,
}

/// Splits `text` into its front matter and the rest, which starts right after the closing line. `None` where there is
/// no such block: then a leading `---` is only a line.
pub(super) fn split(text: &str) -> Option<(FrontMatter, &str)> {
    let rest = text
        .strip_prefix("---\n")
        .or_else(|| text.strip_prefix("---\r\n"))?;
    let mut lines = Vec::new();
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        at += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        if line == "---" || line == "..." {
            return Some((parse(&lines), &rest[at..]));
        }
        lines.push(line);
    }
    None
}

fn parse(lines: &[&str]) -> FrontMatter {
    let mut matter = FrontMatter::default();
    for (at, line) in lines.iter().enumerate() {
        let number = at as u64 + 2;
        let indented = line.starts_with([' ', '\t']);
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let is_item = content == "-" || content.starts_with("- ");
        if is_item {
            add_item(&mut matter, scalar(content[1..].trim()));
        } else if let Some((key, value)) = key_value(content) {
            if indented {
                add_pair(&mut matter, key, scalar(value));
            } else {
                matter.keys.push((number, key, inline(value)));
            }
        }
    }
    matter
}

/// An item belongs to the key above it, whose own value must be empty.
fn add_item(matter: &mut FrontMatter, item: Scalar) {
    if let Some((_, _, value)) = matter.keys.last_mut() {
        match value {
            Value::List(items) => items.push(item),
            Value::Scalar(empty) if empty.text.is_empty() && !empty.quoted => {
                *value = Value::List(vec![item])
            }
            _ => {}
        }
    }
}

fn add_pair(matter: &mut FrontMatter, key: String, pair: Scalar) {
    if let Some((_, _, value)) = matter.keys.last_mut() {
        match value {
            Value::Map(pairs) => pairs.push((key, pair)),
            Value::Scalar(empty) if empty.text.is_empty() && !empty.quoted => {
                *value = Value::Map(vec![(key, pair)])
            }
            _ => {}
        }
    }
}

fn key_value(line: &str) -> Option<(String, &str)> {
    if line.starts_with('"') {
        let end = string_end(line)?;
        let rest = line[end..].trim_start().strip_prefix(':')?;
        return Some((scalar(&line[..end]).text, rest.trim()));
    }
    let at = line
        .find(": ")
        .or_else(|| line.strip_suffix(':').map(str::len))?;
    Some((line[..at].trim().to_owned(), line[at + 1..].trim()))
}

fn inline(value: &str) -> Value {
    let Some(items) = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    else {
        return Value::Scalar(scalar(value));
    };
    let mut list = Vec::new();
    let mut rest = items.trim();
    while !rest.is_empty() {
        let end = if rest.starts_with('"') {
            string_end(rest).unwrap_or(rest.len())
        } else {
            rest.find(',').unwrap_or(rest.len())
        };
        list.push(scalar(rest[..end].trim()));
        rest = rest[end..]
            .trim_start()
            .strip_prefix(',')
            .unwrap_or("")
            .trim_start();
    }
    Value::List(list)
}

fn scalar(text: &str) -> Scalar {
    if text.starts_with('"') && string_end(text) == Some(text.len()) {
        // What we write is JSON; what others write differs only in rare escapes, which stay as they are.
        let inner = || text[1..text.len() - 1].to_owned();
        return Scalar {
            text: serde_json::from_str(text).unwrap_or_else(|_| inner()),
            quoted: true,
        };
    }
    if let Some(inner) = text
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''))
    {
        return Scalar {
            text: inner.replace("''", "'"),
            quoted: true,
        };
    }
    let plain = text
        .split_once(" #")
        .map_or(text, |(value, _comment)| value.trim_end());
    let nothing = matches!(plain, "null" | "~");
    Scalar {
        text: if nothing {
            String::new()
        } else {
            plain.to_owned()
        },
        quoted: false,
    }
}

/// Where the double-quoted string at the start of `text` ends.
fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Scalar {
        Scalar {
            text: text.into(),
            quoted: false,
        }
    }

    #[test]
    fn the_yaml_of_note_programs_is_read() {
        let text = "---\ntitle: \"A: \\\"walk\\\"\" \ntags: [a, \"b, c\"]\naliases:\n- x\n  - y\nmood: 7 # good\nurl: http://a.b/c\n\
                    fields:\n  sleep: 8\n  'it''s': 'q'\nempty:\n# comment\nnested: |\n---\nbody\n---\n";
        let (matter, body) = split(text).expect("front matter");
        assert_eq!(body, "body\n---\n");
        let get = |key: &str| {
            matter
                .keys
                .iter()
                .find(|(_, name, _)| name == key)
                .map(|(line, _, value)| (*line, value.clone()))
        };
        assert_eq!(
            get("title"),
            Some((
                2,
                Value::Scalar(Scalar {
                    text: "A: \"walk\"".into(),
                    quoted: true
                })
            ))
        );
        assert_eq!(
            get("tags"),
            Some((
                3,
                Value::List(vec![
                    word("a"),
                    Scalar {
                        text: "b, c".into(),
                        quoted: true
                    }
                ])
            ))
        );
        assert_eq!(
            get("aliases"),
            Some((4, Value::List(vec![word("x"), word("y")])))
        );
        assert_eq!(get("mood"), Some((7, Value::Scalar(word("7")))));
        assert_eq!(get("url"), Some((8, Value::Scalar(word("http://a.b/c")))));
        let Some((9, Value::Map(pairs))) = get("fields") else {
            panic!("a map")
        };
        assert_eq!(pairs[0], ("sleep".into(), word("8")));
        assert_eq!(get("empty"), Some((12, Value::Scalar(word("")))));
    }

    #[test]
    fn a_rule_at_the_start_of_a_text_is_no_front_matter() {
        for text in [
            "--- \nx\n---\n",
            "---\nnever closed\n",
            "text\n---\na: b\n---\n",
            "---",
        ] {
            assert_eq!(split(text), None, "{text:?}");
        }
    }
}
