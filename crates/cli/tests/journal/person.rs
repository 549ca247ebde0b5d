//! Somebody with a home of their own and a clock that stands still.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use assert_cmd::assert::OutputAssertExt as _;
use assert_cmd::cargo::CommandCargoExt as _;

/// A Wednesday afternoon. Later than any real clock that runs these tests, or `companion` would
/// remark that the clock was set back.
pub(crate) const NOW: &str = "2131-03-14T14:30:00+00:00[UTC]";

/// What one run gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The output of a run that went well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.stdout
    }

    /// The message of a run that failed with `code` and printed nothing on stdout.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:#?}");
        self.stderr
    }

    /// stdout as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> serde_json::Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

pub(crate) struct Person {
    pub(crate) dir: tempfile::TempDir,
}

impl Person {
    /// Somebody without a journal.
    pub(crate) fn new() -> Person {
        Person {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// Somebody who has written `entries`, in this order.
    pub(crate) fn with(entries: &[&str]) -> Person {
        let person = Person::new();
        for entry in entries {
            person.run(&["new", "--no-analysis", entry]).ok();
        }
        person
    }

    /// Installs companion-tiny and makes it the language model.
    pub(crate) fn takes_companion_tiny(&self) {
        let tiny = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../data/models/companion-tiny"
        );
        self.run(&["model", "import", tiny]).ok();
        self.run(&["config", "set", "language.model", "companion-tiny"])
            .ok();
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// A command in this person's home, with nothing of the outer environment but what is set here.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::cargo_bin("companion").unwrap();
        command
            .env_clear()
            .env("HOME", self.dir.path())
            .env("COMPANION_HOME", self.home())
            .env("COMPANION_NOW", NOW)
            .env("TZ", "UTC")
            .env("LANG", "en_GB.UTF-8")
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .args(args);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        finish(&mut self.command(args))
    }

    /// Runs with `input` on stdin.
    pub(crate) fn pipe(&self, args: &[&str], input: impl Into<Vec<u8>>) -> Run {
        let input = input.into();
        let mut command = self.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // The command may refuse before it has read everything.
        let writer = std::thread::spawn(move || {
            let _ = std::io::Write::write_all(&mut stdin, &input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        run(output)
    }

    /// The text of entry `id`.
    pub(crate) fn text(&self, id: u32) -> String {
        let entry = self.run(&["show", &id.to_string(), "--json"]).json();
        entry["text"].as_str().unwrap().to_owned()
    }
}

/// Runs `command` to its end.
pub(crate) fn finish(command: &mut Command) -> Run {
    run(command.output().unwrap())
}

fn run(output: std::process::Output) -> Run {
    // A crash is never what a test expects.
    let output = output
        .assert()
        .try_code(predicates::ord::ne(101))
        .unwrap()
        .get_output()
        .clone();
    Run {
        code: output.status.code().expect("not killed"),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}
