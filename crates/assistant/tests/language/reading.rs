use assistant::language::extract::{self, Kind};
use assistant::language::prompts::{self, Prompts};
use assistant::language::read::{self, Verdict};
use assistant::language::{Language, Tier};
use journal::{Analysis, EntryEdit, Filter, Sentiment, ThemeScore};

use crate::common::{add, journal};
use crate::scripted::{Scripted, last, with};

const ENTRY: &str = "Walked to the harbour with Nadia after work, the wind so strong that we gave up talking. She told me \
    about the house in Porto that they want to buy, and I said nothing about mine. I promised her to look at the contract on \
    Sunday. Home late, soup, a bad conscience about Dad, whom I have not called since the second of March.";

/// Says something right about [`ENTRY`].
fn good() -> Scripted {
    Scripted::new(|chat, _| {
        if last(chat).ends_with("Summary, as JSON:") {
            r#"{"summary": "A windy walk to the harbour with Nadia ended in a bad conscience about Dad."}"#.into()
        } else {
            r#"{"people": ["Nadia", "Dad"], "places": ["Porto"], "commitments": ["I promised her to look at the contract on Sunday"]}"#
                .into()
        }
    })
    .labels(|_, labels| {
        let mut p = vec![0.02 / (labels.len() - 1) as f32; labels.len()];
        p[if labels.len() == 3 { 2 } else { 3 }] = 0.98;
        p
    })
}

fn heads(sentiment: Sentiment, confidence: f32, unsure: bool) -> Analysis {
    serde_json::from_value(serde_json::json!({
        "sentiment": sentiment, "confidence": confidence, "valence": 0.1, "mixed": false, "unsure": unsure,
        "themes": [{"name": "work", "probability": 0.52}], "evidence": [], "tier": "instant", "model": "m",
        "truncated": false
    }))
    .unwrap()
}

#[test]
fn one_entry_is_read_once_for_four_answers() {
    let (mut journal, _dir) = journal();
    let text = [ENTRY; 4].join(" ");
    let entry = add(&mut journal, "2026-03-05 21:00", &text);
    let model = good();
    let reading = read::read(&mut journal, Some(&with(&model)), None, &entry, false).unwrap();
    assert_eq!((reading.usage.calls, reading.parts), (4, 1));
    // A single call reads all of its prompt.
    let single = model.calls_tokens(0);
    let ratio = reading.usage.prompt as f64 / single as f64;
    eprintln!(
        "prompt tokens evaluated: {} for four answers, {single} for one: {ratio:.3} x",
        reading.usage.prompt
    );
    assert!(ratio <= 1.15, "{ratio}");
}

#[test]
fn what_is_mentioned_stands_in_the_entry_and_what_is_forged_is_dropped() {
    let (mut journal, _dir) = journal();
    let entry = add(&mut journal, "2026-03-05 21:00", ENTRY);
    let forged = Scripted::new(|chat, _| {
        if last(chat).ends_with("Summary, as JSON:") {
            r#"{"summary": "Walked to the harbour with Nadia."}"#.into()
        } else {
            r#"{"people": ["Nadia", "Anna", "Nad"], "places": ["Lisbon", "Porto", "", "and"],
                "commitments": ["I will marry her in June", "look at the contract", "on"]}"#
                .into()
        }
    });
    let reading = read::read(&mut journal, Some(&with(&forged)), None, &entry, false).unwrap();
    for mention in &reading.mentions {
        assert_eq!(&entry.text[mention.start..mention.end], mention.quote);
    }
    let by_model: Vec<&str> = reading
        .mentions
        .iter()
        .filter(|m| m.tier == Tier::Language && m.kind != Kind::Commitment)
        .map(|m| m.quote.as_str())
        .collect();
    assert_eq!(by_model, ["Nadia", "Porto"]);
    assert_eq!(reading.forged, 7);
    let promised = extract::promised(&journal, &Filter::default(), None).unwrap();
    assert_eq!(promised.len(), 1, "the rule's and the model's are one");
    assert!(promised[0].sentence.starts_with("I promised her"));
    let places = |maker| extract::known(&journal, &Filter::default(), Kind::Place, maker).unwrap();
    let made_by = reading.made_by.as_deref();
    for maker in [None, made_by] {
        assert_eq!(places(maker)[0].name, "Porto");
        assert_eq!(places(maker)[0].mentions[0].made_by.as_deref(), made_by);
    }
    let other = Some("another@1+read-1-000000000000");
    assert_eq!(places(other), [], "what another maker read is not shown");
    let promised = extract::promised(&journal, &Filter::default(), other).unwrap();
    assert_eq!(
        (promised[0].mention.tier, promised[0].made_by.as_deref()),
        (Tier::Instant, None)
    );
}

#[test]
fn a_reading_is_kept_until_the_entry_or_the_prompt_file_changes() {
    let (mut journal, _dir) = journal();
    let entry = add(&mut journal, "2026-03-05 21:00", ENTRY);
    let model = good();
    let first = read::read(&mut journal, Some(&with(&model)), None, &entry, false).unwrap();
    let again = read::read(&mut journal, Some(&with(&model)), None, &entry, false).unwrap();
    assert_eq!((&first, model.calls()), (&again, 4));
    let ask = prompts::shipped_text("ask")
        .unwrap()
        .replace("journal", "diary");
    let own = prompts::shipped_text("read")
        .unwrap()
        .replace("25 words", "20 words");
    for (task, text, calls) in [("ask", &ask, 4), ("read", &own, 8)] {
        let prompts = Prompts::with_own([(task, text.as_str(), "own.toml")]).unwrap();
        let language = Language {
            prompts: &prompts,
            ..with(&model)
        };
        read::read(&mut journal, Some(&language), None, &entry, false).unwrap();
        assert_eq!(model.calls(), calls, "a changed {task}");
    }
    let entry = journal
        .edit(entry.id, EntryEdit::text("Another day."))
        .unwrap();
    read::read(&mut journal, Some(&with(&model)), None, &entry, false).unwrap();
    assert_eq!(model.calls(), 12);
}

#[test]
fn an_answer_of_no_use_leaves_the_instant_tiers_and_says_why() {
    let (mut journal, _dir) = journal();
    let entry = add(&mut journal, "2026-03-05 21:00", ENTRY);
    let answers = [
        "",
        "   ",
        "Sure! Here is the summary you wanted.",
        r#"{"summary": ""}"#,
        r#"{"summary": " \n "}"#,
        r#"{"summary": "She flew to Tokyo."}"#,
        r#"{"summary": "You should call your father and rest."}"#,
        r#"{"summary": "A walk", "admin": true}"#,
        r#"{"summary": ["A walk to the harbour"]}"#,
        r#"{"summary": "A walk to the harbour"#,
        "FAIL",
    ];
    for answer in answers {
        let model = Scripted::new(move |_, _| answer.to_owned()).labels(|_, _| vec![f32::NAN]);
        let reading = read::read(&mut journal, Some(&with(&model)), None, &entry, true).unwrap();
        let summary = reading.summary.unwrap();
        assert_eq!(summary.tier, Tier::Instant, "{answer}");
        assert!(entry.text.contains(&summary.text), "{answer}");
        assert_eq!(
            (reading.feeling, reading.tier),
            (None, Tier::Instant),
            "{answer}"
        );
        assert!(reading.notes.len() >= 2, "{answer}: {:?}", reading.notes);
        let told = reading.notes.join(" ");
        assert!(
            !told.contains("harbour") && !told.contains("Tokyo"),
            "notes hold no words: {told}"
        );
    }
}

#[test]
fn the_model_overrules_the_heads_only_where_they_waver() {
    let (mut journal, _dir) = journal();
    let entry = add(&mut journal, "2026-03-05 21:00", ENTRY);
    let reading = read::read(&mut journal, Some(&with(&good())), None, &entry, false).unwrap();
    let cases = [
        (
            heads(Sentiment::Negative, 0.9, false),
            Verdict::Agrees,
            Sentiment::Negative,
        ),
        (
            heads(Sentiment::Positive, 0.9, false),
            Verdict::Overruled,
            Sentiment::Positive,
        ),
        (
            heads(Sentiment::Positive, 0.5, false),
            Verdict::Overrules,
            Sentiment::Negative,
        ),
        (
            heads(Sentiment::Neutral, 0.6, true),
            Verdict::Overrules,
            Sentiment::Negative,
        ),
    ];
    for (heads, verdict, holds) in cases {
        assert_eq!(reading.verdict(&heads), Some(verdict));
        let over = reading.over(&heads);
        assert_eq!(over.sentiment, holds);
        assert_eq!(over.valence < 0.0, verdict == Verdict::Overrules);
        let names: Vec<&str> = over.themes.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(
            names,
            ["friends"],
            "work was hardly likely and the model does not see it"
        );
    }
}

#[test]
fn the_labels_alone_hold_by_the_same_rule() {
    let (mut journal, _dir) = journal();
    let entry = add(&mut journal, "2026-03-05 21:00", ENTRY);
    let model = good();
    let reading = read::read(&mut journal, Some(&with(&model)), None, &entry, false).unwrap();
    let labels = read::labels(&with(&model), &entry).unwrap();
    for heads in [
        heads(Sentiment::Negative, 0.9, false),
        heads(Sentiment::Positive, 0.9, false),
        heads(Sentiment::Positive, 0.5, false),
        heads(Sentiment::Neutral, 0.6, true),
    ] {
        let (alone, whole) = (labels.over(&heads), reading.over(&heads));
        assert_eq!(alone.sentiment, whole.sentiment);
        assert_eq!((alone.tier, alone.valence), (whole.tier, whole.valence));
        let names = |themes: Vec<ThemeScore>| themes.into_iter().map(|t| t.name);
        assert!(names(alone.themes).eq(names(whole.themes)));
    }
}

#[test]
fn what_is_read_of_an_entry_begins_alike_whatever_its_id() {
    let (mut journal, _dir) = journal();
    let model = good();
    for text in ["Something else.", ENTRY] {
        let entry = add(&mut journal, "2026-03-05 21:00", text);
        read::labels(&with(&model), &entry).unwrap();
    }
    let asked = model.asked.lock().unwrap();
    let (first, second) = (last(&asked[0]), last(&asked[2]));
    let before = |chat: &str, text: &str| chat[..chat.find(text).unwrap()].to_owned();
    assert_eq!(before(first, "Something else."), before(second, "Walked"));
}

#[test]
fn a_long_entry_is_read_in_parts_and_needles_at_both_ends_are_found() {
    let (mut journal, _dir) = journal();
    let hay = "The path went on between the hedges and nothing in particular happened on it. ";
    let text = format!(
        "I promised Ottilie the blue boat. {}And I must return the key to Wenzel tomorrow.",
        hay.repeat(10_000 / 14)
    );
    let entry = add(&mut journal, "2026-03-05 21:00", &text);
    let model = Scripted::new(|chat, _| {
        let text = last(chat);
        if text.ends_with("Summary, as JSON:") {
            return r#"{"summary": "The path went on between the hedges."}"#.into();
        }
        let needle = |n: &'static str| {
            if text.contains(n) {
                format!("{n:?}")
            } else {
                String::new()
            }
        };
        format!(
            r#"{{"people": [{}{}], "places": [], "commitments": []}}"#,
            needle("Ottilie"),
            needle("Wenzel")
        )
    })
    .context(2048);
    let reading = read::read(&mut journal, Some(&with(&model)), None, &entry, false).unwrap();
    assert!(reading.parts > 5, "{}", reading.parts);
    assert!(!reading.truncated && reading.dropped_spans.is_empty());
    let people: Vec<&str> = (reading.mentions.iter())
        .filter(|m| m.kind == Kind::Person)
        .map(|m| m.quote.as_str())
        .collect();
    assert_eq!(people, ["Ottilie", "Wenzel"]);
}

#[test]
fn what_cannot_be_read_is_said_and_the_ends_are_kept() {
    let (mut journal, _dir) = journal();
    let text = format!(
        "First word. {}Last word.",
        "Filling sentence number one. ".repeat(20_000)
    );
    let entry = add(&mut journal, "2026-03-05 21:00", &text);
    let model = good().context(1024);
    let reading = read::read(&mut journal, Some(&with(&model)), None, &entry, false).unwrap();
    assert!(reading.truncated && !reading.dropped_spans.is_empty());
    for pair in reading.dropped_spans.windows(2) {
        assert!(pair[0].end < pair[1].start, "{pair:?}");
    }
    let told = model.told();
    assert!(told.contains("First word") && told.contains("Last word"));
}

#[test]
fn without_a_model_the_instant_tier_answers_and_says_so() {
    let (mut journal, _dir) = journal();
    let entry = add(&mut journal, "2026-03-05 21:00", ENTRY);
    let reading = read::read(&mut journal, None, None, &entry, false).unwrap();
    assert_eq!((reading.tier, reading.usage.calls), (Tier::Instant, 0));
    assert!(entry.text.starts_with(&reading.summary.unwrap().text));
    assert_eq!(reading.mentions.len(), 1);
}
