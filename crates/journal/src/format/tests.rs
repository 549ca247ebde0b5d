use std::collections::BTreeMap;

use jiff::ZonedDateTime;
use proptest::prelude::*;

use super::*;
use crate::extract::extract;
use crate::row::{Content, Given, Reader};
use crate::{Entry, EntryId, FieldValue};

/// The entry that a journal would make of it, without one.
fn stored(new: &NewEntry, id: i64) -> Entry {
    let given = Given::new(&new.tags, new.fields.clone()).unwrap();
    let content = Content::new(
        &new.when,
        new.title.as_deref(),
        new.text.clone(),
        given,
        extract(&new.text),
        new.starred,
    )
    .unwrap();
    let moment = &content.moment;
    Entry {
        id: EntryId(id),
        uid: format!("{id:032x}"),
        source_id: new.source_id.clone(),
        when: Reader::default().zoned(moment.at, &moment.zone, moment.offset),
        title: content.title,
        text: content.text,
        tags: content.tags,
        starred: content.starred,
        fields: content.fields,
        created: jiff::Timestamp::UNIX_EPOCH,
        modified: jiff::Timestamp::UNIX_EPOCH,
        version: 1,
        deleted: None,
    }
}

fn assert_same(back: &Imported, entries: &[Entry]) {
    assert_eq!(back.errors, []);
    assert_eq!(back.entries.len(), entries.len());
    for (back, entry) in back.entries.iter().zip(entries) {
        let wanted = NewEntry::from(entry.clone());
        assert_eq!(back.when.to_string(), wanted.when.to_string());
        assert_eq!(
            (&back.text, &back.title, &back.tags),
            (&wanted.text, &wanted.title, &wanted.tags)
        );
        assert_eq!(
            (&back.fields, back.starred),
            (&wanted.fields, wanted.starred)
        );
        assert_eq!(
            (&back.source_id, &back.uid),
            (&wanted.source_id, &wanted.uid)
        );
        // And once more through the journal's eyes.
        let again = stored(back, entry.id.0);
        assert_eq!(
            (&again.tags, &again.fields, &again.text),
            (&entry.tags, &entry.fields, &entry.text)
        );
    }
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "\\PC{1,12}",
        Just("---\n".to_owned()),
        Just("---\ntitle: x\n---\n".to_owned()),
        Just("\r\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("cafe\u{301} ".to_owned()),
        Just("🎉👩\u{200d}💻".to_owned()),
        Just("   ".to_owned()),
        Just(" #tag/one sleep:7.5 with:\"Anna Lee\" ".to_owned()),
        Just("[2024-01-02 03:04 PM] ".to_owned()),
        Just("\0\u{1b}[31m\u{202e}\u{feff}\u{2028}".to_owned()),
        Just("...\n\"quoted\\\"".to_owned()),
    ];
    prop::collection::vec(piece, 1..8)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("not blank", |text| check_text(text).is_ok())
}

fn any_when() -> impl Strategy<Value = ZonedDateTime> {
    let zone = prop::sample::select(vec![
        "Europe/Berlin",
        "America/New_York",
        "Asia/Kathmandu",
        "UTC",
        "Pacific/Apia",
        "+05:30",
        "-11:00",
    ]);
    (-2_000_000_000_000_000i64..4_000_000_000_000_000, zone).prop_map(|(micros, zone)| {
        let zone = match zone.strip_prefix(['+', '-']) {
            Some(_) => format!("2024-01-01T00:00:00{zone}[{zone}]")
                .parse::<ZonedDateTime>()
                .unwrap()
                .time_zone()
                .clone(),
            None => TimeZone::get(zone).unwrap(),
        };
        jiff::Timestamp::from_microsecond(micros)
            .unwrap()
            .to_zoned_datetime(zone)
    })
}

fn any_field() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        any::<f64>().prop_map(FieldValue::Number),
        (-100i32..100).prop_map(|n| FieldValue::Number(f64::from(n) / 4.0)),
        any::<bool>().prop_map(FieldValue::Bool),
        (1i16..9999, 1i8..13, 1i8..29)
            .prop_map(|(y, m, d)| FieldValue::Date(jiff::civil::date(y, m, d))),
        "\\PC{0,12}".prop_map(FieldValue::Text),
        prop::sample::select(vec![
            "7",
            "yes",
            "null",
            "",
            "2024-01-01",
            "a\nb",
            "'q'",
            "\"",
            "[a]",
            "~",
            "# no"
        ])
        .prop_map(|text| FieldValue::Text(text.into())),
    ]
}

fn any_entry() -> impl Strategy<Value = NewEntry> {
    let name = prop::sample::select(vec![
        "mood",
        "null",
        "caf\u{e9}",
        "with",
        "true",
        "a/b",
        "x.y",
        "it's",
        "日記",
        "n",
        "7th",
        "-x",
        "date",
        "title",
    ]);
    let title = prop::option::of(prop_oneof![
        "\\PC{0,20}",
        Just("a: \"b\" # c\t\\".to_owned()),
        Just("two\nlines".to_owned())
    ]);
    let source = prop::option::of(prop_oneof![
        Just("a/1.md".to_owned()),
        Just("7".to_owned()),
        "\\PC{1,10}"
    ]);
    let tags = prop::collection::vec(name.clone(), 0..4);
    let fields = prop::collection::btree_map(name.prop_map(str::to_owned), any_field(), 0..4);
    (
        any_text(),
        any_when(),
        title,
        tags,
        any::<bool>(),
        source,
        fields,
    )
        .prop_map(
            |(text, when, title, tags, starred, source_id, fields): (
                _,
                _,
                _,
                Vec<&str>,
                _,
                _,
                BTreeMap<_, _>,
            )| {
                NewEntry {
                    title,
                    tags: tags.into_iter().map(str::to_owned).collect(),
                    starred,
                    source_id,
                    fields,
                    ..NewEntry::new(text, when)
                }
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn importing_an_export_gives_the_same_entries(new in prop::collection::vec(any_entry(), 1..4)) {
        let entries: Vec<Entry> = new.iter().enumerate().map(|(at, new)| stored(new, at as i64 + 1)).collect();
        let zone = TimeZone::get("Asia/Tokyo").unwrap();
        type Write = fn(&[Entry], &mut dyn std::io::Write) -> std::io::Result<()>;
        let formats: [(Format, Write); 3] = [(Format::Jsonl, write_jsonl), (Format::Json, write_json), (Format::Markdown, write_markdown)];
        for (format, write) in formats {
            let mut bytes = Vec::new();
            write(&entries, &mut bytes).unwrap();
            assert_same(&import_bytes("export", &bytes, format, &zone), &entries);
        }
    }

    #[test]
    fn importing_an_exported_folder_gives_the_same_entries(new in prop::collection::vec(any_entry(), 1..3)) {
        let mut entries: Vec<Entry> = new.iter().enumerate().map(|(at, new)| stored(new, at as i64 + 1)).collect();
        let dir = tempfile::tempdir().unwrap();
        export_folder(&entries, dir.path()).unwrap();
        let mut back = import(dir.path(), Format::Markdown, &TimeZone::UTC).unwrap();
        back.entries.sort_by(|a, b| a.uid.cmp(&b.uid));
        entries.sort_by(|a, b| a.uid.cmp(&b.uid));
        assert_same(&back, &entries);
    }

    #[test]
    fn no_bytes_make_an_import_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "(---\n|\\PC{0,10}\n|date: 2024-01-01\n|\\[2024-01-01\\] |\\{\"date\":){0,8}") {
        for format in [Format::Markdown, Format::Jrnl, Format::Jsonl, Format::Json] {
            import_bytes("x", &bytes, format, &TimeZone::UTC);
            import_bytes("x", text.as_bytes(), format, &TimeZone::UTC);
        }
    }
}

fn texts(imported: &Imported) -> Vec<&str> {
    imported
        .entries
        .iter()
        .map(|entry| entry.text.as_str())
        .collect()
}

#[test]
fn jrnl_text_is_read_with_stars_and_tags() {
    let text = "[2024-01-02 03:04 PM] A good day. *\nWalked with @anna, wrote to me@x.org.\n\n- [not a date] item\n\n[2024-01-03 09:00] * Starred first\n\n[2024-01-04 21:15:10] Plain @Work\r\nsecond line\r\n";
    let imported = import_bytes("j.txt", text.as_bytes(), Format::Jrnl, &TimeZone::UTC);
    assert_eq!(imported.errors, []);
    assert_eq!(
        texts(&imported),
        [
            "A good day.\nWalked with @anna, wrote to me@x.org.\n\n- [not a date] item",
            "Starred first",
            "Plain @Work\nsecond line"
        ]
    );
    assert_eq!(
        imported
            .entries
            .iter()
            .map(|e| e.starred)
            .collect::<Vec<_>>(),
        [true, true, false]
    );
    assert_eq!(imported.entries[0].tags, ["anna"]);
    assert_eq!(
        imported.entries[0].when.to_string(),
        "2024-01-02T15:04:00+00:00[UTC]"
    );
}

#[test]
fn one_bad_record_never_stops_the_rest() {
    let zone = TimeZone::UTC;
    let jsonl = b"{\"date\":\"2024-01-02\",\"text\":\"one\",\"id\":7}\n\nnot json\n{\"text\":\"no date\"}\n{\"date\":\"2024-01-02\",\"text\":\" \"}\n\xff\xfe\n{\"date\":\"soon\",\"text\":\"x\"}\n{\"date\":1704207600,\"text\":\"two\",\"tags\":\"#a, b\"}";
    let imported = import_bytes("d.jsonl", jsonl, Format::Jsonl, &zone);
    assert_eq!(texts(&imported), ["one", "two"]);
    assert_eq!(imported.entries[0].source_id.as_deref(), Some("7"));
    assert_eq!(imported.entries[1].tags, ["a", "b"]);
    let errors: Vec<String> = imported.errors.iter().map(ImportError::to_string).collect();
    assert_eq!(
        errors,
        [
            "d.jsonl:3: invalid JSON: expected ident (column 2)",
            "d.jsonl:4: it has no `date`",
            "d.jsonl:5: the entry is empty; write at least one visible character",
            "d.jsonl:6: invalid UTF-8 at byte 0; convert the file to UTF-8",
            "d.jsonl:7: \"soon\" is no date; write it like 2024-01-31T18:30 or 2024-01-31 06:30 PM",
        ]
    );
    let jrnl = b"stray\n[2024-01-02 10:00] one\nbad \xff byte\n[2024-01-03 10:00]\n[2024-01-04 10:00] two\n";
    let imported = import_bytes("j", jrnl, Format::Jrnl, &zone);
    assert_eq!(texts(&imported), ["two"]);
    assert_eq!(
        imported.errors.iter().map(|e| e.line).collect::<Vec<_>>(),
        [Some(3), Some(4), Some(1)]
    );
}

#[test]
fn jrnl_json_and_plain_arrays_are_read() {
    let jrnl = br#"{"tags":{"@a":1},"entries":[{"title":"First.","body":"more","date":"2024-01-02","time":"15:04","tags":["@a"],"starred":true},{"title":"Only a title","body":"","date":"2024-01-03","time":"09:00","tags":[],"starred":false}]}"#;
    let imported = import_bytes("j.json", jrnl, Format::Json, &TimeZone::UTC);
    assert_eq!(imported.errors, []);
    assert_eq!(texts(&imported), ["more", "Only a title"]);
    assert_eq!(imported.entries[0].title.as_deref(), Some("First."));
    assert_eq!(imported.entries[0].tags, ["a"]);
    assert_eq!(
        imported.entries[0].when.to_string(),
        "2024-01-02T15:04:00+00:00[UTC]"
    );
    let broken = import_bytes("j.json", b"[{}, 5]", Format::Json, &TimeZone::UTC);
    assert_eq!(broken.errors.len(), 2);
    assert_eq!(broken.errors[0].file, "j.json[0]");
}

#[test]
fn a_vault_of_notes_is_read_file_by_file() {
    let dir = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    write("2024-01-02 A walk.md", b"\n# Walk\n\nBy the river. #calm\n");
    write(
        "daily/2024/03/04.md",
        b"---\ntags:\n  - Deep Work\nmood: 7\naliases: [x]\n---\nA day.\n",
    );
    write(
        "note.md",
        b"---\ndate: 2024-05-06T07:08\ntitle: Named\nstarred: yes\nweather: \"7\"\n---\r\nText\r\n",
    );
    write("bad-date.md", b"---\ntitle: x\ndate: whenever\n---\nText\n");
    write("latin1.md", b"caf\xe9");
    write("2024-01-09 empty.md", b"\n\n");
    write(".obsidian/2024-01-01.md", b"hidden");
    write("picture.png", b"\x89PNG");
    std::fs::write(outside.path().join("secret.md"), "secret").unwrap();
    std::os::unix::fs::symlink(
        outside.path().join("secret.md"),
        dir.path().join("2024-01-05.md"),
    )
    .unwrap();
    std::os::unix::fs::symlink(outside.path(), dir.path().join("folder")).unwrap();
    std::os::unix::fs::symlink(dir.path(), dir.path().join("daily/loop")).unwrap();
    let imported = import(dir.path(), Format::Markdown, &TimeZone::UTC).unwrap();
    assert_eq!(
        texts(&imported),
        ["# Walk\n\nBy the river. #calm", "A day.", "Text"]
    );
    let [walk, day, named] = imported.entries.as_slice() else {
        panic!("three")
    };
    assert_eq!(
        (walk.title.as_deref(), walk.source_id.as_deref()),
        (Some("A walk"), Some("2024-01-02 A walk.md"))
    );
    assert_eq!(walk.when.to_string(), "2024-01-02T12:00:00+00:00[UTC]");
    assert_eq!(
        (day.title.as_deref(), day.tags.as_slice()),
        (None, &["deep-work".to_owned()][..])
    );
    assert_eq!(day.when.date().to_string(), "2024-03-04");
    assert_eq!(
        day.fields,
        BTreeMap::from([("mood".into(), FieldValue::Number(7.0))])
    );
    assert_eq!(
        (named.title.as_deref(), named.starred),
        (Some("Named"), true)
    );
    assert_eq!(named.fields["weather"], FieldValue::Text("7".into()));
    let mut errors: Vec<(&str, Option<u64>)> = imported
        .errors
        .iter()
        .map(|e| (e.file.as_str(), e.line))
        .collect();
    errors.sort();
    assert_eq!(
        errors,
        [
            ("2024-01-05.md", None),
            ("2024-01-09 empty.md", Some(1)),
            ("bad-date.md", Some(3)),
            ("folder", None),
            ("latin1.md", Some(1))
        ]
    );
}

#[test]
fn names_of_exported_files_are_safe() {
    let when: ZonedDateTime = "2024-01-02T03:04[UTC]".parse().unwrap();
    for (title, name) in [
        (Some("../../etc/passwd"), "2024-01-02-0304-etc-passwd-1.md"),
        (
            Some("A Café; rm -rf $HOME"),
            "2024-01-02-0304-a-caf-rm-rf-home-1.md",
        ),
        (Some("日記"), "2024-01-02-0304-1.md"),
        (Some(".hidden\u{202e}"), "2024-01-02-0304-hidden-1.md"),
        (None, "2024-01-02-0304-1.md"),
    ] {
        let new = NewEntry {
            title: title.map(str::to_owned),
            ..NewEntry::new("x", when.clone())
        };
        assert_eq!(names::file_name(&stored(&new, 1)), name);
    }
}

#[test]
fn an_export_does_not_write_over_anything() {
    let dir = tempfile::tempdir().unwrap();
    let entry = stored(
        &NewEntry::new("x", "2024-01-02T03:04[UTC]".parse().unwrap()),
        1,
    );
    export_folder(std::slice::from_ref(&entry), dir.path()).unwrap();
    let error = export_folder(&[entry], dir.path()).unwrap_err();
    assert!(error.to_string().starts_with("cannot write "), "{error}");
}

#[test]
fn formats_are_told_by_name_or_start() {
    for (start, format) in [
        ("{\"date\"", Some(Format::Jsonl)),
        ("\u{feff}  [\n{", Some(Format::Json)),
        ("[2024-01-02 10:00] x", Some(Format::Jrnl)),
        ("---\ntitle", Some(Format::Markdown)),
        ("hello", None),
    ] {
        assert_eq!(detect_start(start.as_bytes()), format, "{start}");
    }
}

#[test]
fn pipes_and_devices_are_refused_with_the_way_to_read_them() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe.jsonl");
    let made = std::process::Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .unwrap();
    assert!(made.success());
    for path in [pipe.as_path(), Path::new("/dev/zero")] {
        let error = import(path, Format::Jsonl, &TimeZone::UTC).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "file {:?} cannot be used: it is a pipe or a device; give `-` instead to read what stdin holds",
                path.display().to_string()
            )
        );
    }
    let nameless = dir.path().join("pipe");
    std::fs::rename(&pipe, &nameless).unwrap();
    assert_eq!(detect(&nameless), None, "and nobody waits for a writer");
}

#[test]
fn a_file_over_the_limit_is_refused_however_large_it_says_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f.jsonl");
    std::fs::write(&file, "12345").unwrap();
    assert_eq!(read_bounded(&file, 5).unwrap(), b"12345");
    let error = read_bounded(&file, 4).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "file {:?} cannot be used: it is larger than 1 GiB; split it",
            file.display().to_string()
        )
    );
    // A sparse one costs nothing to make and is not read at all.
    std::fs::File::create(&file)
        .and_then(|file| file.set_len(MAX_FILE_BYTES + 1))
        .unwrap();
    let error = import(&file, Format::Jsonl, &TimeZone::UTC).unwrap_err();
    assert!(error.to_string().contains("larger than 1 GiB"), "{error}");
}
