use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::person::{Person, finish};
use crate::understanding::reader;

const NO_MODEL: &str =
    "not analysed: no model is installed yet; `companion model pull minilm` fetches one\n";

#[test]
fn first_entry_makes_a_journal_with_a_key_file_and_says_so_in_one_line() {
    let person = Person::new();
    let run = person.run(&["new", "yesterday 8pm: walked to the lake with Ana #Lake"]);
    assert_eq!(run.stdout, "saved 1 · yesterday 20:00 · #lake\n");
    assert_eq!(
        run.stderr,
        format!(
            "made a journal in {}, locked by the key file in it: keep copies of it without \
             journal.key, or set a passphrase with `companion passphrase set`\n{NO_MODEL}",
            person.home().display()
        )
    );
    assert_eq!(person.text(1), "walked to the lake with Ana #Lake");
}

#[test]
fn an_existing_empty_home_is_used_as_it_is() {
    let person = Person::new();
    std::fs::create_dir(person.home()).unwrap();
    assert_eq!(
        person.run(&["new", "first"]).ok(),
        "saved 1 · today 14:30\n"
    );
    // The second one needs no further explanation.
    assert_eq!(person.run(&["new", "second"]).stderr, "");
}

#[test]
fn only_a_whole_date_before_the_colon_is_taken_off() {
    let person = Person::new();
    for (given, text, date) in [
        (
            "Note: call Ana",
            "Note: call Ana",
            "2131-03-14T14:30:00+00:00",
        ),
        (
            "monday 9:15: stand-up",
            "stand-up",
            "2131-03-12T09:15:00+00:00",
        ),
        ("2131-03-02: rain", "rain", "2131-03-02T09:00:00+00:00"),
        (
            "at 9:15 it rained: a lot",
            "at 9:15 it rained: a lot",
            "2131-03-14T14:30:00+00:00",
        ),
    ] {
        let entry = person.run(&["new", "--json", given]).json();
        assert_eq!(
            (entry["text"].as_str(), entry["date"].as_str()),
            (Some(text), Some(date))
        );
    }
}

#[test]
fn a_date_that_lies_ahead_loses_no_entry() {
    let person = Person::with(&["before"]);
    let run = person.run(&["new", "tomorrow 8am: dentist"]);
    assert_eq!(
        run.stderr,
        "note: \"tomorrow 8am\" lies ahead, so it stays part of the text\n"
    );
    assert_eq!(person.text(2), "tomorrow 8am: dentist");
    assert_eq!(
        person
            .run(&["new", "--date", "tomorrow 8am", "dentist"])
            .fails(2),
        "companion: \"tomorrow 8am\" lies ahead (2131-03-15 08:00); an entry is about what has been\n"
    );
}

#[test]
fn a_time_that_the_clock_skips_is_moved_and_said() {
    let person = Person::with(&["before"]);
    let mut command = person.command(&["new", "2131-03-25 02:30: night shift"]);
    command
        .env("TZ", "Europe/Berlin")
        .env("COMPANION_NOW", "2131-06-14T14:30:00+02:00[Europe/Berlin]");
    let run = finish(&mut command);
    assert_eq!(run.stdout, "saved 2 · 25 March, 03:30\n");
    assert_eq!(
        run.stderr,
        "note: the clocks skip 2131-03-25 02:30; taken as 03:30\n"
    );
}

#[test]
fn a_clock_that_was_set_back_is_noticed() {
    let person = Person::with(&["before"]);
    let mut command = person.command(&["new", "--no-analysis", "after"]);
    command.env("COMPANION_NOW", "2001-01-01T00:00:00+00:00[UTC]");
    let run = finish(&mut command);
    assert_eq!(run.stdout, "saved 2 · today 00:00\n");
    assert!(
        run.stderr.starts_with(
            "note: this computer's clock says 2001-01-01 00:00, but the journal was written to at 2"
        ),
        "{}",
        run.stderr
    );
    // The id still grows, and the list is in the order of the entries' own times.
    assert_eq!(ids(&person), [2, 1]);
}

#[test]
fn stdin_is_read_only_without_a_text_or_for_a_dash() {
    let person = Person::with(&["before"]);
    person.pipe(&["new"], "from a pipe\n").ok();
    person.pipe(&["new", "-"], "from a dash").ok();
    person.pipe(&["new", "from", "words"], "not this").ok();
    person.pipe(&["write"], "yesterday: from write").ok();
    let texts: Vec<String> = (2..=5).map(|id| person.text(id)).collect();
    assert_eq!(
        texts,
        ["from a pipe\n", "from a dash", "from words", "from write"]
    );
}

#[test]
fn tags_and_fields_that_were_found_in_the_text_are_said() {
    let person = Person::new();
    let run = person.run(&["new", "--no-analysis", "slept sleep:7.5 #calm"]);
    assert_eq!(run.ok(), "saved 1 · today 14:30 · #calm · sleep:7.5\n");
}

#[test]
fn json_is_one_value_and_nothing_else() {
    let person = Person::new();
    let entry = person
        .run(&[
            "new",
            "--json",
            "--star",
            "--title",
            "A walk",
            "-t",
            "out",
            "slept sleep:7.5 #calm",
        ])
        .json();
    assert_eq!(entry["id"], 1);
    assert_eq!(entry["title"], "A walk");
    assert_eq!(entry["tags"], serde_json::json!(["calm", "out"]));
    assert_eq!(entry["fields"], serde_json::json!({"sleep": 7.5}));
    assert_eq!(entry["starred"], true);
    assert_eq!(entry["analysis"], serde_json::Value::Null);
}

#[test]
fn nothing_to_save_is_said_with_the_way_out() {
    let person = Person::with(&["before"]);
    for args in [
        &["new", ""][..],
        &["new", " \n\t "],
        &["new", "yesterday:"],
        &["new"],
        &["write"],
    ] {
        assert_eq!(
            person.run(args).fails(2),
            "companion: the entry is empty; write at least one visible character\n",
            "{args:?}"
        );
    }
}

#[test]
fn the_editor_gets_the_entry_in_memory_only() {
    let person = Person::with(&["before"]);
    let script = person.dir.path().join("editor.sh");
    std::fs::write(
        &script,
        "#!/bin/sh\nprintf 'written in %s' \"$1\" > \"$1\"\n",
    )
    .unwrap();
    let editor = format!("/bin/sh {}", script.display());
    let run = person.run(&["write", "--editor", &editor]);
    if run.stderr.contains("no file system in memory") {
        assert_eq!(run.code, 2);
        return;
    }
    assert_eq!(run.stdout, "saved 2 · today 14:30\n");
    let text = person.text(2);
    let path = text.strip_prefix("written in ").unwrap();
    assert!(path.starts_with("/dev/shm/companion-"), "{path}");
    assert!(!std::path::Path::new(path).exists());
}

#[test]
fn without_a_terminal_the_bare_command_prints_help_and_touches_nothing() {
    let person = Person::new();
    let help = person.run(&[]).ok();
    assert!(
        help.contains("Usage: companion [OPTIONS] [COMMAND]"),
        "{help}"
    );
    assert!(!person.home().exists());
    assert_eq!(
        person.run(&["--json"]).fails(2),
        "companion: --json needs a command; `companion --help` lists them\n"
    );
}

/// What somebody sees who types `lines` in the line editor, with companion-tiny and the model in `more`.
fn typed(lines: &[&str], more: Option<&Path>) -> Option<String> {
    let script = Path::new("/usr/bin/script");
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/companion-tiny");
    if !script.exists() || !tiny.join("model.safetensors").is_file() {
        eprintln!("skipped: no {} or no companion-tiny", script.display());
        return None;
    }
    let person = Person::with(&["before"]);
    let models = person.home().join("models");
    std::fs::create_dir_all(&models).unwrap();
    std::os::unix::fs::symlink(tiny, models.join("tiny")).unwrap();
    if let Some(model) = more {
        let place = models.join(model.file_name().unwrap());
        std::os::unix::fs::symlink(model, place).unwrap();
    }
    let config = "[language]\nmodel = \"tiny\"\n";
    std::fs::write(person.home().join("config.toml"), config).unwrap();
    let companion = person.command(&[]);
    let program = companion.get_program().to_str().unwrap();
    let mut command = Command::new(script);
    command
        .args(["-qec", &format!("'{program}' write"), "/dev/null"])
        .env_clear()
        .env("TERM", "xterm")
        .env("NO_COLOR", "1")
        .envs(
            companion
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut seen = Vec::new();
    for line in lines {
        // What is typed before the line editor asks for it is lost.
        let known = seen.len();
        while !seen[known..].ends_with(b"> ") {
            let mut byte = [0];
            screen.read_exact(&mut byte).unwrap();
            seen.push(byte[0]);
        }
        keys.write_all(format!("{line}\r").as_bytes()).unwrap();
    }
    screen.read_to_end(&mut seen).unwrap();
    assert!(child.wait().unwrap().success());
    Some(String::from_utf8(seen).unwrap())
}

#[test]
fn the_model_that_read_along_and_the_heads_say_one_thing() {
    let lines = ["yesterday: Rain all day. I went home early.", "", ""];
    let Some(alone) = typed(&lines, None) else {
        return;
    };
    assert!(alone.contains("saved 2 · yesterday"), "{alone}");
    assert!(alone.contains("the language model reads it as"), "{alone}");
    let Some(reader) = reader() else { return };
    let encoder = reader.home().join("models").join("minilm-int8");
    let both = typed(&lines, Some(&encoder)).unwrap();
    assert!(both.contains("saved 2 · yesterday"), "{both}");
    assert_eq!(both.matches("feels ").count(), 1, "{both}");
    assert!(!both.contains("the language model"), "{both}");
}

fn ids(person: &Person) -> Vec<i64> {
    let list = person.run(&["list", "--json"]).json();
    list.as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["id"].as_i64().unwrap())
        .collect()
}
