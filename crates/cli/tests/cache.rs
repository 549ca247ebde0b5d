//! `companion cache`, and the commands that it stands in front of, as a user runs them.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use serde_json::Value;
use support::{Sandbox, names, rows};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn check_judges_meaning_line_by_line_and_touches_no_journal() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    let input = "{\"a\":\"Summarise my week!\",\"b\":\"summarise my week\"}\n\
        {\"a\":\"I can sleep\",\"b\":\"I can't sleep\"}\n\
        nonsense\n\
        {\"a\":\"summarise this week\",\"b\":\"summarise last week\"}\n\
        {\"a\":\"how do I bake bread\",\"b\":\"the price of gold in 1923\"}\n\
        {\"a\":\"x\"}\n";
    let assert = sandbox
        .companion()
        .args(["cache", "check", "--jsonl", "-"])
        .write_stdin(input)
        .assert()
        .code(1)
        .stderr("");
    let rows = rows(&String::from_utf8(assert.get_output().stdout.clone()).unwrap());
    assert_eq!(rows.len(), 6);
    assert_eq!(
        (&rows[0]["served"], &rows[0]["refused_by"]),
        (&true.into(), &Value::Null)
    );
    assert_eq!(
        (&rows[1]["served"], &rows[1]["refused_by"]),
        (&false.into(), &"negation".into())
    );
    assert!(rows[1]["similarity"].as_f64().unwrap() > 0.7 && rows[1]["judge"].is_null());
    assert_eq!(
        (&rows[2]["line"], rows[2]["error"].is_string()),
        (&3.into(), true)
    );
    assert_eq!(rows[3]["refused_by"], "dates");
    assert_eq!(rows[4]["refused_by"], "similarity");
    assert_eq!(rows[5]["line"], 6);
    assert_eq!(names(&sandbox.home()), ["models"], "no journal was made");
}

#[test]
fn a_summary_is_kept_until_one_of_its_entries_is_edited() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    sandbox.ok(&[
        "new",
        "2026-11-24 20:00: By the river with Ana, and glad of it.",
    ]);
    sandbox.ok(&["new", "2026-11-25 20:00: Rain all day, and the roof leaks."]);
    let sum_up = [
        "summary",
        "--from",
        "2026-11-23",
        "--to",
        "2026-11-29",
        "--json",
    ];
    let hits = || {
        json(&sandbox.ok(&["cache", "stats", "--json"]))["exact"]
            .as_u64()
            .unwrap()
    };
    let first = json(&sandbox.ok(&sum_up));
    assert_eq!(hits(), 0);
    let again = json(&sandbox.ok(&sum_up));
    assert_eq!(hits(), 1);
    assert_eq!(first["lines"], again["lines"], "kept as it was made");
    sandbox.ok(&[
        "summary",
        "--from",
        "2026-11-23",
        "--to",
        "2026-11-29",
        "--no-cache",
    ]);
    assert_eq!(hits(), 1);
    let kept = json(&sandbox.ok(&["cache", "list", "--json"]));
    assert_eq!(kept.as_array().unwrap().len(), 1);
    let id = kept[0]["id"].to_string();
    assert!(
        sandbox
            .ok(&["cache", "show", &id])
            .contains("from entry 1, version 1")
    );
    sandbox.ok(&["edit", "1", "By the sea with Ana, and glad of it."]);
    assert_eq!(
        json(&sandbox.ok(&["cache", "list", "--json"])),
        Value::Array(Vec::new())
    );
    let new = sandbox.ok(&sum_up);
    assert!(new.contains("sea") && !new.contains("river"));
    assert_eq!(hits(), 1);
    sandbox.ok(&["cache", "clear", "--counts"]);
    assert_eq!(hits(), 0);
}

#[test]
fn a_wish_gets_another_question_each_time_and_explain_tells_why() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    sandbox.ok(&["new", "--no-analysis", "A walk."]);
    let phrasings =
        || json(&sandbox.ok(&["cache", "stats", "--json"]))["shipped_phrasings"].clone();
    sandbox.ok(&["prompt", "give me a gratitude prompt", "--no-cache"]);
    assert_eq!(phrasings(), 0, "nothing is embedded for nobody");
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(
            json(&sandbox.ok(&["prompt", "give me a gratitude prompt", "--json"]))["id"]
                .to_string(),
        );
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 4);
    let stats = json(&sandbox.ok(&["cache", "stats", "--json"]));
    assert_eq!(stats["shipped"], 4);
    let explained = json(&sandbox.ok(&[
        "cache",
        "explain",
        "don't give me a gratitude prompt",
        "--json",
    ]));
    let first = &explained["candidates"][0];
    assert_eq!(first["refused_by"], "negation");
    assert!(first["similarity"].as_f64().unwrap() > 0.7);
    assert!(
        sandbox
            .ok(&["cache", "warm"])
            .contains("phrasings of common prompts are ready")
    );
    sandbox.fails(2, &["cache", "explain", " "]);
    let missing = sandbox.fails(3, &["cache", "wrong", "99999"]);
    assert!(missing.contains("no answer 99999 is kept"), "{missing}");
}

#[test]
fn the_settings_of_the_cache_are_settings_like_others() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["config", "set", "cache.ttl_minutes", "5"]);
    sandbox.ok(&["config", "set", "cache.similarity", "0.9"]);
    assert_eq!(
        sandbox.ok(&["config", "get", "cache.ttl_minutes"]).trim(),
        "5"
    );
    let file = std::fs::read_to_string(sandbox.home().join("config.toml")).unwrap();
    assert!(
        file.contains("[cache]") && file.contains("ttl_minutes = 5"),
        "{file}"
    );
    for (key, value) in [
        ("similarity", "7"),
        ("audit_share", "1.5"),
        ("max_mb", "1e9"),
    ] {
        let said = sandbox.fails(1, &["config", "set", &format!("cache.{key}"), value]);
        assert!(said.contains("does not lie between 0 and"), "{said}");
    }
    sandbox.ok(&["config", "get", "cache.similarity"]);
    sandbox.ok(&["config", "unset", "cache.ttl_minutes"]);
    assert_eq!(
        sandbox.ok(&["config", "get", "cache.ttl_minutes"]).trim(),
        "60"
    );
}

#[test]
fn an_answer_is_kept_until_any_entry_changes_and_a_fresh_one_can_be_asked_for() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    sandbox.ok(&[
        "new",
        "2026-11-24 20:00: By the river with Ana, and glad of the heron we saw.",
    ]);
    let ask = |more: &[&str]| {
        let mut args = vec!["ask", "what did I see by the river with Ana?", "--json"];
        args.extend(more);
        json(&sandbox.ok(&args))
    };
    let first = ask(&[]);
    assert_eq!(
        (&first["found"], &first["kept"]),
        (&true.into(), &Value::Null)
    );
    let again = ask(&[]);
    assert_eq!(again["kept"]["how"], "exact");
    assert_eq!(first["answer"], again["answer"]);
    assert_eq!(first["citations"], again["citations"]);
    for anew in ["--no-cache", "--refresh"] {
        assert_eq!(ask(&[anew])["kept"], Value::Null, "{anew}");
    }
    assert_eq!(
        ask(&["--from", "2026-01-01"])["kept"],
        Value::Null,
        "other entries"
    );
    sandbox.ok(&["new", "2026-11-25 20:00: Rain all day, and the roof leaks."]);
    assert_eq!(ask(&[])["kept"], Value::Null, "another journal");
    assert_eq!(ask(&[])["kept"]["how"], "exact");
    sandbox.ok(&["rm", "2"]);
    assert_eq!(ask(&[])["kept"], Value::Null, "an entry less");
    let id = ask(&[])["kept"]["id"].to_string();
    assert!(
        sandbox
            .ok(&["cache", "show", &id])
            .contains("from entry 1, version 1")
    );
    sandbox.ok(&[
        "edit",
        "1",
        "By the sea with Ana, and glad of the seal we saw.",
    ]);
    let gone = json(&sandbox.ok(&["cache", "list", "--json"]));
    assert_eq!(gone, Value::Array(Vec::new()), "it dies with its source");
}

#[test]
fn a_reflection_serves_the_same_words_only_and_goes_with_the_thread() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    sandbox.ok(&[
        "new",
        "2026-11-24 20:00: I shouted at Ana over nothing, and I am sorry.",
    ]);
    let first = json(&sandbox.ok(&["reflect", "1", "--json"]));
    let kept = || json(&sandbox.ok(&["cache", "list", "--json"]));
    assert_eq!(kept()[0]["task"], "reflection");
    let exact = || json(&sandbox.ok(&["cache", "stats", "--json"]))["exact"].clone();
    // What was said since is another thread, and so is another word.
    sandbox.ok(&["reflect", "1", "--json"]);
    assert_eq!(exact(), 0);
    sandbox.ok(&["reflect", "1", "--forget"]);
    assert_eq!(kept(), Value::Array(Vec::new()), "nothing of it is left");
    assert!(first["text"].is_string());
}

#[test]
fn an_audit_works_hits_out_anew_and_keeps_the_rate() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    sandbox.ok(&["new", "2026-11-24 20:00: A quiet day by the river."]);
    let report = json(&sandbox.ok(&["cache", "audit", "--share", "1", "--json"]));
    assert_eq!(
        (&report["open"], &report["checked"]),
        (&0.into(), &0.into())
    );
    assert_eq!(report["tier"]["on"], true);
    assert_eq!(report["only_people_can_judge"], 0);
    sandbox
        .companion()
        .args(["cache", "audit", "--share", "2"])
        .assert()
        .code(2);
}

#[test]
fn a_wish_that_was_kept_in_another_mood_is_another_request() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    let wish = ["prompt", "ask me about the neighbour's greenhouse"];
    let write = |text: &str| sandbox.ok(&["new", text]);
    let missed = || json(&sandbox.ok(&["cache", "stats", "--json"]))["missed"].clone();
    write("today 8:00: I am sad and hopeless, everything went wrong and I cried all day.");
    sandbox.ok(&wish);
    assert_eq!(missed(), 1);
    sandbox.ok(&wish);
    assert_eq!(missed(), 1, "one of the questions that were kept with it");
    // Good news enough to turn the mean.
    for hour in [9, 10, 11] {
        write(&format!(
            "today {hour}:00: I am so happy and grateful, what a wonderful and joyful day with my friends!"
        ));
    }
    sandbox.ok(&wish);
    assert_eq!(missed(), 2, "the mood is another one");
}

#[test]
fn a_correction_makes_what_was_answered_with_the_old_reading_go() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    sandbox.ok(&[
        "new",
        "2026-11-24 20:00: So happy by the river with Ana, and glad of it.",
    ]);
    let sum_up = [
        "summary",
        "--from",
        "2026-11-23",
        "--to",
        "2026-11-29",
        "--json",
    ];
    let asked = [
        "ask",
        "what did I do by the river?",
        "--mood",
        "negative",
        "--json",
    ];
    let first = json(&sandbox.ok(&sum_up));
    let none = json(&sandbox.ok(&asked));
    assert_eq!(none["found"], false, "the entry is a glad one");
    sandbox.ok(&["fix", "1", "--sentiment", "negative"]);
    let kept = json(&sandbox.ok(&["cache", "list", "--json"]));
    let requests: Vec<&str> = kept
        .as_array()
        .unwrap()
        .iter()
        .map(|k| k["task"].as_str().unwrap())
        .collect();
    assert!(
        !requests.contains(&"summary"),
        "it went in the same moment: {requests:?}"
    );
    let second = json(&sandbox.ok(&sum_up));
    assert_ne!(first, second);
    let found = json(&sandbox.ok(&asked));
    assert_eq!(found["found"], true, "the filter finds it now");
}
