use std::io::Read as _;
use std::process::Stdio;

use crate::person::Person;

/// Written out of order on purpose.
fn reader() -> Person {
    Person::with(&[
        "yesterday 8pm: walked to the lake with Ana #outside sleep:7.5",
        "2131-03-02 14:00: long day at work, Ben was there #work sleep:5",
        "last month: not a date",
        "2130-12-24: snow #outside #family",
        "today 9:15: slept badly #work #family",
    ])
}

fn listed(person: &Person, args: &[&str]) -> Vec<i64> {
    let args = [&["list", "--json"], args].concat();
    let list = person.run(&args).json();
    list.as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["id"].as_i64().unwrap())
        .collect()
}

#[test]
fn lists_by_the_time_of_the_entries_on_one_line_each() {
    assert_eq!(
        reader().run(&["list"]).ok(),
        "\
4  2130-12-24 09:00     snow #outside #family
2  2131-03-02 14:00     long day at work, Ben was there #work sleep:5
1  2131-03-13 20:00     walked to the lake with Ana #outside sleep:7.5
5  2131-03-14 09:15     slept badly #work #family
3  2131-03-14 14:30     last month: not a date
"
    );
}

#[test]
fn every_filter_finds_what_it_says() {
    let person = reader();
    for (args, expected) in [
        (&["--from", "yesterday"][..], &[1, 5, 3][..]),
        (&["--to", "2131-03-02"], &[4, 2]),
        (&["--from", "march", "--to", "march 10"], &[2]),
        (&["--on", "yesterday"], &[1]),
        (&["--on", "2130"], &[4]),
        (&["--on", "this week"], &[1, 5, 3]),
        (&["--tag", "family"], &[4, 5]),
        (&["-t", "#Family", "-t", "work"], &[5]),
        (
            &["--any-tag", "outside", "--any-tag", "work"],
            &[4, 2, 1, 5],
        ),
        (&["--not-tag", "outside"], &[2, 5, 3]),
        (&["--contains", "LAKE"], &[1]),
        (&["--person", "Ben"], &[2]),
        (&["--field", "sleep>=7"], &[1]),
        (&["--field", "sleep<7"], &[2]),
        (&["--field", "sleep"], &[2, 1]),
        (&["--starred"], &[]),
        (&["--mood", "positive"], &[]),
        (&["--theme", "nature"], &[]),
        (&["--limit", "2"], &[5, 3]),
        (&["-n", "2", "--reverse"], &[3, 5]),
    ] {
        assert_eq!(listed(&person, args), expected, "{args:?}");
    }
}

#[test]
fn a_filter_that_makes_no_sense_says_why() {
    let person = reader();
    for (args, message) in [
        (
            &["list", "--from", "yesterday", "--to", "last week"][..],
            "companion: --from \"yesterday\" begins after --to \"last week\" ends; exchange them\n",
        ),
        (
            &["list", "--on", "someday"],
            "companion: cannot read \"someday\" as a date; try \"yesterday 8pm\", \"last friday\", \
             \"3 days ago\" or \"2026-03-02 14:00\"\n",
        ),
        (
            &["list", "--on", "03/04/2026"],
            "companion: \"03/04/2026\" can be two days; write 2026-04-03 or 2026-03-04\n",
        ),
        (
            &["list", "--field", "sleep>="],
            "companion: field condition \"sleep>=\" cannot be used: the value is missing\n",
        ),
    ] {
        assert_eq!(person.run(args).fails(2), message, "{args:?}");
    }
}

#[test]
fn shows_one_entry_whole() {
    let person = Person::with(&[]);
    person
        .run(&[
            "new",
            "--no-analysis",
            "--star",
            "--title",
            "At the lake",
            "First line. #calm\n\nsleep:8 Second part.",
        ])
        .ok();
    assert_eq!(
        person.run(&["show", "1"]).ok(),
        "\
1  Wednesday, 14 March 2131, 14:30  ★
At the lake

  First line. #calm

  sleep:8 Second part.

tags    #calm
fields  sleep:8
not analysed yet
"
    );
}

#[test]
fn an_ascii_locale_gets_ascii() {
    let person = Person::with(&["plain"]);
    let mut command = person.command(&["new", "second"]);
    command.env("LC_ALL", "C");
    assert_eq!(
        crate::person::finish(&mut command).ok(),
        "saved 2 - today 14:30\n"
    );
}

#[test]
fn an_entry_or_a_journal_that_is_not_there_is_named() {
    let person = Person::new();
    assert_eq!(
        person.run(&["list"]).fails(3),
        format!(
            "companion: no journal in {}; write a first entry with `companion new \"...\"`, \
             or bring one back with `companion backup restore FILE`\n",
            person.home().display()
        )
    );
    assert!(!person.home().exists(), "reading makes nothing");
    let person = Person::with(&["one"]);
    assert_eq!(
        person.run(&["show", "7"]).fails(3),
        "companion: there is no entry 7; `companion list` shows the ids\n"
    );
    assert_eq!(person.run(&["show", "x"]).code, 2);
}

#[test]
fn an_empty_list_is_an_empty_array() {
    let person = Person::with(&["one"]);
    for args in [&["list", "--tag", "none"], &["list", "--limit", "0"]] {
        let run = person.run(args);
        assert_eq!(
            (run.stdout.as_str(), run.stderr.as_str()),
            ("", "nothing found\n"),
            "{args:?}"
        );
    }
    assert_eq!(
        person.run(&["list", "--tag", "none", "--json"]).ok(),
        "[]\n"
    );
}

#[test]
fn a_filter_by_mood_says_how_many_entries_it_cannot_know() {
    let person = Person::with(&["one", "two"]);
    let run = person.run(&["list", "--mood", "positive"]);
    assert_eq!(
        run.stderr,
        "2 entries are not analysed yet and left out; `companion analyze` catches up\nnothing found\n"
    );
}

#[test]
fn tags_are_counted_most_used_first() {
    assert_eq!(
        reader().run(&["tags"]).ok(),
        "2  #family\n2  #outside\n2  #work\n"
    );
    assert_eq!(
        reader().run(&["tags", "--on", "2130", "--json"]).json(),
        serde_json::json!([{"tag": "family", "entries": 1}, {"tag": "outside", "entries": 1}])
    );
    assert_eq!(
        reader().run(&["tags", "--limit", "2"]).ok(),
        "1  #family\n1  #work\n",
        "of the latest"
    );
}

#[test]
fn a_reader_that_leaves_early_is_a_quiet_success() {
    let person = Person::new();
    person.pipe(&["new"], "long ".repeat(40_000)).ok();
    let mut child = person
        .command(&["show", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 1];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}
