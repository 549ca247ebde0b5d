//! The language tier's commands where no language model is configured: the instant tier answers, and says so.

use serde_json::Value;

use crate::person::Person;

fn written() -> Person {
    let person = Person::new();
    for (day, text) in [
        (
            "2131-03-05",
            "Nadia gave me the key to the boat shed. I promised her to mend the roof.",
        ),
        (
            "2131-03-06",
            "Rain all day. I need to call Dad about the roof.",
        ),
        (
            "2131-03-07",
            "Walked to the harbour with Nadia, and we said little.",
        ),
    ] {
        person
            .run(&["new", "--no-analysis", "--date", day, text])
            .ok();
    }
    person
}

#[test]
fn ask_answers_in_quotes_or_says_that_it_finds_nothing() {
    let person = written();
    let answer = person
        .run(&["ask", "--json", "who gave me the key to the boat shed?"])
        .json();
    assert_eq!(
        (&answer["found"], &answer["tier"]),
        (&true.into(), &"instant".into())
    );
    let citation = &answer["citations"][0];
    assert_eq!(citation["entry"], 1);
    assert_eq!(citation["source_id"], Value::Null);
    assert_eq!(citation["quote"], "Nadia gave me the key to the boat shed.");
    let nothing = person
        .run(&["ask", "--json", "what did the accountant find?"])
        .json();
    assert_eq!(nothing["answer"], "I find nothing about that.");
    assert_eq!(
        (
            &nothing["found"],
            nothing["citations"].as_array().unwrap().len()
        ),
        (&false.into(), 0)
    );
    assert!(
        person
            .run(&["ask", "the key to the boat shed?"])
            .ok()
            .contains("entry 1")
    );
    person.run(&["ask", " "]).fails(2);
}

#[test]
fn reflect_asks_keeps_the_thread_and_never_touches_the_entry() {
    let person = written();
    let before = person.run(&["show", "1", "--json"]).ok();
    let reply = person.run(&["reflect", "1"]).ok();
    assert!(reply.contains('?'), "{reply}");
    let reply = person
        .run(&["reflect", "1", "--json", "It", "was", "cold."])
        .json();
    assert_eq!(reply["tier"], "instant");
    let thread = person.run(&["reflect", "1", "--thread", "--json"]).json();
    let speakers: Vec<&str> = thread
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["speaker"].as_str().unwrap())
        .collect();
    assert_eq!(speakers, ["companion", "writer", "companion"]);
    assert_eq!(thread[1]["text"], "It was cold.");
    assert!(
        person
            .run(&["reflect", "1", "--thread"])
            .ok()
            .contains("It was cold.")
    );
    assert_eq!(person.run(&["show", "1", "--json"]).ok(), before);
    person.run(&["reflect", "1", "--forget"]).ok();
    assert_eq!(
        person.run(&["reflect", "1", "--thread", "--json"]).json(),
        Value::Array(vec![])
    );
    person.run(&["reflect", "99"]).fails(3);
}

#[test]
fn people_and_promises_lead_to_their_sentences() {
    let person = written();
    let people = person.run(&["people", "--json"]).json();
    assert_eq!(people[0]["name"], "Nadia");
    assert_eq!(people[0]["mentions"].as_array().unwrap().len(), 2);
    let promises = person.run(&["promises", "--json"]).json();
    let sentences: Vec<&str> = promises
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["sentence"].as_str().unwrap())
        .collect();
    assert_eq!(
        sentences,
        [
            "I need to call Dad about the roof.",
            "I promised her to mend the roof."
        ]
    );
    assert!(person.run(&["promises"]).ok().contains("entry 1"));
}

#[test]
fn a_summary_says_which_tier_it_is_from_and_knows_years() {
    let person = written();
    let week = person
        .run(&["summary", "--json", "--week", "2131-03-05"])
        .json();
    assert_eq!(
        (&week["tier"], &week["written"]),
        (&"instant".into(), &Value::Null)
    );
    assert_eq!(week["entries"], 3);
    for year in [
        &["summary", "--json", "--year", "2131"],
        &["summary", "--json", "--year", "2131-03-05"],
    ] {
        let year = person.run(year).json();
        assert_eq!(
            (&year["entries"], &year["span"]["from"]),
            (&3.into(), &"2131-01-01".into())
        );
    }
}

#[test]
fn a_half_written_text_gets_a_question() {
    let person = written();
    let text = "The kitchen smelled of smoke and nobody would say why";
    let asked = person
        .pipe(&["prompt", "--continue", "--json"], text)
        .json();
    assert_eq!(asked["tier"], "instant");
    assert!(asked["text"].as_str().unwrap().ends_with('?'));
    let today = person.run(&["prompt", "--json"]).json();
    assert_eq!(
        (&today["tier"], today["id"].is_string()),
        (&"instant".into(), true)
    );
}

#[test]
fn a_model_that_is_not_there_and_a_broken_prompt_file_are_told_with_the_way_out() {
    let person = written();
    person
        .run(&["config", "set", "language.model", "qwen"])
        .ok();
    assert!(
        std::fs::read_to_string(person.home().join("config.toml"))
            .unwrap()
            .contains("[language]")
    );
    assert_eq!(
        person.run(&["config", "get", "language.model"]).ok().trim(),
        "qwen"
    );
    let told = person.run(&["ask", "the key to the boat shed?"]).fails(3);
    assert!(
        told.contains("qwen is not installed") && told.contains("config set language.model"),
        "{told}"
    );
    let tiny = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../data/models/companion-tiny"
    );
    person.run(&["model", "import", tiny]).ok();
    person
        .run(&["config", "set", "language.model", "companion-tiny"])
        .ok();
    std::fs::create_dir_all(person.home().join("prompts")).unwrap();
    std::fs::write(
        person.home().join("prompts/ask.toml"),
        "task = \"ask\"\nversion = 1\n",
    )
    .unwrap();
    let told = person.run(&["ask", "the key to the boat shed?"]).fails(2);
    assert!(
        told.contains("prompts/ask.toml") && told.contains("remove the file"),
        "{told}"
    );
    person.run(&["config", "unset", "language.model"]).ok();
    person.run(&["ask", "the key to the boat shed?"]).ok();
}
