//! `companion analyze`, as a user runs it.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use serde_json::{Value, json};
use support::{Sandbox, names, rows};

const THEMES: [&str; 20] = [
    "work",
    "school",
    "family",
    "friends",
    "romance",
    "health",
    "exercise",
    "sleep",
    "food",
    "money",
    "leisure",
    "creativity",
    "nature",
    "travel",
    "home",
    "pets",
    "spirituality",
    "technology",
    "emotions",
    "growth",
];

/// The names in `row`, in the order of the alphabet.
fn keys(row: &Value) -> Vec<&str> {
    let names = row.as_object().unwrap().keys().map(String::as_str);
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names
}

#[test]
fn stream_gives_one_analysis_a_line_in_order_and_stores_nothing() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    let input = [
        r#"{"id":"a","text":"I am so happy, the party with my friends was wonderful!"}"#,
        r#"{"text":"I cried all evening. My boss shouted at me and I hate that job.","n":[1,2.50]}"#,
        r#"{"text":"   "}"#,
        "[]",
        r#"{"text":"Bought bread."}"#,
    ]
    .join("\n");
    let assert = sandbox
        .companion()
        .args(["analyze", "--jsonl", "-"])
        .write_stdin(input)
        .assert()
        .code(1)
        .stderr("");
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let rows = rows(&text);
    assert_eq!(rows.len(), 5);
    let expected = [
        "confidence",
        "emotions",
        "evidence",
        "mixed",
        "model",
        "probabilities",
        "sentiment",
        "themes",
        "tier",
        "truncated",
        "unsure",
        "valence",
    ];
    assert_eq!(keys(&rows[4]), expected);
    assert_eq!(rows[0]["input"], json!({"id": "a"}));
    assert!(
        text.contains(r#""input":{"n":[1,2.50]}"#),
        "numbers pass as written: {text}"
    );
    assert_eq!(rows[0]["sentiment"], "positive");
    assert_eq!(rows[1]["sentiment"], "negative");
    assert_eq!(
        (&rows[2]["line"], &rows[2]["error"]),
        (&json!(3), &json!("\"text\" is blank"))
    );
    assert_eq!(rows[3]["line"], 4);
    for evidence in rows[0]["evidence"].as_array().unwrap() {
        let quote = evidence["quote"].as_str().unwrap();
        assert!(text.contains(quote) && !quote.is_empty(), "{evidence}");
    }
    for row in [&rows[0], &rows[1], &rows[4]] {
        check(row);
    }
    assert_eq!(names(&sandbox.home()), ["models"], "no journal was made");
}

/// What every analysis promises.
fn check(row: &Value) {
    let confidence = row["confidence"].as_f64().unwrap();
    let valence = row["valence"].as_f64().unwrap();
    assert!((1.0 / 3.0 - 1e-6..=1.0).contains(&confidence), "{row}");
    let probabilities = row["probabilities"].as_object().unwrap();
    let sum: f64 = probabilities.values().filter_map(Value::as_f64).sum();
    assert!((sum - 1.0).abs() < 1e-3, "{row}");
    assert_eq!(
        probabilities[row["sentiment"].as_str().unwrap()],
        row["confidence"],
        "{row}"
    );
    match row["sentiment"].as_str().unwrap() {
        "positive" => assert!(valence > 0.2, "{row}"),
        "negative" => assert!(valence < -0.2, "{row}"),
        "neutral" => assert!((-0.2..=0.2).contains(&valence), "{row}"),
        other => panic!("{other}"),
    }
    for theme in row["themes"].as_array().unwrap() {
        assert!(THEMES.contains(&theme["name"].as_str().unwrap()), "{row}");
        assert!(
            (0.5..=1.0).contains(&theme["probability"].as_f64().unwrap()),
            "{row}"
        );
    }
    assert_eq!(row["tier"], "instant");
    assert_eq!(row["truncated"], false);
    assert!(row["mixed"].is_boolean() && row["unsure"].is_boolean());
    assert!(row["model"].as_str().unwrap().starts_with("minilm-int8@"));
}

#[test]
fn stream_survives_whatever_comes_in() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    let long = "word ".repeat(3000);
    let mut input = Vec::new();
    let texts = [
        "😀😀😀",
        "\u{0}",
        "\u{1b}[31mred\u{202e}",
        "日記を書く。",
        "...",
        "a\u{301}",
        long.as_str(),
    ];
    for text in texts {
        input.extend(serde_json::to_vec(&json!({ "text": text })).unwrap());
        input.push(b'\n');
    }
    input.extend(b"{\"text\":\"\xc3\x28\"}\n");
    input.extend(vec![b'x'; (16 << 20) + 1]);
    input.extend(b"\n{\"text\":\"last\"}");
    let assert = sandbox
        .companion()
        .args(["analyze", "--jsonl", "-"])
        .write_stdin(input)
        .assert()
        .code(1)
        .stderr("");
    let rows = rows(&String::from_utf8(assert.get_output().stdout.clone()).unwrap());
    assert_eq!(rows.len(), texts.len() + 3);
    for row in &rows[2..texts.len()] {
        check(row);
    }
    assert_eq!(rows[7]["error"], "invalid UTF-8 at byte 10");
    assert_eq!(
        rows[8],
        json!({"error": "the line is longer than 16 MB; split the text", "line": 9})
    );
    check(&rows[9]);
}

#[test]
fn neighbours_in_a_batch_change_nothing() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    let texts: Vec<String> = (1..=40)
        .map(|n| format!("Day {n} at the lake. {}", "It was fine. ".repeat(n % 7)))
        .collect();
    let analyse = |texts: &[String]| {
        let input: Vec<String> = texts
            .iter()
            .map(|text| json!({ "text": text }).to_string())
            .collect();
        let assert = sandbox
            .companion()
            .args(["analyze", "--jsonl", "-"])
            .write_stdin(input.join("\n"))
            .assert()
            .success();
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    };
    let together = analyse(&texts);
    for (index, line) in together.lines().enumerate().step_by(13) {
        assert_eq!(analyse(&texts[index..=index]).trim_end(), line);
    }
}

#[test]
fn stream_needs_a_file_and_a_model() {
    let sandbox = Sandbox::new();
    let said = sandbox.fails(3, &["analyze", "--jsonl", "nix.jsonl"]);
    assert_eq!(
        said,
        "companion: no file nix.jsonl; give a file of JSON lines, or - for stdin\n"
    );
    let said = sandbox.fails(3, &["analyze", "--jsonl", "-"]);
    assert!(said.contains("run `companion model pull minilm`"), "{said}");
    assert!(!sandbox.home().exists());
}

#[test]
fn entries_are_analysed_again_and_shown_with_their_evidence() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    sandbox.ok(&[
        "new",
        "--no-analysis",
        "I love this garden. The roses are out and I am so happy.",
    ]);
    sandbox.ok(&[
        "new",
        "--no-analysis",
        "Work was terrible today. I hate it.",
    ]);
    assert_eq!(sandbox.ok(&["analyze"]), "analysed 2 entries\n");
    assert_eq!(
        sandbox.ok(&["analyze"]),
        "nothing is waiting; `companion analyze --all` reads every entry again\n"
    );
    let counts: Value = serde_json::from_str(&sandbox.ok(&["analyze", "--all", "--json"])).unwrap();
    assert_eq!(counts, json!({"analysed": 2, "waiting": 0}));
    let text = sandbox.ok(&["analyze", "1", "2"]);
    assert!(
        text.contains("positive") && text.contains("negative"),
        "{text}"
    );
    assert!(text.contains("by minilm-int8@"), "{text}");
    let rows: Value = serde_json::from_str(&sandbox.ok(&["analyze", "2", "--json"])).unwrap();
    assert_eq!(rows[0]["id"], 2);
    assert_eq!(rows[0]["analysis"]["sentiment"], "negative");
    sandbox.fails(3, &["analyze", "99"]);
}

#[test]
fn a_text_of_nothing_but_emoji_is_answered_like_any_other() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    let input = ["🙂🙂", "🌊", "👩\u{200d}🚀", "…"].map(|text| json!({ "text": text }).to_string());
    let assert = sandbox
        .companion()
        .args(["analyze", "--jsonl", "-"])
        .write_stdin(input.join("\n"))
        .assert()
        .success()
        .stderr("");
    let rows = rows(&String::from_utf8(assert.get_output().stdout.clone()).unwrap());
    assert_eq!(rows.len(), input.len());
    for row in rows {
        let number = |name: &str| row[name].as_f64().unwrap();
        assert!((-1.0..=1.0).contains(&number("valence")), "{row}");
        assert!((0.0..=1.0).contains(&number("confidence")), "{row}");
        // The encoder has no word piece for most emoji: nothing it says of them may be a theme.
        assert_eq!(row["themes"], json!([]), "{row}");
    }
}
