//! Where a passphrase comes from: a file, the environment, or the keyboard. It is asked for only
//! where a person sits, and every buffer that held it is wiped.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use crate::args::Global;
use crate::exit::{Exit, Failure};

/// No passphrase is longer; a larger file was named by mistake.
const MAX_BYTES: u64 = 4096;

/// The passphrase that was handed over with the command, if one was: `--passphrase-file` before
/// `COMPANION_PASSPHRASE`.
pub(crate) fn given(global: &Global) -> anyhow::Result<Option<Zeroizing<String>>> {
    if let Some(path) = &global.passphrase_file {
        return from_file(path).map(Some);
    }
    match std::env::var("COMPANION_PASSPHRASE") {
        Ok(text) => Ok(Some(Zeroizing::new(text)).filter(|t| !t.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::new(Exit::Locked, "COMPANION_PASSPHRASE is not UTF-8 text").into())
        }
    }
}

/// The first line of `path`.
pub(crate) fn from_file(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let cannot = || format!("cannot read the passphrase from {}", path.display());
    let file = std::fs::File::open(path)
        .map_err(|error| Failure::new(Exit::Locked, format!("{}: {error}", cannot())))?;
    let mut line = Zeroizing::new(String::with_capacity(MAX_BYTES as usize));
    BufReader::new(file.take(MAX_BYTES))
        .read_line(&mut line)
        .map_err(|error| Failure::new(Exit::Locked, format!("{}: {error}", cannot())))?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    if line.is_empty() {
        return Err(Failure::new(
            Exit::Locked,
            format!(
                "the first line of {} is empty; it has to hold the passphrase",
                path.display()
            ),
        )
        .into());
    }
    Ok(line)
}

/// Asks at the keyboard, showing nothing of what is typed. The caller has made sure that a person
/// sits there.
pub(crate) fn ask(question: &str) -> anyhow::Result<Zeroizing<String>> {
    let mut screen = io::stderr();
    write!(screen, "{question} ")
        .and_then(|()| screen.flush())
        .context("cannot ask")?;
    let silence = Silence::begin().context("cannot hide what is typed")?;
    let answer = read_hidden();
    drop(silence);
    let _ = writeln!(screen);
    answer
}

/// Asks twice for a new passphrase until both agree. An empty answer is an answer.
pub(crate) fn ask_new(question: &str) -> anyhow::Result<Zeroizing<String>> {
    loop {
        let first = ask(question)?;
        if first.is_empty() || *ask("Once more, to be sure:")? == *first {
            return Ok(first);
        }
        let _ = writeln!(io::stderr(), "These were not the same. Again, please.");
    }
}

/// The keyboard neither echoes nor sends signals while this lives: Ctrl-C has to arrive here, or
/// the terminal would stay silent after it.
struct Silence(Termios);

impl Silence {
    fn begin() -> io::Result<Silence> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes -=
            LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN;
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Silence(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // If the terminal is gone, so is the need for it to echo.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

fn read_hidden() -> anyhow::Result<Zeroizing<String>> {
    // Reserved whole: growing would leave copies behind that are not wiped.
    let mut typed = Zeroizing::new(Vec::with_capacity(MAX_BYTES as usize));
    let mut byte = [0];
    loop {
        // One byte a read, past std's buffer, which would keep a copy.
        let read =
            rustix::io::read(io::stdin(), &mut byte).context("cannot read the passphrase")?;
        match byte[0] {
            _ if read == 0 => break,
            b'\r' | b'\n' => break,
            0x04 if typed.is_empty() => break,
            0x03 => return Err(Failure::new(Exit::Interrupted, "stopped").into()),
            0x15 => typed.clear(),
            0x08 | 0x7f => remove_character(&mut typed),
            other if typed.len() < MAX_BYTES as usize => typed.push(other),
            _ => {}
        }
    }
    match std::str::from_utf8(&typed) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Failure::new(Exit::Locked, "the passphrase is not UTF-8 text").into()),
    }
}

/// Takes back the last character, all its bytes.
fn remove_character(typed: &mut Vec<u8>) {
    while typed.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_first_line_of_a_file_without_its_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "correct horse \r\nsecond\n").unwrap();
        assert_eq!(*from_file(file.path()).unwrap(), "correct horse ");
    }

    #[test]
    fn refuses_a_file_without_a_passphrase() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "\nsecond\n").unwrap();
        let error = from_file(file.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("is empty; it has to hold the passphrase"),
            "{error}"
        );
    }

    #[test]
    fn backspace_takes_a_whole_character_back() {
        let mut typed = "aé".as_bytes().to_vec();
        remove_character(&mut typed);
        assert_eq!(typed, b"a");
        remove_character(&mut typed);
        remove_character(&mut typed);
        assert!(typed.is_empty());
    }
}
