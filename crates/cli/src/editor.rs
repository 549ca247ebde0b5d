//! Writing in the person's own editor, without a byte of the entry on a disk.
//!
//! The text is handed over in a file on a file system that lives in memory; it is overwritten and
//! removed afterwards. Where no such file system is found, this refuses. What the editor itself
//! writes elsewhere (swap files, undo history) is the editor's doing: the known ones are told to
//! keep it off.

use std::fs::{self, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use crate::exit::{Exit, Failure};
use crate::input;
use crate::interrupt;

/// How often the file is looked at while the editor has it.
const LOOK: Duration = Duration::from_secs(1);

/// The editor to use: `--editor`'s value, the configuration, `VISUAL`, `EDITOR`.
pub(crate) fn chosen(configured: &str) -> Option<String> {
    [configured.to_owned()]
        .into_iter()
        .chain(
            ["VISUAL", "EDITOR"]
                .iter()
                .filter_map(|name| std::env::var(name).ok()),
        )
        .find(|command| !command.trim().is_empty())
}

/// Opens `text` in `editor` and hands what was saved there to `save`. If `save` fails, or the editor
/// does after it changed the file, the file stays in memory and the error names it: what was written
/// is not lost.
pub(crate) fn edit<T>(
    editor: &str,
    text: &str,
    save: impl FnOnce(String) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    edit_watched(editor, text, &|_| (), save)
}

/// The same; `watch` is told what the editor has saved so far, about once a second. What it has not saved yet is known to
/// it alone.
pub(crate) fn edit_watched<T>(
    editor: &str,
    text: &str,
    watch: &dyn Fn(&str),
    save: impl FnOnce(String) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let file = MemoryFile::create(text)?;
    // Ctrl-C is the editor's: without it, this program would die and leave the text where it is.
    let phase = interrupt::ignored()?;
    let words = words(editor);
    let (program, options) = words.split_first().ok_or_else(|| {
        Failure::usage("the editor is not named; set one with `companion config set editor NAME`")
    })?;
    let mut command = Command::new(program);
    command
        .args(options)
        .args(private_options(&words))
        .arg(&file.path);
    let status = run(command, &file.path, watch).map_err(|error| {
        Failure::usage(format!(
            "cannot start the editor {editor:?} ({error}); set another with \
             `companion config set editor NAME`"
        ))
    })?;
    drop(phase);
    if !status.success() {
        let left = fs::read(&file.path).unwrap_or_default();
        return Err(if left.is_empty() || left == text.as_bytes() {
            Failure::usage(format!(
                "the editor {editor:?} ended with {status}; nothing was changed"
            ))
        } else {
            // It may have been killed after an hour of writing.
            Failure::new(
                Exit::Failed,
                format!(
                    "the editor {editor:?} ended with {status}; {}",
                    not_saved(&file.keep())
                ),
            )
        }
        .into());
    }
    let saved = input::file_text(&file.path, input::MAX_ENTRY_BYTES).and_then(save);
    saved.map_err(|error| error.context(not_saved(&file.keep())))
}

/// Runs `command`, and looks at the file at `path` meanwhile.
fn run(mut command: Command, path: &Path, watch: &dyn Fn(&str)) -> io::Result<ExitStatus> {
    let (tell, ended) = mpsc::channel();
    thread::scope(|scope| {
        // The waiting is done there and the looking here: what `watch` knows stays in its thread.
        scope.spawn(move || tell.send(command.status()));
        loop {
            match ended.recv_timeout(LOOK) {
                Ok(status) => return status,
                Err(RecvTimeoutError::Timeout) => {
                    // Between two of its writes there may be nothing that can be read.
                    if let Ok(text) = input::file_text(path, input::MAX_ENTRY_BYTES) {
                        watch(&text);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::Error::other("nobody waits for it"));
                }
            }
        }
    })
}

/// Where the text is that did not become an entry.
fn not_saved(place: &Path) -> String {
    format!(
        "what you wrote is not saved; it is still in {} (in memory, until this computer restarts)",
        place.display()
    )
}

/// What keeps well-known editors from writing copies of the text beside it or into home.
///
/// vim runs `-c` after the person's vimrc and before the first write, so `set undofile` and
/// `set backup` there do not win. `viminfo` is nvim's `shada` as well, by its old name.
fn private_options(words: &[String]) -> &'static [&'static str] {
    match words.iter().any(|word| is_vim(word)) {
        true => &[
            "-n",
            "-i",
            "NONE",
            "-c",
            "set nobackup nowritebackup noundofile noswapfile viminfo= patchmode=",
        ],
        false => &[],
    }
}

/// Whether `program` is vim or a program that takes its options. `vi` and `view` are other programs
/// on some systems (nvi, busybox), which refuse them: those are asked.
fn is_vim(program: &str) -> bool {
    let name = Path::new(program)
        .file_name()
        .and_then(|name| name.to_str());
    match name {
        Some("vi" | "view") => Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .is_ok_and(|answer| answer.stdout.starts_with(b"VIM - Vi IMproved")),
        Some(name) => name.starts_with("vim") || name.ends_with("vim"),
        None => false,
    }
}

/// The words of a command as a shell would split them; variables and the like stay as they are.
/// No shell is asked: it would stand between Ctrl-C and the editor, and between this and its end.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote, mut chars) = (None::<String>, None, command.chars());
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(chars.next()),
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A file in memory that is wiped and removed when dropped.
struct MemoryFile {
    path: PathBuf,
    dir: Option<tempfile::TempDir>,
}

impl MemoryFile {
    fn create(text: &str) -> anyhow::Result<MemoryFile> {
        let parent = memory_dir()?;
        // A directory of mode 0700: editors that replace the file do it inside.
        let dir = tempfile::Builder::new()
            .prefix("companion-")
            .tempdir_in(&parent)
            .with_context(|| format!("cannot make a place for the text in {}", parent.display()))?;
        let path = dir.path().join("entry.md");
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot hand the text over in {}", path.display()))?;
        Ok(MemoryFile {
            path,
            dir: Some(dir),
        })
    }

    /// Leaves the file where it is.
    fn keep(mut self) -> PathBuf {
        if let Some(dir) = self.dir.take() {
            let _ = dir.keep();
        }
        self.path.clone()
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        // Whatever the editor left beside the file goes the same way.
        let Some(dir) = &self.dir else { return };
        for entry in fs::read_dir(dir.path()).into_iter().flatten().flatten() {
            overwrite(&entry.path());
        }
    }
}

fn overwrite(path: &Path) {
    // The directory is removed in any case; a file that cannot be opened is a directory or a socket.
    if let Ok(mut file) = OpenOptions::new().write(true).open(path)
        && let Ok(length) = file.seek(SeekFrom::End(0))
        && file.seek(SeekFrom::Start(0)).is_ok()
    {
        let zeros = [0; 4096];
        let mut left = length;
        while left > 0 {
            let part = left.min(4096) as usize;
            if file.write_all(&zeros[..part]).is_err() {
                break;
            }
            left -= part as u64;
        }
    }
}

/// A directory that lives in memory: `XDG_RUNTIME_DIR`, else `/dev/shm`.
fn memory_dir() -> anyhow::Result<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    runtime
        .into_iter()
        .chain([PathBuf::from("/dev/shm")])
        .find(|dir| dir.is_dir() && lives_in_memory(dir))
        .ok_or_else(|| {
            Failure::usage(
                "there is no file system in memory here (XDG_RUNTIME_DIR, /dev/shm), so an editor \
                 would put the entry on the disk unencrypted; use `companion write --no-editor`, \
                 or pipe the text into `companion new`",
            )
            .into()
        })
}

#[cfg(target_os = "linux")]
fn lives_in_memory(dir: &Path) -> bool {
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;
    rustix::fs::statfs(dir)
        .is_ok_and(|stat| matches!(stat.f_type as u64 & 0xffff_ffff, TMPFS | RAMFS))
}

/// Elsewhere there is no telling.
#[cfg(not(target_os = "linux"))]
fn lives_in_memory(_dir: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wipes_and_removes_what_it_handed_over() {
        let Ok(file) = MemoryFile::create("secret") else {
            // A machine without a file system in memory: the refusal is the right answer.
            return;
        };
        let (path, dir) = (file.path.clone(), file.path.parent().unwrap().to_owned());
        let kept = fs::File::open(&path).unwrap();
        drop(file);
        assert!(!dir.exists());
        let mut left = String::new();
        std::io::Read::read_to_string(&mut &kept, &mut left).unwrap();
        assert_eq!(left, "\0".repeat(6));
    }

    #[test]
    fn vim_is_told_to_keep_copies_off_after_its_vimrc() {
        for program in [
            "vim",
            "/usr/bin/vim.basic -f",
            "nvim",
            "'/opt/my editors/vim' -f",
            "env TERM=dumb vim",
            "/opt/my\\ editors/vim",
        ] {
            let options = private_options(&words(program));
            assert_eq!(options[..4], ["-n", "-i", "NONE", "-c"], "{program}");
            for setting in ["nobackup", "nowritebackup", "noundofile", "noswapfile"] {
                assert!(options[4].split(' ').any(|word| word == setting));
            }
            assert!(!options[4].contains("shada"), "vim knows no such option");
        }
        for program in [
            "nano",
            "emacs -nw",
            "code --wait",
            "/opt/vim/edit",
            "/nowhere/vi",
        ] {
            assert!(private_options(&words(program)).is_empty(), "{program}");
        }
    }

    #[test]
    fn a_command_is_split_as_a_shell_does() {
        for (command, expected) in [
            ("  vim  -f ", &["vim", "-f"][..]),
            ("'a b' \"c \\\" d\"", &["a b", "c \" d"]),
            ("a\\ b'c d'e ''", &["a bc de", ""]),
            ("'open", &["open"]),
            ("", &[]),
        ] {
            assert_eq!(words(command), expected, "{command}");
        }
    }

    #[test]
    fn a_disk_is_not_memory() {
        assert!(!lives_in_memory(Path::new("/proc")));
    }

    #[test]
    fn what_cannot_be_saved_stays_in_memory() {
        let result: anyhow::Result<()> = edit("true", "precious", |_| {
            Err(Failure::usage("disk full").into())
        });
        let error = format!("{:#}", result.unwrap_err());
        if error.contains("no file system in memory") {
            return;
        }
        let place = error
            .split(" in ")
            .nth(1)
            .unwrap()
            .split(" (")
            .next()
            .unwrap();
        assert_eq!(fs::read_to_string(place).unwrap(), "precious");
        fs::remove_dir_all(Path::new(place).parent().unwrap()).unwrap();
    }

    #[test]
    fn what_the_editor_saves_is_told_while_it_runs() {
        let seen = std::cell::RefCell::new(Vec::new());
        let watch = |text: &str| seen.borrow_mut().push(text.to_owned());
        let editor = "sh -c 'printf One. > \"$0\"; sleep 2.5; printf Two. >> \"$0\"'";
        match edit_watched(editor, "", &watch, Ok) {
            Ok(text) => {
                assert_eq!(text, "One.Two.");
                assert!(seen.borrow().len() >= 2, "{seen:?}");
                assert!(seen.borrow().iter().all(|text| text == "One."), "{seen:?}");
            }
            Err(error) => assert!(format!("{error:#}").contains("no file system in memory")),
        }
    }

    #[test]
    fn an_editor_that_fails_changes_nothing() {
        if let Err(error) = edit("false", "text", Ok) {
            let error = error.to_string();
            assert!(
                error.contains("nothing was changed") || error.contains("no file system in memory"),
                "{error}"
            );
        }
    }
}
