use crate::person::Person;

#[test]
fn an_edit_keeps_the_version_before_and_can_be_undone() {
    let person = Person::with(&["first words"]);
    assert_eq!(
        person
            .run(&["edit", "1", "second words", "--no-analysis"])
            .ok(),
        "changed 1; `companion restore 1` goes back\n"
    );
    assert_eq!(person.text(1), "second words");
    assert_eq!(
        person.run(&["restore", "1"]).ok(),
        "restored 1, as it was before the last edit\n"
    );
    assert_eq!(person.text(1), "first words");
    let history = person.run(&["history", "1", "--json"]).json();
    let texts: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["first words", "second words", "first words"]);
}

#[test]
fn time_title_tags_and_star_change_without_the_text() {
    let person = Person::with(&["text #kept"]);
    person
        .run(&[
            "edit",
            "1",
            "--date",
            "yesterday noon",
            "--title",
            "T",
            "--tags",
            "a,b",
            "--star",
        ])
        .ok();
    let entry = person.run(&["show", "1", "--json"]).json();
    assert_eq!(entry["date"], "2131-03-13T12:00:00+00:00");
    assert_eq!(entry["title"], "T");
    assert_eq!(entry["tags"], serde_json::json!(["a", "b", "kept"]));
    assert_eq!(entry["starred"], true);
    assert_eq!(entry["text"], "text #kept");
    person.run(&["edit", "1", "--unstar", "--title", ""]).ok();
    let entry = person.run(&["show", "1", "--json"]).json();
    assert_eq!(
        (&entry["starred"], &entry["title"]),
        (&false.into(), &serde_json::Value::Null)
    );
}

#[test]
fn an_edit_of_nothing_says_what_it_needs() {
    let person = Person::with(&["text"]);
    assert_eq!(
        person.run(&["edit", "1"]).fails(2),
        "companion: say what to change: companion edit 1 \"the new text\", or see `companion edit --help`\n"
    );
    assert_eq!(
        person.run(&["edit", "1", "  "]).fails(2),
        "companion: an entry cannot be empty; to take it away, use `companion rm 1`\n"
    );
}

#[test]
fn what_is_removed_can_be_brought_back() {
    let person = Person::with(&["kept", "removed"]);
    assert_eq!(
        person.run(&["rm", "2"]).ok(),
        "removed 2; `companion restore 2` brings it back\n"
    );
    assert_eq!(person.run(&["list"]).ok(), "1  2131-03-14 14:30     kept\n");
    assert_eq!(
        person.run(&["rm", "2"]).fails(3),
        "companion: entry 2 was removed; bring it back with `companion restore 2`\n"
    );
    assert_eq!(
        person.run(&["list", "--removed"]).ok(),
        "2  2131-03-14 14:30     removed\n"
    );
    assert!(person.run(&["search", "removed"]).ok().is_empty());
    assert_eq!(person.run(&["restore", "2"]).ok(), "restored 2\n");
    assert_eq!(person.text(2), "removed");
}

#[test]
fn what_is_wiped_is_gone() {
    let person = Person::with(&["one", "two"]);
    assert_eq!(
        person.run(&["rm", "2", "--forever", "--yes"]).ok(),
        "wiped 2\n"
    );
    assert_eq!(person.run(&["restore", "2"]).code, 3);
    assert_eq!(person.run(&["history", "2"]).code, 3);
    // An id is never used again.
    assert_eq!(
        person.run(&["new", "three", "--no-analysis"]).ok(),
        "saved 3 · today 14:30\n"
    );
}

#[test]
fn nothing_is_wiped_unasked_where_nobody_can_be_asked() {
    let person = Person::with(&["one", "two"]);
    assert_eq!(
        person.run(&["rm", "1", "2", "--forever"]).fails(2),
        "companion: --forever cannot be undone, and there is nobody to ask; \
         say --yes: companion rm 1 2 --forever --yes\n"
    );
    assert_eq!(
        (person.text(1), person.text(2)),
        ("one".into(), "two".into())
    );
}

#[test]
fn one_of_several_that_fails_does_not_stop_the_rest() {
    let person = Person::with(&["one", "two"]);
    let run = person.run(&["rm", "1", "9", "2"]);
    assert_eq!(run.code, 1);
    assert_eq!(
        run.stdout,
        "removed 1; `companion restore 1` brings it back\nremoved 2; `companion restore 2` brings it back\n"
    );
    assert_eq!(
        run.stderr,
        "there is no entry 9; `companion list` shows the ids\n"
    );
}

#[test]
fn nothing_to_undo_is_said() {
    let person = Person::with(&["one"]);
    assert_eq!(
        person.run(&["restore", "1"]).fails(3),
        "companion: entry 1 was neither removed nor edited, so there is nothing to restore\n"
    );
}
