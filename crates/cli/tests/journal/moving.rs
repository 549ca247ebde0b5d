//! Into the journal and out of it.

use std::os::unix::fs::PermissionsExt as _;

use crate::person::Person;

const NO_MODEL: &str =
    "not analysed: no model is installed yet; `companion model pull minilm` fetches one\n";

#[test]
fn broken_records_are_named_by_line_and_the_rest_comes_in() {
    let person = Person::with(&["before"]);
    let lines = "\
{\"id\": \"a\", \"date\": \"2031-01-02T08:00:00Z\", \"text\": \"first #one\"}
not json
{\"date\": \"2031-01-03\", \"text\": \"second\"}
{\"date\": \"2031-01-04\", \"text\": \"  \"}
{\"date\": \"someday\", \"text\": \"third\"}
";
    let run = person.pipe(&["import", "-", "--format", "jsonl"], lines);
    assert_eq!(run.code, 1);
    assert_eq!(run.stdout, "imported 2 entries (3 not readable)\n");
    // Behind what is said of the analysis, which may take long.
    let told: Vec<&str> = run.stderr.lines().collect();
    let (before, last) = told.split_at(told.len() - 3);
    assert_eq!(
        before.last().map(|line| format!("{line}\n")),
        Some(NO_MODEL.to_owned())
    );
    let places: Vec<&str> = last
        .iter()
        .filter_map(|line| line.get(.."stdin:2:".len()))
        .collect();
    assert_eq!(places, ["stdin:2:", "stdin:4:", "stdin:5:"]);
    let again = person.pipe(&["import", "-", "--json"], lines).stdout;
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!(
        (&again["added"], &again["unchanged"]),
        (&0.into(), &2.into())
    );
    assert_eq!(again["failed"].as_array().unwrap().len(), 3);
    let hit = person.run(&["search", "first", "--json"]).json();
    assert_eq!(hit[0]["source_id"], "a");
}

#[test]
fn what_is_exported_is_imported_unchanged() {
    let person = Person::new();
    person
        .run(&[
            "new",
            "--no-analysis",
            "--star",
            "--title",
            "T: \"x\"",
            "yesterday 8pm: #a k:1\n\n---\ntail  ",
        ])
        .ok();
    person
        .pipe(
            &["new", "--no-analysis"],
            "[2020-01-01 01:00 PM] not jrnl\n\u{1b}[31m\n",
        )
        .ok();
    let listed = |person: &Person| {
        let mut list = person.run(&["list", "--json"]).json();
        for entry in list.as_array_mut().unwrap() {
            for key in ["created", "modified", "id"] {
                entry.as_object_mut().unwrap().remove(key);
            }
        }
        list
    };
    for name in ["out.md", "out.jsonl", "out.json", "folder"] {
        assert_eq!(
            person.run(&["export", name]).ok(),
            format!("exported 2 entries to {name}, not encrypted\n")
        );
        let other = Person::new();
        let path = person.dir.path().join(name);
        other
            .run(&["import", "--no-analysis", path.to_str().unwrap()])
            .ok();
        assert_eq!(listed(&other), listed(&person), "{name}");
    }
    let mode = std::fs::metadata(person.dir.path().join("out.md"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let piped = person.run(&["export"]).ok();
    let other = Person::new();
    other.pipe(&["import", "-", "--no-analysis"], piped).ok();
    assert_eq!(listed(&other), listed(&person), "stdout");
}

#[test]
fn an_export_overwrites_nothing() {
    let person = Person::with(&["one"]);
    let path = person.dir.path().join("out.json");
    std::fs::write(&path, "precious").unwrap();
    assert_eq!(
        person.run(&["export", "out.json"]).fails(6),
        "companion: out.json exists and is not overwritten; name another file\n"
    );
    std::os::unix::fs::symlink("elsewhere.md", person.dir.path().join("link.md")).unwrap();
    assert_eq!(person.run(&["export", "link.md"]).code, 6);
    assert!(!person.dir.path().join("elsewhere.md").exists());
    assert_eq!(std::fs::read_to_string(path).unwrap(), "precious");
}

#[test]
fn names_that_climb_out_of_a_folder_stay_inside() {
    let person = Person::new();
    person
        .run(&[
            "new",
            "--no-analysis",
            "--title",
            "../../../etc/passwd\u{202e}",
            "text",
        ])
        .ok();
    person.run(&["export", "folder"]).ok();
    let inside: Vec<_> = std::fs::read_dir(person.dir.path().join("folder"))
        .unwrap()
        .collect();
    assert_eq!(inside.len(), 1);
    let name = inside[0].as_ref().unwrap().file_name();
    assert!(!name.to_str().unwrap().contains(".."), "{name:?}");
    // A link that leads out of an imported folder is not followed.
    let vault = person.dir.path().join("vault");
    std::fs::create_dir(&vault).unwrap();
    std::fs::write(person.dir.path().join("outside.md"), "outside").unwrap();
    std::os::unix::fs::symlink("../outside.md", vault.join("inside.md")).unwrap();
    std::fs::write(vault.join("2031-01-05 note.md"), "inside").unwrap();
    let run = person.run(&["import", "--no-analysis", "vault"]);
    let list = person
        .run(&["list", "--contains", "outside", "--json"])
        .json();
    assert_eq!(list.as_array().unwrap().len(), 0, "{run:?}");
}

#[test]
fn escapes_in_the_names_of_imported_files_are_shown() {
    let person = Person::new();
    let folder = person.dir.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a\u{1b}[31m.md"), b"caf\xe9").unwrap();
    let run = person.run(&["import", "folder"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("a\\u{1b}[31m.md"), "{}", run.stderr);
    assert!(!run.stderr.contains('\u{1b}'));
}

#[test]
fn a_pipe_or_a_device_is_refused_with_the_way_to_read_it() {
    let person = Person::new();
    let pipe = person.dir.path().join("p.jsonl");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for path in ["p.jsonl", "/dev/zero"] {
        assert_eq!(
            person.run(&["import", path]).fails(2),
            format!(
                "companion: file {path:?} cannot be used: it is a pipe or a device; give `-` instead to \
                 read what stdin holds\n"
            )
        );
    }
}

#[test]
fn what_cannot_be_told_is_asked_for() {
    let person = Person::with(&["before"]);
    assert_eq!(
        person.pipe(&["import", "-"], "plain words").fails(2),
        "companion: cannot tell what stdin is; say so with --format md, jrnl, jsonl or json\n"
    );
    assert_eq!(
        person.run(&["import", "nowhere"]).fails(3),
        "companion: there is no file or folder nowhere\n"
    );
}

#[test]
fn jrnl_text_comes_in_with_its_times_and_tags() {
    let person = Person::new();
    std::fs::write(
        person.dir.path().join("jrnl.txt"),
        "[2024-01-02 03:04 PM] A title. * And a text @home.\n\n[2024-01-03 08:00 AM] Second.\nMore of it.\n",
    )
    .unwrap();
    let run = person.run(&["import", "jrnl.txt"]);
    assert_eq!(run.stdout, "imported 2 entries\n");
    assert!(run.stderr.ends_with(NO_MODEL), "{}", run.stderr);
    let list = person.run(&["list", "--json"]).json();
    assert_eq!(list[0]["date"], "2024-01-02T15:04:00+00:00");
    assert_eq!(list[1]["date"], "2024-01-03T08:00:00+00:00");
}
