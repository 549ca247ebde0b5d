use std::sync::Mutex;

use assistant::Span;
use assistant::language::Tier;
use assistant::language::cite::LEAST_LIKENESS;
use assistant::language::digest::{Digest, digest};
use jiff::civil::date;
use journal::{EntryEdit, EntryId, Journal};

use crate::common::{add, at, journal};
use crate::scripted::{Scripted, last, with};

/// A year's day in words that are its own.
fn text(day: usize) -> String {
    const DID: [&str; 7] = [
        "carried stones out of the lower field",
        "waited for the ferry in the rain",
        "mended the red boat with Nadia",
        "read letters from the attic box",
        "swam out to the second buoy",
        "burned the rice and ate it anyway",
        "slept through the afternoon",
    ];
    format!(
        "Day {day} of the log. I {} and wrote {} pages. The evening was quiet enough.",
        DID[day % 7],
        day % 5 + 2
    )
}

/// Cites the first words of whatever it is shown: from notes their quotes.
fn faithful() -> Scripted {
    Scripted::new(|chat, _| {
        let shown = last(chat);
        let mut sentences = Vec::new();
        for (tag, open, close) in [
            ("<entry id=\"", ">\n", "\n</entry>"),
            ("<note entry=\"", "<quote>", "</quote>"),
        ] {
            for part in shown.split(tag).skip(1) {
                let id: i64 = part.split('"').next().unwrap().parse().unwrap();
                let body = part
                    .split(open)
                    .nth(1)
                    .unwrap()
                    .split(close)
                    .next()
                    .unwrap();
                let quote: Vec<&str> = body.split_whitespace().take(9).collect();
                let quote = quote.join(" ");
                sentences.push(serde_json::json!({
                    "text": format!("You wrote: {}.", quote.to_lowercase()),
                    "cites": [{"entry": id, "quote": quote}]
                }));
            }
        }
        sentences.truncate(4);
        serde_json::json!({ "sentences": sentences }).to_string()
    })
}

fn year(journal: &mut Journal) -> Vec<EntryId> {
    let mut day = date(2026, 1, 1);
    let mut ids = Vec::new();
    for index in 0..365 {
        ids.push(add(journal, &format!("{day} 20:00"), &text(index)).id);
        day = day.tomorrow().unwrap();
    }
    ids
}

fn sum_up(journal: &mut Journal, model: &Scripted, span: &Span) -> Digest {
    let now = at("2027-01-02 09:00");
    digest(journal, &with(model), None, span, &now, false, &mut |_| {}).unwrap()
}

fn whole_year() -> Span {
    Span::days(date(2026, 1, 1), date(2026, 12, 31)).unwrap()
}

#[test]
fn a_year_of_365_entries_costs_three_generations_after_an_edit_and_none_without() {
    let (mut journal, _dir) = journal();
    let ids = year(&mut journal);
    let model = faithful();
    let first = sum_up(&mut journal, &model, &whole_year());
    eprintln!(
        "a year of 365 entries: {} generations from nothing",
        first.generations
    );
    assert_eq!(first.failed, 0);
    assert_eq!(sum_up(&mut journal, &model, &whole_year()).generations, 0);
    for index in [0, 100, 364] {
        journal
            .edit(
                ids[index],
                EntryEdit::text("I carried nothing at all today."),
            )
            .unwrap();
        let after = sum_up(&mut journal, &model, &whole_year());
        eprintln!(
            "after an edit of day {index}: {} generations",
            after.generations
        );
        assert!(after.generations <= 3, "{}", after.generations);
        assert!(after.generations > 0);
    }
    let december = Span::month(date(2026, 12, 1));
    assert_eq!(
        sum_up(&mut journal, &model, &december).generations,
        0,
        "a month of the year is kept"
    );
    add(
        &mut journal,
        "2026-12-24 12:00",
        "A second entry on this day, about the goose.",
    );
    let more = sum_up(&mut journal, &model, &december);
    assert_eq!(
        more.generations, 3,
        "the day has two entries now, then its week and its month"
    );
}

#[test]
fn every_citation_of_every_level_stands_in_its_entry() {
    let (mut journal, _dir) = journal();
    year(&mut journal);
    let model = faithful();
    let spans = [
        Span::week(date(2026, 4, 1)),
        Span::month(date(2026, 2, 10)),
        Span::days(date(2026, 3, 3), date(2026, 5, 20)).unwrap(),
        Span::days(date(2026, 6, 1), date(2026, 6, 1)).unwrap(),
        whole_year(),
    ];
    let mut cited = 0;
    for span in spans {
        let digest = sum_up(&mut journal, &model, &span);
        assert!(!digest.sentences.is_empty(), "{span:?}");
        for citation in digest.sentences.iter().flat_map(|s| &s.citations) {
            let entry = journal.get(citation.entry).unwrap();
            assert_eq!(&entry.text[citation.start..citation.end], citation.quote);
            assert!((span.from..=span.to).contains(&entry.when.date()));
            cited += 1;
        }
    }
    eprintln!("{cited} citations of 5 spans, all of them in their entries");
    assert!(cited >= 15);
}

#[test]
fn forged_and_unsupported_sentences_are_dropped_one_by_one() {
    let (mut journal, _dir) = journal();
    let one = add(
        &mut journal,
        "2026-03-02 20:00",
        "I mended the red boat with Nadia until it got dark.",
    )
    .id;
    let two = add(
        &mut journal,
        "2026-03-03 20:00",
        "Waited for the ferry in the rain, 40 minutes.",
    )
    .id;
    let said = serde_json::json!({"sentences": [
        {"text": "You mended the red boat with Nadia.", "cites": [{"entry": one.0, "quote": "mended the red boat with Nadia"}]},
        {"text": "You sold the boat.", "cites": [{"entry": one.0, "quote": "sold the red boat"}]},
        {"text": "You waited in the rain.", "cites": [{"entry": one.0, "quote": "Waited for the ferry in the rain"}]},
        {"text": "You waited 90 minutes for the ferry.", "cites": [{"entry": two.0, "quote": "Waited for the ferry in the rain"}]},
        {"text": "You met Boris at the ferry.", "cites": [{"entry": two.0, "quote": "Waited for the ferry"}]},
        {"text": "You should wait for the ferry indoors.", "cites": [{"entry": two.0, "quote": "Waited for the ferry"}]},
        {"text": "Markets fell.", "cites": [{"entry": two.0, "quote": "Waited for the ferry"}]},
        {"text": "You waited.", "cites": [{"entry": 999, "quote": "Waited for the ferry"}]},
        {"text": "The boat.", "cites": [{"entry": one.0, "quote": "the"}]}
    ]});
    let model = Scripted::new(move |_, _| said.to_string());
    let digest = sum_up(&mut journal, &model, &Span::week(date(2026, 3, 2)));
    let texts: Vec<&str> = digest.sentences.iter().map(|s| s.text.as_str()).collect();
    assert_eq!(texts, ["You mended the red boat with Nadia."]);
    let c = digest.checked;
    eprintln!("{c:?} of 9");
    assert_eq!((c.kept, c.forged, c.style, c.unsupported), (1, 4, 1, 3));
}

#[test]
fn an_empty_or_broken_summary_counts_as_a_failure_and_becomes_quotes() {
    let bad = [
        "",
        r#"{"sentences": []}"#,
        r#"{"sentences": [{"text": "", "cites": [{"entry": 1, "quote": "mended the red boat"}]}]}"#,
        r#"{"sentences": [{"text": "Lovely.", "cites": []}]}"#,
        r#"{"sentences": "none"}"#,
        "I cannot do that.",
        "FAIL",
    ];
    for said in bad {
        let (mut journal, _dir) = journal();
        let text = "I mended the red boat with Nadia until it got dark.";
        add(&mut journal, "2026-03-02 20:00", text);
        add(
            &mut journal,
            "2026-03-04 20:00",
            "Rain on the roof of the boat shed all day long.",
        );
        let model = Scripted::new(move |_, _| said.to_owned());
        let digest = sum_up(&mut journal, &model, &Span::week(date(2026, 3, 2)));
        assert_eq!(
            (digest.failed, digest.tier),
            (1, Some(Tier::Instant)),
            "{said}"
        );
        assert!(
            !digest.sentences.is_empty() && !digest.notes.is_empty(),
            "{said}"
        );
        assert!(
            digest
                .sentences
                .iter()
                .all(|s| s.citations.len() == 1 && !s.text.is_empty())
        );
        assert_eq!(digest.made_by, None);
    }
}

#[test]
fn what_failed_is_not_kept_and_is_tried_again() {
    for said in ["FAIL", r#"{"sentences": []}"#] {
        let (mut journal, _dir) = journal();
        for day in [2, 4, 12, 14] {
            let when = format!("2026-03-{day:02} 20:00");
            add(&mut journal, &when, &text(day));
        }
        let march = Span::month(date(2026, 3, 2));
        // The first week fails; the month is made of what its entries say.
        let calls = Mutex::new(0);
        let good = faithful();
        let model = Scripted::new(move |chat, bounds| {
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            match *calls {
                1 => said.to_owned(),
                _ => good.say(chat, bounds),
            }
        });
        let first = sum_up(&mut journal, &model, &march);
        assert_eq!((first.failed, first.generations), (1, 3), "{said}");
        let again = sum_up(&mut journal, &model, &march);
        assert_eq!(
            (again.failed, again.generations, again.tier),
            (0, 2, Some(Tier::Language)),
            "{said}: the week and its month; the other week was kept"
        );
        assert_eq!(sum_up(&mut journal, &model, &march).generations, 0);
    }
}

#[test]
fn what_was_not_read_is_said_of_kept_summaries_and_of_those_above_them() {
    let (mut journal, _dir) = journal();
    let long = add(&mut journal, "2026-03-02 20:00", &text(2).repeat(600));
    add(&mut journal, "2026-03-04 20:00", &text(4));
    add(&mut journal, "2026-03-12 20:00", &text(12));
    add(&mut journal, "2026-03-13 20:00", &text(13));
    let model = faithful().context(1200);
    let week = Span::week(date(2026, 3, 2));
    let first = sum_up(&mut journal, &model, &week);
    assert!(first.truncated && !first.dropped_spans.is_empty());
    for (entry, span) in &first.dropped_spans {
        assert_eq!(*entry, long.id);
        assert!(long.text.get(span.clone()).is_some_and(|t| !t.is_empty()));
    }
    for span in [week, Span::month(date(2026, 3, 2))] {
        let new = sum_up(&mut journal, &model, &span);
        let kept = sum_up(&mut journal, &model, &span);
        assert_eq!(kept.generations, 0);
        for digest in [new, kept] {
            assert!(digest.truncated);
            assert_eq!(digest.dropped_spans, first.dropped_spans);
        }
    }
}

/// A model whose sentences are longer than what they are about: summing up again never makes it fit.
fn verbose() -> Scripted {
    Scripted::new(|chat, _| {
        let shown = last(chat);
        let id = shown.split("entry id=\"").nth(1);
        let id = id.or_else(|| shown.split("note entry=\"").nth(1)).unwrap();
        let id: i64 = id.split('"').next().unwrap().parse().unwrap();
        let quote = "carried stones out of the lower field";
        let sentences: Vec<_> = (1..=8)
            .map(|n| {
                let more = " and stones".repeat(n);
                serde_json::json!({
                    "text": format!("You {quote}{more}."),
                    "cites": [{"entry": id, "quote": quote}]
                })
            })
            .collect();
        serde_json::json!({ "sentences": sentences }).to_string()
    })
}

#[test]
fn notes_that_never_fit_are_left_out_and_named_by_what_they_quote() {
    let (mut journal, _dir) = journal();
    for hour in 10..14 {
        // Day 7 carries stones.
        add(
            &mut journal,
            &format!("2026-03-02 {hour}:00"),
            &text(7).repeat(9),
        );
    }
    let model = verbose().context(1200);
    let digest = sum_up(
        &mut journal,
        &model,
        &Span::days(date(2026, 3, 2), date(2026, 3, 2)).unwrap(),
    );
    assert_eq!((digest.tier, digest.failed), (Some(Tier::Language), 0));
    assert!(digest.truncated && !digest.dropped_spans.is_empty());
    for (entry, span) in &digest.dropped_spans {
        let text = journal.get(*entry).unwrap().text;
        assert_eq!(&text[span.clone()], "carried stones out of the lower field");
    }
}

#[test]
fn days_that_do_not_fit_are_summed_up_in_groups_and_said() {
    let (mut journal, _dir) = journal();
    for day in 2..=8 {
        add(
            &mut journal,
            &format!("2026-03-0{day} 20:00"),
            &text(day).repeat(60),
        );
    }
    let model = faithful().context(2048);
    let digest = sum_up(&mut journal, &model, &Span::week(date(2026, 3, 2)));
    assert!(digest.generations > 2, "{}", digest.generations);
    assert!(!digest.sentences.is_empty());
    assert_eq!((digest.truncated, digest.failed), (false, 0));
}

#[test]
fn nothing_is_written_about_days_without_entries_and_stopping_keeps_nothing() {
    let (mut journal, _dir) = journal();
    let model = faithful();
    let empty = sum_up(&mut journal, &model, &Span::week(date(2026, 3, 2)));
    assert_eq!(
        (empty.sentences.len(), empty.tier, model.calls()),
        (0, None, 0)
    );
    year(&mut journal);
    static STOP: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    let language = assistant::language::Language {
        stop: &STOP,
        ..with(&model)
    };
    let seen = Mutex::new(0);
    let now = at("2027-01-02 09:00");
    digest(
        &mut journal,
        &language,
        None,
        &whole_year(),
        &now,
        false,
        &mut |done| {
            *seen.lock().unwrap() = done;
            STOP.store(done >= 4, std::sync::atomic::Ordering::Relaxed);
        },
    )
    .unwrap();
    assert_eq!(
        model.calls(),
        4,
        "after it is told to stop nothing is asked any more"
    );
    assert!(journal.all_written("year").unwrap().is_empty());
    assert!(
        journal.all_written("week").unwrap().len() >= 3,
        "what was done stays"
    );
}

#[derive(serde::Deserialize)]
struct Pair {
    sentence: String,
    quote: String,
    kind: String,
}

/// What likeness in meaning can tell: a sentence that has nothing to do with its quotation. What it cannot tell is a
/// contradiction, and the count says so.
#[test]
fn the_bar_of_support_is_where_it_was_measured() {
    let Some(models) = crate::common::real_models() else {
        return;
    };
    let int8 = models.join("minilm-int8");
    let encoder = crate::common::encoder(&if int8.is_dir() {
        int8
    } else {
        models.join("minilm")
    });
    let mut likeness: std::collections::BTreeMap<String, Vec<f32>> =
        std::collections::BTreeMap::new();
    for line in include_str!("../fixtures/supported.jsonl").lines() {
        let pair: Pair = serde_json::from_str(line).unwrap();
        let both = encoder.embed(&[&pair.sentence, &pair.quote]);
        let dot = both[0]
            .vector
            .iter()
            .zip(&both[1].vector)
            .map(|(a, b)| a * b)
            .sum();
        likeness.entry(pair.kind).or_default().push(dot);
    }
    let passed = |kind: &str, bar: f32| likeness[kind].iter().filter(|l| **l >= bar).count();
    for bar in [0.1_f32, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, LEAST_LIKENESS] {
        eprintln!(
            "bar {bar:.2}: {} of {} supported pass, {} of {} unrelated, {} of {} contradicted",
            passed("supported", bar),
            likeness["supported"].len(),
            passed("unrelated", bar),
            likeness["unrelated"].len(),
            passed("contradicted", bar),
            likeness["contradicted"].len()
        );
    }
    assert!(passed("supported", LEAST_LIKENESS) * 10 >= likeness["supported"].len() * 7);
    assert!(passed("unrelated", LEAST_LIKENESS) * 10 <= likeness["unrelated"].len());
}
