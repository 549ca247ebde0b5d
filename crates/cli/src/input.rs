//! Text from outside: command line, stdin, files. Bounded, and checked once here.

use std::fs::File;
use std::io::{self, BufRead as _, IsTerminal as _, Read, Write as _};
use std::path::Path;

use anyhow::Context as _;

use crate::exit::Failure;

/// The most that is read as one entry, in bytes. Beyond it the rest is not even read.
pub(crate) const MAX_ENTRY_BYTES: u64 = 16 * 1024 * 1024;

/// The entry that the words of the command line make, or stdin for `-` and for no words at all.
///
/// `None` means that there is nothing to read: no words, and a person at the keyboard.
pub(crate) fn entry_text(words: &[String]) -> anyhow::Result<Option<String>> {
    match words {
        [] if io::stdin().is_terminal() => Ok(None),
        [] => stdin_text().map(Some),
        [dash] if dash == "-" => stdin_text().map(Some),
        words => Ok(Some(words.join(" "))),
    }
}

/// Whether a person can be asked: keyboard in, screen out.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question that "y" or "yes" agrees to. The caller has made sure that a person sits there.
pub(crate) fn confirm(question: &str) -> anyhow::Result<bool> {
    let mut screen = io::stderr();
    write!(screen, "{question} [y/N] ")
        .and_then(|()| screen.flush())
        .context("cannot ask")?;
    let mut answer = String::new();
    io::stdin()
        .lock()
        .take(100)
        .read_line(&mut answer)
        .context("cannot read the answer")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn stdin_text() -> anyhow::Result<String> {
    let bytes = read_bounded(io::stdin().lock(), MAX_ENTRY_BYTES)
        .context("cannot read the entry from stdin")?
        .ok_or_else(|| too_long("stdin"))?;
    utf8(bytes, "stdin")
}

/// The text of `path` for `what`, up to `limit` bytes.
pub(crate) fn file_text(path: &Path, limit: u64) -> anyhow::Result<String> {
    let shown = path.display().to_string();
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            anyhow::Error::from(Failure::not_found(format!("there is no file {shown}")))
        }
        _ => anyhow::Error::new(error).context(format!("cannot read {shown}")),
    })?;
    let bytes = read_bounded(file, limit)
        .with_context(|| format!("cannot read {shown}"))?
        .ok_or_else(|| too_long(&shown))?;
    utf8(bytes, &shown)
}

fn too_long(what: &str) -> Failure {
    Failure::usage(format!(
        "{what} holds more than {} MB, which is too much for one entry; \
         split it, or bring it in with `companion import`",
        MAX_ENTRY_BYTES / (1024 * 1024)
    ))
}

/// Everything that `reader` gives, or `None` as soon as it is more than `limit` bytes.
fn read_bounded(reader: impl Read, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    reader.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

fn utf8(bytes: Vec<u8>, what: &str) -> anyhow::Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        Failure::usage(format!(
            "{what} is not UTF-8 text (byte {} is not valid); \
             convert it first, such as with `iconv -t UTF-8`",
            error.utf8_error().valid_up_to()
        ))
        .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_reading_one_byte_past_the_limit() {
        let mut endless = io::repeat(b'a').take(1000);
        assert_eq!(read_bounded(&mut endless, 10).unwrap(), None);
        assert_eq!(endless.limit(), 989);
        assert_eq!(
            read_bounded(&b"ten bytes!"[..], 10).unwrap().unwrap().len(),
            10
        );
    }

    #[test]
    fn names_the_byte_that_is_not_utf8() {
        let error = utf8(b"caf\xe9".to_vec(), "stdin").unwrap_err();
        assert_eq!(
            error.to_string(),
            "stdin is not UTF-8 text (byte 3 is not valid); \
             convert it first, such as with `iconv -t UTF-8`"
        );
    }
}
