//! Writing, reading, changing and finding entries, as the commands do it.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::*;
use journal::*;

#[test]
fn an_entry_comes_back_as_it_was_given() {
    let (_dir, home, mut journal) = fresh();
    let given = NewEntry {
        title: Some("A walk\nat night".into()),
        tags: vec!["#Calm".into()],
        starred: true,
        source_id: Some("a/1".into()),
        fields: [("Mood".into(), FieldValue::Number(7.0))].into(),
        ..NewEntry::new(
            "By the river. #walk sleep:7.5",
            at("2026-03-01T22:10[Europe/Berlin]"),
        )
    };
    let entry = journal.add(given).unwrap();
    drop(journal);
    let journal = Journal::open(&home, &Secret::None).unwrap();
    let back = journal.get(entry.id).unwrap();
    assert_eq!(back, entry);
    assert_eq!(
        back.when.to_string(),
        "2026-03-01T22:10:00+01:00[Europe/Berlin]"
    );
    assert_eq!(back.title.as_deref(), Some("A walk at night"));
    assert_eq!(back.tags, ["calm", "walk"]);
    assert_eq!(back.fields["sleep"], FieldValue::Number(7.5));
    assert_eq!(back.fields["mood"], FieldValue::Number(7.0));
    assert_eq!(
        (back.version, back.deleted, back.source_id.as_deref()),
        (1, None, Some("a/1"))
    );
    assert_eq!(journal.queued_count().unwrap(), 1);
}

#[test]
fn strange_texts_are_kept_faithfully() {
    let (_dir, _home, mut journal) = fresh();
    let long_line = "word ".repeat(200_000);
    for text in [
        "nul\0 in\0side",
        "🎉🎉",
        "cafe\u{301}",
        "\r\n  leading\r\ntrailing  \n",
        "--dashes",
        &long_line,
        "日記",
        "\u{202e}bidi",
        "\u{1b}[31mred",
    ] {
        let id = journal
            .add(NewEntry::new(text, at("2026-03-01T22:10[UTC]")))
            .unwrap()
            .id;
        assert!(
            journal.get(id).unwrap().text == text,
            "{:?}",
            &text[..text.len().min(20)]
        );
    }
}

#[test]
fn blank_and_oversized_texts_are_refused_before_anything_is_stored() {
    let (_dir, _home, mut journal) = fresh();
    for blank in ["", "  \n\t", "\u{200b}", "\0"] {
        let error = journal
            .add(NewEntry::new(blank, at("2026-03-01T22:10[UTC]")))
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the entry is empty; write at least one visible character"
        );
    }
    let huge = "x".repeat(MAX_TEXT_BYTES + 1);
    let error = journal
        .add(NewEntry::new(huge, at("2026-03-01T22:10[UTC]")))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the entry has 16777217 bytes, the limit is 16777216; split it into several entries"
    );
    assert_eq!(journal.count(&Filter::default()).unwrap(), 0);
}

#[test]
fn an_edit_keeps_the_former_state_and_a_restore_brings_it_back() {
    let (_dir, _home, mut journal) = fresh();
    let given = NewEntry {
        tags: vec!["kept".into()],
        ..NewEntry::new("first #one mood:3", at("2026-03-01T22:10[UTC]"))
    };
    let id = journal.add(given).unwrap().id;
    let edited = journal
        .edit(id, EntryEdit::text("second #two mood:4"))
        .unwrap();
    assert_eq!(edited.tags, ["kept", "two"]);
    assert_eq!(edited.fields["mood"], FieldValue::Number(4.0));
    assert_eq!(edited.version, 2);
    let history = journal.history(id).unwrap();
    assert_eq!(
        history
            .iter()
            .map(|v| (v.version, v.text.as_str(), v.reason.as_str()))
            .collect::<Vec<_>>(),
        [
            (1, "first #one mood:3", "written"),
            (2, "second #two mood:4", "edited")
        ]
    );
    let back = journal.restore(id).unwrap();
    assert_eq!((back.text.as_str(), back.version), ("first #one mood:3", 3));
    assert_eq!(back.tags, ["kept", "one"]);
    assert_eq!(journal.restore(id).unwrap().text, "second #two mood:4");
}

#[test]
fn an_edit_that_changes_nothing_makes_no_version() {
    let (_dir, _home, mut journal) = fresh();
    let id = journal
        .add(NewEntry::new("same", at("2026-03-01T22:10[UTC]")))
        .unwrap()
        .id;
    assert_eq!(
        journal.edit(id, EntryEdit::text("same")).unwrap().version,
        1
    );
    assert!(matches!(
        journal.restore(id),
        Err(Error::NothingToRestore(_))
    ));
}

#[test]
fn a_removed_entry_is_gone_from_everything_and_can_be_restored() {
    let (_dir, _home, mut journal) = fresh();
    let entry = journal
        .add(NewEntry::new(
            "a heron by the river #bird",
            at("2026-03-01T22:10[UTC]"),
        ))
        .unwrap();
    journal
        .save_analysis(&[(entry.id, 1, analysis("m"), Some(vectors("m", 1.0)))])
        .unwrap();
    journal.remove(entry.id).unwrap();
    assert!(matches!(journal.get(entry.id), Err(Error::Removed(_))));
    assert_eq!(journal.list(&Filter::default()).unwrap(), []);
    assert_eq!(
        journal.full_text("heron", &Filter::default(), 9).unwrap(),
        []
    );
    assert_eq!(
        journal
            .vector_search("m", &[1.0, 0.0, 0.0, 0.0], &Filter::default(), 9)
            .unwrap(),
        []
    );
    assert_eq!(journal.analysis(entry.id).unwrap(), None);
    assert_eq!(
        journal
            .list(&Filter {
                deleted: true,
                ..Filter::default()
            })
            .unwrap()
            .len(),
        1
    );
    assert_eq!(journal.restore(entry.id).unwrap().text, entry.text);
    assert_eq!(
        journal
            .full_text("heron", &Filter::default(), 9)
            .unwrap()
            .len(),
        1
    );
    assert_eq!(journal.queued_count().unwrap(), 1);
}

#[test]
fn a_purged_entry_leaves_nothing_and_its_number_is_not_used_again() {
    let (_dir, _home, mut journal) = fresh();
    let id = journal
        .add(NewEntry::new("gone for good", at("2026-03-01T22:10[UTC]")))
        .unwrap()
        .id;
    journal
        .edit(id, EntryEdit::text("gone for good, edited"))
        .unwrap();
    journal.purge(id).unwrap();
    assert!(matches!(journal.get_any(id), Err(Error::NoEntry(_))));
    assert!(matches!(journal.history(id), Err(Error::NoEntry(_))));
    let next = journal
        .add(NewEntry::new("next", at("2026-03-01T22:10[UTC]")))
        .unwrap()
        .id;
    assert!(next > id);
}

#[test]
fn importing_again_adds_nothing_and_a_changed_source_is_an_edit() {
    let (_dir, _home, mut journal) = fresh();
    let one = |text: &str| NewEntry {
        source_id: Some("x1".into()),
        ..NewEntry::new(text, at("2026-03-01T22:10[UTC]"))
    };
    let plain = NewEntry::new("without an id", at("2026-03-02T22:10[UTC]"));
    let blank = NewEntry::new(" ", at("2026-03-02T22:10[UTC]"));
    let mut batches = Vec::new();
    let counts = journal
        .add_many([one("a"), blank, plain.clone()], &mut |n| batches.push(n))
        .unwrap();
    assert_eq!(
        (
            counts.added,
            counts.unchanged,
            counts.updated,
            counts.refused.len()
        ),
        (2, 0, 0, 1)
    );
    assert_eq!(counts.refused[0].index, 1);
    assert_eq!(batches, [3]);
    let counts = journal.add_many([one("a"), plain], &mut |_| ()).unwrap();
    assert_eq!((counts.added, counts.unchanged, counts.updated), (0, 2, 0));
    let counts = journal.add_many([one("b")], &mut |_| ()).unwrap();
    assert_eq!((counts.added, counts.unchanged, counts.updated), (0, 0, 1));
    let id = journal.find_source("x1").unwrap().unwrap().id;
    assert_eq!(journal.history(id).unwrap().len(), 2);
    journal.remove(id).unwrap();
    let counts = journal.add_many([one("c")], &mut |_| ()).unwrap();
    assert_eq!(
        (counts.added, counts.unchanged, counts.updated),
        (0, 1, 0),
        "what was removed stays removed"
    );
}

#[test]
fn importing_again_never_takes_back_what_was_edited_here() {
    let (_dir, _home, mut journal) = fresh();
    let source = |text: &str| NewEntry {
        source_id: Some("s1".into()),
        ..NewEntry::new(text, at("2026-03-01T22:10[UTC]"))
    };
    let counts_of = |journal: &mut Journal, text: &str| {
        let counts = journal.add_many([source(text)], &mut |_| ()).unwrap();
        (counts.unchanged, counts.updated, counts.kept)
    };
    journal.add_many([source("first")], &mut |_| ()).unwrap();
    assert_eq!(counts_of(&mut journal, "source #tag"), (0, 1, vec![]));
    let id = journal.find_source("s1").unwrap().unwrap().id;
    journal.edit(id, EntryEdit::text("my own edit")).unwrap();
    journal
        .edit(
            id,
            EntryEdit {
                starred: Some(true),
                ..EntryEdit::default()
            },
        )
        .unwrap();
    assert_eq!(counts_of(&mut journal, "source #tag"), (1, 0, vec![]));
    assert_eq!(counts_of(&mut journal, "changed there"), (0, 0, vec![id]));
    assert_eq!(journal.get(id).unwrap().text, "my own edit");
    journal.edit(id, EntryEdit::text("changed there")).unwrap();
    journal
        .edit(
            id,
            EntryEdit {
                starred: Some(false),
                ..EntryEdit::default()
            },
        )
        .unwrap();
    assert_eq!(counts_of(&mut journal, "changed there"), (1, 0, vec![]));
}

#[test]
fn every_filter_chooses_what_it_says() {
    let (_dir, _home, mut journal) = fresh();
    let mut add = |when: &str, text: &str, starred| {
        journal
            .add(NewEntry {
                starred,
                ..NewEntry::new(text, at(when))
            })
            .unwrap()
            .id
    };
    let a = add(
        "2024-03-01T08:00[UTC]",
        "Met Will in Oslo #work #oslo mood:3",
        false,
    );
    let b = add(
        "2025-03-01T23:30[America/New_York]",
        "I will rest #home mood:8 ran:yes",
        true,
    );
    let c = add(
        "2026-07-09T12:00[UTC]",
        "Café with Zoë #work with:Anna",
        false,
    );
    journal
        .save_analysis(&[(b, 1, analysis("m"), None)])
        .unwrap();
    let cases: Vec<(&str, Filter, Vec<EntryId>)> = vec![
        ("all", Filter::default(), vec![a, b, c]),
        (
            "newest",
            Filter {
                newest_first: true,
                limit: Some(2),
                ..Filter::default()
            },
            vec![c, b],
        ),
        (
            "from",
            Filter {
                from: Some("2025-01-01T00:00Z".parse().unwrap()),
                ..Filter::default()
            },
            vec![b, c],
        ),
        (
            "to",
            Filter {
                to: Some("2025-01-01T00:00Z".parse().unwrap()),
                ..Filter::default()
            },
            vec![a],
        ),
        (
            "year",
            Filter {
                year: Some(2025),
                ..Filter::default()
            },
            vec![b],
        ),
        (
            "on this day, by the local date",
            Filter {
                month: Some(3),
                day: Some(1),
                ..Filter::default()
            },
            vec![a, b],
        ),
        (
            "all tags",
            Filter {
                tags_all: vec!["#Work".into(), "oslo".into()],
                ..Filter::default()
            },
            vec![a],
        ),
        (
            "any tag",
            Filter {
                tags_any: vec!["home".into(), "oslo".into()],
                ..Filter::default()
            },
            vec![a, b],
        ),
        (
            "not tag",
            Filter {
                tags_not: vec!["work".into()],
                ..Filter::default()
            },
            vec![b],
        ),
        (
            "text",
            Filter {
                contains: vec!["CAFE\u{301}".into()],
                ..Filter::default()
            },
            vec![c],
        ),
        (
            "starred",
            Filter {
                starred: Some(true),
                ..Filter::default()
            },
            vec![b],
        ),
        (
            "sentiment",
            Filter {
                sentiment: Some(Sentiment::Positive),
                ..Filter::default()
            },
            vec![b],
        ),
        (
            "theme",
            Filter {
                themes: vec!["sleep".into()],
                ..Filter::default()
            },
            vec![b],
        ),
        (
            "person",
            Filter {
                person: Some("Will".into()),
                ..Filter::default()
            },
            vec![a],
        ),
        (
            "number field",
            Filter {
                fields: vec!["mood>=5".parse().unwrap()],
                ..Filter::default()
            },
            vec![b],
        ),
        (
            "bool field",
            Filter {
                fields: vec!["ran=yes".parse().unwrap()],
                ..Filter::default()
            },
            vec![b],
        ),
        (
            "text field in any case",
            Filter {
                fields: vec!["with=anna".parse().unwrap()],
                ..Filter::default()
            },
            vec![c],
        ),
        (
            "any value",
            Filter {
                fields: vec!["mood".parse().unwrap()],
                ..Filter::default()
            },
            vec![a, b],
        ),
        (
            "ids",
            Filter {
                ids: Some(vec![c, a]),
                ..Filter::default()
            },
            vec![a, c],
        ),
    ];
    for (name, filter, expected) in cases {
        assert_eq!(journal.list_ids(&filter).unwrap(), expected, "{name}");
        assert_eq!(
            journal
                .list(&filter)
                .unwrap()
                .iter()
                .map(|e| e.id)
                .collect::<Vec<_>>(),
            expected,
            "{name}"
        );
        if filter.limit.is_none() {
            assert_eq!(
                journal.count(&filter).unwrap(),
                expected.len() as u64,
                "{name}"
            );
        }
    }
}

#[test]
fn full_text_finds_words_in_any_form_and_those_with_all_words_first() {
    let (_dir, _home, mut journal) = fresh();
    let mut add = |text: &str| {
        journal
            .add(NewEntry::new(text, at("2026-03-01T22:10[UTC]")))
            .unwrap()
            .id
    };
    let cafe = add("Cafe\u{301} by the river");
    let river = add("the river was high");
    let emoji = add("great🎉party");
    let chinese = add("今天写日记很开心");
    let found = |words: &str| -> Vec<EntryId> {
        journal
            .full_text(words, &Filter::default(), 9)
            .unwrap()
            .iter()
            .map(|hit| hit.id)
            .collect()
    };
    assert_eq!(found("caf\u{e9}"), [cafe]);
    assert_eq!(found("CAFE"), [cafe]);
    assert_eq!(found("riv"), [cafe, river]);
    assert_eq!(found("river cafe"), [cafe, river]);
    assert_eq!(found("\"river was\""), [river]);
    assert_eq!(found("🎉"), [emoji]);
    assert_eq!(found("日记"), [chinese]);
    assert_eq!(found("\" OR ( NEAR * ^ : -"), []);
    let only = Filter {
        ids: Some(vec![river]),
        ..Filter::default()
    };
    assert_eq!(journal.full_text("river", &only, 9).unwrap().len(), 1);
}

#[test]
fn vectors_are_found_by_angle_and_only_those_of_the_model() {
    let (_dir, _home, mut journal) = fresh();
    let ids: Vec<EntryId> = (0..3)
        .map(|i| {
            journal
                .add(NewEntry::new(
                    format!("entry {i}"),
                    at("2026-03-01T22:10[UTC]"),
                ))
                .unwrap()
                .id
        })
        .collect();
    let made: Vec<_> = ids
        .iter()
        .zip([1.0, 0.2, -1.0])
        .map(|(id, x)| (*id, 1, analysis("m"), Some(vectors("m", x))))
        .collect();
    assert_eq!(journal.save_analysis(&made).unwrap(), 3);
    assert_eq!(journal.queued_count().unwrap(), 0);
    let hits = journal
        .vector_search("m", &[2.0, 0.0, 0.0, 0.0], &Filter::default(), 2)
        .unwrap();
    assert_eq!(hits.iter().map(|h| h.id).collect::<Vec<_>>(), ids[..2]);
    assert!(
        (hits[0].cosine - 1.0).abs() < 0.01 && (hits[1].cosine - 0.2).abs() < 0.01,
        "{hits:?}"
    );
    assert_eq!(
        journal
            .vector_search("other", &[2.0, 0.0, 0.0, 0.0], &Filter::default(), 2)
            .unwrap(),
        []
    );
    assert_eq!(
        journal
            .vector_search("m", &[1.0], &Filter::default(), 2)
            .unwrap(),
        []
    );
    let sentences = journal.sentence_vectors(ids[0], "m").unwrap();
    assert_eq!(sentences[0].0, 0..7);
    assert_eq!(journal.analysis(ids[0]).unwrap(), Some(analysis("m")));
    assert_eq!(journal.requeue_all(Some("m")).unwrap(), 0);
    assert_eq!(journal.requeue_all(Some("newer")).unwrap(), 3);
}

#[test]
fn an_analysis_of_a_former_version_is_passed_over() {
    let (_dir, _home, mut journal) = fresh();
    let id = journal
        .add(NewEntry::new("one", at("2026-03-01T22:10[UTC]")))
        .unwrap()
        .id;
    journal.edit(id, EntryEdit::text("two")).unwrap();
    assert_eq!(
        journal
            .save_analysis(&[(id, 1, analysis("m"), None)])
            .unwrap(),
        0
    );
    assert_eq!(journal.analysis(id).unwrap(), None);
    assert_eq!(journal.queued_count().unwrap(), 1);
}

#[test]
fn drafts_prompts_and_remembered_values_come_back() {
    let (_dir, _home, mut journal) = fresh();
    journal.save_draft("new", "half a thought").unwrap();
    assert_eq!(
        journal.draft("new").unwrap().unwrap().text,
        "half a thought"
    );
    journal.clear_draft("new").unwrap();
    assert_eq!(journal.draft("new").unwrap(), None);
    journal
        .record_prompt("q7", "2026-03-01T22:10Z".parse().unwrap())
        .unwrap();
    assert_eq!(
        journal
            .prompts_since("2026-03-01T00:00Z".parse().unwrap())
            .unwrap()[0]
            .0,
        "q7"
    );
    journal.set_meta("greeted", Some("yes")).unwrap();
    assert_eq!(journal.meta("greeted").unwrap().as_deref(), Some("yes"));
}
