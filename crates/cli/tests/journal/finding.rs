use crate::person::Person;

#[test]
fn search_json_is_an_array_of_hits_best_first() {
    let person = Person::with(&[
        "A quiet day. The lake was frozen. I went home.",
        "nothing of the kind",
    ]);
    let hits = person.run(&["search", "lake", "--json"]).json();
    assert_eq!(hits.as_array().unwrap().len(), 1);
    assert_eq!(hits[0]["id"], 1);
    assert_eq!(hits[0]["source_id"], serde_json::Value::Null);
    assert_eq!(hits[0]["date"], "2131-03-14T14:30:00+00:00");
    assert_eq!(hits[0]["snippet"], "The lake was frozen.");
    assert!(hits[0]["score"].is_f64());
    assert_eq!(person.run(&["search", "glacier", "--json"]).ok(), "[]\n");
}

#[test]
fn without_a_model_search_finds_words_and_says_so() {
    let person = Person::with(&["the lake"]);
    let run = person.run(&["search", "lake"]);
    assert_eq!(
        run.stderr,
        "searching words only: no model is installed yet (`companion model pull minilm`)\n"
    );
    assert!(
        run.stdout.starts_with("1  2131-03-14 14:30"),
        "{}",
        run.stdout
    );
    assert_eq!(
        person.run(&["search", "--meaning", "lake"]).fails(3),
        "companion: this needs a model, and none is installed; run `companion model pull minilm`\n"
    );
    assert_eq!(person.run(&["similar", "1"]).code, 3);
}

#[test]
fn composed_and_decomposed_letters_find_each_other() {
    let person = Person::with(&["Caf\u{e9} am Morgen", "cafe\u{301} am Abend"]);
    for query in ["caf\u{e9}", "cafe\u{301}", "CAFE"] {
        let hits = person.run(&["search", query, "--json"]).json();
        assert_eq!(hits.as_array().unwrap().len(), 2, "{query}");
    }
    for query in ["caf\u{e9}", "cafe\u{301}"] {
        let list = person.run(&["list", "--contains", query, "--json"]).json();
        assert_eq!(list.as_array().unwrap().len(), 2, "{query}");
    }
}

#[test]
fn filters_narrow_a_search() {
    let person = Person::with(&["yesterday: lake #a", "lake #b"]);
    let hits = person
        .run(&["search", "lake", "--tag", "b", "--json"])
        .json();
    assert_eq!(
        (hits.as_array().unwrap().len(), &hits[0]["id"]),
        (1, &2.into())
    );
}

#[test]
fn a_prompt_is_asked_without_a_model_and_does_not_come_twice() {
    let person = Person::with(&["A walk."]);
    let first = person.run(&["prompt", "--json"]).json();
    let second = person.run(&["prompt", "--json"]).json();
    assert!(first["text"].as_str().unwrap().len() > 10);
    assert_ne!(first["id"], second["id"]);
}

#[test]
fn a_prompt_makes_no_journal() {
    const NONE: &str =
        "there is no journal yet; `companion write` or `companion new \"…\"` begins one\n";
    let person = Person::new();
    let run = person.run(&["prompt", "--json"]);
    assert_eq!(run.stderr, NONE);
    let first = run.json();
    assert!(first["text"].as_str().unwrap().len() > 10);
    let again = person.run(&["prompt", "--json"]).json();
    assert_eq!(
        first["id"], again["id"],
        "nobody remembers that it was asked"
    );
    let other = person.run(&["prompt", "--another", "1", "--json"]).json();
    assert_ne!(first["id"], other["id"]);
    person.run(&["prompt", "ask me about my brother"]).ok();
    let on = person.pipe(
        &["prompt", "--continue"],
        "The kitchen smelled of smoke and",
    );
    assert_eq!(
        (on.code, on.stderr.as_str()),
        (0, format!("by the instant tier\n{NONE}").as_str())
    );
    assert_eq!(person.run(&["metrics"]).stderr, NONE);
    assert!(!person.home().exists());
}

#[test]
fn what_reads_a_journal_says_that_there_is_none_and_makes_none() {
    let person = Person::new();
    for args in [
        &["list"][..],
        &["search", "lake"],
        &["show", "1"],
        &["trends"],
        &["summary"],
        &["tags"],
        &["ask", "when?"],
        &["cache", "stats"],
    ] {
        let said = person.run(args).fails(3);
        assert!(
            said.contains("no journal in ") && said.contains("companion new"),
            "{args:?}: {said}"
        );
    }
    assert!(!person.home().exists());
}

#[test]
fn a_summary_quotes_its_entries_and_is_honest_about_few() {
    let person = Person::with(&[
        "yesterday: The lake was frozen.",
        "monday: Work went on and on.",
    ]);
    let summary = person.run(&["summary", "--week", "--json"]).json();
    assert_eq!(summary["entries"], 2);
    for line in summary["lines"].as_array().unwrap() {
        let id = u32::try_from(line["entry"].as_u64().unwrap()).unwrap();
        assert!(person.text(id).contains(line["quote"].as_str().unwrap()));
    }
    let text = person.run(&["summary", "--week"]).ok();
    assert!(
        text.starts_with("Week of 12 March to 18 March 2131  2 entries"),
        "{text}"
    );
    assert!(text.contains("“The lake was frozen.”"), "{text}");
    assert!(text.contains("too few entries"), "{text}");
}

#[test]
fn one_of_a_thing_is_not_told_as_many() {
    let person = Person::with(&["Snow."]);
    let text = person.run(&["summary"]).ok();
    assert_eq!(
        text.lines().next(),
        Some("Week of 12 March to 18 March 2131  1 entry, 1 word")
    );
    let kept = person.run(&["cache", "stats"]).ok();
    assert!(kept.contains("1 of 100 answers, "), "{kept}");
    person
        .run(&["config", "set", "cache.max_entries", "1"])
        .ok();
    let kept = person.run(&["cache", "stats"]).ok();
    assert!(kept.contains("1 of 1 answer, "), "{kept}");
}

#[test]
fn trends_of_few_entries_draw_no_conclusions() {
    let person = Person::with(&["one sleep:7", "two sleep:8"]);
    let text = person.run(&["trends"]).ok();
    assert!(text.contains("too few entries for a trend"), "{text}");
    let trends = person.run(&["trends", "--json"]).json();
    assert_eq!(
        (&trends["too_few"], &trends["entries"]),
        (&true.into(), &2.into())
    );
}

#[test]
fn trends_with_a_limit_are_those_of_the_latest_entries() {
    let person = Person::with(&[
        "yesterday: two sleep:6",
        "monday: one sleep:5",
        "three sleep:7",
    ]);
    let trends = person.run(&["trends", "--limit", "2", "--json"]).json();
    assert_eq!(trends["entries"], 2);
    let sleep = &trends["fields"][0];
    assert_eq!(
        (sleep["n"].as_u64(), sleep["min"].as_f64()),
        (Some(2), Some(6.0))
    );
    let text = person
        .run(&["trends", "-n", "1", "--on", "march 2131"])
        .ok();
    assert!(
        text.contains("1 entry") && text.contains("7 to 7"),
        "{text}"
    );
}

#[test]
fn a_span_the_wrong_way_round_is_refused() {
    let person = Person::with(&["one"]);
    assert_eq!(
        person
            .run(&["summary", "--from", "today", "--to", "yesterday"])
            .fails(2),
        "companion: the span ends on 2131-03-13, before it starts on 2131-03-14\n"
    );
    assert_eq!(
        person.run(&["summary", "--to", "yesterday"]).fails(2),
        "companion: --to needs --from: say where the span begins\n"
    );
}
