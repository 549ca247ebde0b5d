//! The language tier's commands where no language model is configured: the instant tier answers, and says so.

use std::path::Path;
use std::process::Command;

use assistant::language::prompts::Prompts;
use assistant::language::question;
use journal::{EntryId, Journal, Secret, Written};
use serde_json::Value;

use crate::person::{NOW, Person, finish};

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
fn every_command_says_on_stderr_which_tier_answered() {
    let person = written();
    for args in [
        &["ask", "who gave me the key to the boat shed?"][..],
        &["summary", "--week", "2131-03-05"],
        &["prompt"],
        &["people"],
        &["people", "--places"],
        &["promises"],
        &["reflect", "1"],
    ] {
        let run = person.run(args);
        assert_eq!(
            run.stderr.lines().last(),
            Some("by the instant tier"),
            "{args:?}: {run:#?}"
        );
        assert!(!run.stdout.contains("by the instant tier"), "{args:?}");
    }
    let text = "The kitchen smelled of smoke and nobody would say why";
    let run = person.pipe(&["prompt", "--continue"], text);
    assert_eq!(run.stderr.lines().last(), Some("by the instant tier"));
    let quiet = person.run(&["summary", "--week", "2131-03-05", "--quiet"]);
    assert!(!quiet.stderr.contains("by the"), "{quiet:#?}");
}

/// A question that companion-tiny worked out for the day of [`NOW`].
fn keep_a_question(person: &Person, question: &str) {
    let home = journal::Home::at(person.home());
    let mut journal = Journal::open(&home, &Secret::None).unwrap();
    let prompts = Prompts::shipped();
    let kept = serde_json::json!({
        "question": question, "entry": 1, "quote": "the key to the boat shed"
    });
    journal
        .save_written(&Written {
            task: question::TASK.to_owned(),
            subject: format!("{}/0", NOW.split('T').next().unwrap()),
            maker: format!("companion-tiny@1+{}", prompts.get("question").unwrap().id()),
            data: kept.to_string(),
            made: jiff::Timestamp::UNIX_EPOCH,
            sources: vec![(EntryId(1), 1)],
        })
        .unwrap();
}

#[test]
fn the_question_that_was_worked_out_for_today_is_asked_with_and_without_a_command() {
    let person = written();
    let asked = "What do you hope to find in the boat shed?";
    keep_a_question(&person, asked);
    for (key, value) in [("language.model", "companion-tiny"), ("editor", "true")] {
        person.run(&["config", "set", key, value]).ok();
    }
    let prompt = person.run(&["prompt"]);
    assert!(prompt.stdout.starts_with(asked), "{prompt:#?}");
    assert!(prompt.stderr.contains("by companion-tiny@1+question-"));
    if !Path::new("/usr/bin/script").exists() || !Path::new("/dev/shm").is_dir() {
        eprintln!("skipped: without /usr/bin/script there is no terminal here");
        return;
    }
    // A terminal, and an editor that writes nothing.
    let companion = person.command(&[]);
    let mut script = Command::new("/usr/bin/script");
    script
        .arg("-qec")
        .arg(companion.get_program())
        .arg("/dev/null");
    let variables = companion.get_envs();
    script
        .env_clear()
        .envs(variables.filter_map(|(name, value)| Some((name, value?))))
        .env("PATH", "/usr/bin:/bin")
        .current_dir(person.dir.path());
    let run = finish(&mut script);
    assert!(run.stdout.contains(asked), "{run:#?}");
    assert!(run.stdout.contains("nothing was written"), "{run:#?}");
}

#[test]
fn a_prompt_file_is_listed_printed_and_copied_to_be_changed() {
    let person = written();
    let list = person.run(&["config", "prompt"]).ok();
    assert!(list.contains("ask  shipped, version "), "{list}");
    let shipped = person.run(&["config", "prompt", "ask"]).ok();
    assert!(shipped.contains("task = \"ask\""), "{shipped}");
    let path = person.run(&["config", "prompt", "ask", "--copy"]).ok();
    assert_eq!(std::fs::read_to_string(path.trim()).unwrap(), shipped);
    let list = person.run(&["config", "prompt", "--json"]).json();
    assert_eq!(
        (&list[0]["task"], &list[0]["own"]),
        (&"ask".into(), &path.trim().into())
    );
    assert_eq!(list[1]["own"], Value::Null);
    let told = person.run(&["config", "prompt", "ask", "--copy"]).fails(2);
    assert!(told.contains("is there already"), "{told}");
    std::fs::write(path.trim(), "task = \"ask\"\nversion = 1\n").unwrap();
    let broken = person.run(&["config", "prompt"]);
    assert!(broken.stderr.contains("prompts/ask.toml"), "{broken:#?}");
    assert!(broken.ok().contains(path.trim()));
    let told = person.run(&["config", "prompt", "diary"]).fails(2);
    assert!(told.contains("there are ask, "), "{told}");
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
    person.takes_companion_tiny();
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
