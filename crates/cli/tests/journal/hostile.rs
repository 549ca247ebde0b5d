//! What a journal is given by pipes, files and pastes that mean it no good.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::person::{Person, finish};

const ESCAPES: &str = "red \u{1b}[31malert\u{7}\u{202e}txt.exe\u{9b}2J end";
const SHOWN: &str = "red \\u{1b}[31malert\\u{7}\\u{202e}txt.exe\\u{9b}2J end";

#[test]
fn escapes_and_overrides_in_entries_are_shown_and_not_obeyed() {
    let person = Person::new();
    person.pipe(&["new", "--title", ESCAPES], ESCAPES).ok();
    for args in [
        &["list"][..],
        &["list", "--long"],
        &["show", "1"],
        &["history", "1"],
        &["search", "red"],
        &["summary"],
    ] {
        let text = person.run(args).ok();
        assert!(text.contains(SHOWN), "{args:?}: {text}");
        assert!(
            !text.contains(['\u{1b}', '\u{7}', '\u{202e}', '\u{9b}']),
            "{args:?}"
        );
    }
    // The entry itself is untouched, and JSON carries it without raw control characters.
    assert_eq!(person.text(1), ESCAPES);
    let json = person.run(&["show", "1", "--json"]).ok();
    assert!(!json.contains(['\u{1b}', '\u{202e}', '\u{9b}']));
}

#[test]
fn escapes_in_arguments_come_back_shown() {
    let person = Person::with(&["one"]);
    for (args, code) in [
        (&["show", "\u{1b}[31m"][..], 2),
        (&["list", "--on", "\u{1b}[31m\u{202e}"], 2),
        (&["new", "--tag", "a\u{1b}b", "text"], 2),
        (&["list", "--field", "\u{1b}>1"], 2),
    ] {
        let message = person.run(args).fails(code);
        assert!(!message.contains('\u{1b}'), "{args:?}: {message}");
        assert!(message.contains("u{1b}"), "{args:?}: {message}");
    }
}

#[test]
fn text_that_begins_with_dashes_goes_after_two_of_them() {
    let person = Person::with(&["before"]);
    assert_eq!(person.run(&["new", "--", "--that is it"]).code, 0);
    assert_eq!(person.text(2), "--that is it");
    let message = person.run(&["new", "--that is it"]).fails(2);
    assert!(message.contains("use '-- --that is it'"), "{message}");
}

#[test]
fn a_megabyte_in_one_line_is_an_entry_like_any_other() {
    let person = Person::with(&["before"]);
    let line = "a".repeat(1 << 20);
    person.pipe(&["new"], line.clone()).ok();
    assert_eq!(person.text(2).len(), line.len());
    let list = person.run(&["list"]).ok();
    assert!(
        list.lines().all(|line| line.chars().count() <= 80),
        "{}",
        list.len()
    );
}

#[test]
fn a_paste_beyond_the_limit_is_refused_before_it_is_read_whole() {
    let person = Person::with(&["before"]);
    assert_eq!(
        person.pipe(&["new"], vec![b'a'; 50 << 20]).fails(2),
        "companion: stdin holds more than 16 MB, which is too much for one entry; \
         split it, or bring it in with `companion import`\n"
    );
}

#[test]
fn text_that_is_not_utf8_is_refused_with_the_byte() {
    let person = Person::with(&["before"]);
    assert_eq!(
        person.pipe(&["new"], b"caf\xe9".to_vec()).fails(2),
        "companion: stdin is not UTF-8 text (byte 3 is not valid); \
         convert it first, such as with `iconv -t UTF-8`\n"
    );
    let mut command = person.command(&["new"]);
    command.arg(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    assert_eq!(finish(&mut command).code, 2);
}

#[test]
fn emoji_and_nul_are_kept_as_they_are() {
    let person = Person::with(&["🌊🌊👩\u{200d}🚀"]);
    person.pipe(&["new"], "a\0b").ok();
    assert_eq!(person.text(1), "🌊🌊👩\u{200d}🚀");
    assert_eq!(person.text(2), "a\0b");
    let list = person.run(&["list"]).ok();
    assert!(
        list.contains("🌊🌊👩\u{200d}🚀") && list.contains("a\\u{0}b"),
        "{list}"
    );
}

/// A file system of its own at a path, taken away again at the end.
struct Mounted(PathBuf);

impl Mounted {
    /// `None`, loudly, where mounting is not allowed.
    fn at(path: PathBuf, size: &str) -> Option<Mounted> {
        std::fs::create_dir(&path).unwrap();
        let options = format!("size={size},mode=700");
        let mounted = mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], &path);
        if !mounted {
            eprintln!("skipped: mounting a tmpfs needs root; run this test as root to check it");
        }
        mounted.then_some(Mounted(path))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(args: &[&str], at: &Path) -> bool {
    let done = Command::new("mount").args(args).arg(at).output();
    done.is_ok_and(|done| done.status.success())
}

#[test]
fn a_home_that_cannot_be_written_to_is_said_to_be_so() {
    let person = Person::new();
    let Some(disk) = Mounted::at(person.home(), "20m") else {
        return;
    };
    person.run(&["new", "--no-analysis", "before"]).ok();
    assert!(mount(&["-o", "remount,ro"], &disk.0));
    for args in [&["new", "text"][..], &["edit", "1", "text"], &["rm", "1"]] {
        let message = format!(
            "note: the journal's home cannot be written to: reading only\ncompanion: the journal \
             cannot be written to: {} is read-only; nothing was changed; make the home writable, or \
             choose another with COMPANION_HOME\n",
            disk.0.display()
        );
        assert_eq!(person.run(args).fails(6), message, "{args:?}");
    }
    let list = person.run(&["list"]);
    assert_eq!(list.stdout, "1  2131-03-14 14:30     before\n");
    assert_eq!(
        list.stderr,
        "note: the journal's home cannot be written to: reading only\n"
    );
}

#[test]
fn a_full_disk_costs_the_entry_at_hand_and_no_other() {
    let person = Person::new();
    let Some(disk) = Mounted::at(person.home(), "1m") else {
        return;
    };
    person.run(&["new", "--no-analysis", "before"]).ok();
    let long = "x ".repeat(400_000);
    let full = "companion: the disk that holds the journal is full: this was not saved, everything saved \
                before is safe; free some space and try again\n";
    let refused = person.pipe(&["new", "--no-analysis", "-"], long.as_str());
    assert_eq!(refused.fails(6), full);
    assert_eq!(
        person.run(&["list"]).ok(),
        "1  2131-03-14 14:30     before\n"
    );
    assert!(mount(&["-o", "remount,size=20m"], &disk.0));
    person
        .pipe(&["new", "--no-analysis", "-"], long.as_str())
        .ok();
    assert!(person.run(&["fsck"]).code == 0);
}

#[test]
fn a_home_that_is_a_file_is_an_error_and_not_a_crash() {
    let person = Person::new();
    std::fs::write(person.home(), "").unwrap();
    let message = format!(
        "companion: {} is not a folder; move it away, or name another with --home DIR\n",
        person.home().display()
    );
    for args in [&["new", "text"][..], &["list"], &["model", "import", "."]] {
        assert_eq!(person.run(args).fails(2), message, "{args:?}");
    }
    assert_eq!(std::fs::read(person.home()).unwrap(), b"");
}

#[test]
fn two_processes_that_write_at_once_both_succeed() {
    let person = Person::new();
    let children: Vec<_> = (0..6)
        .map(|n| {
            person
                .command(&["new", "--no-analysis", &format!("entry {n}")])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let list = person.run(&["list", "--json"]).json();
    assert_eq!(list.as_array().unwrap().len(), 6);
}
