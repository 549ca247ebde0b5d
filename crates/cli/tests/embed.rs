//! `companion embed`, as a user runs it.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use support::{Sandbox, names, rows};

#[test]
fn embed_answers_every_line_in_order_and_opens_no_journal() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    let long = "a long day by the lake with nothing much to say about it. ".repeat(200);
    let mut input = format!("{{\"id\":1.50,\"text\":\"a quiet day\"}}\nnot json\n{{\"text\":\"\",\"id\":3}}\n{{\"text\":{long:?}}}\n").into_bytes();
    input.extend(b"{\"text\":\"\xff\"}\n{\"text\":\"a quiet day\"}");
    let assert = sandbox
        .companion()
        .args(["embed", "--jsonl", "-"])
        .write_stdin(input)
        .assert()
        .code(1)
        .stderr("");
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert!(
        text.lines()
            .next()
            .unwrap()
            .ends_with(",\"input\":{\"id\":1.50}}"),
        "numbers pass as written"
    );
    let rows = rows(&text);
    assert_eq!(rows.len(), 6);
    assert_eq!(rows[0]["embedding"].as_array().unwrap().len(), 384);
    assert_eq!(rows[0]["tokens"], 3);
    assert!(
        rows[0]["model"]
            .as_str()
            .unwrap()
            .starts_with("minilm-int8@")
    );
    assert_eq!(rows[1]["line"], 2);
    assert_eq!(
        (&rows[2]["error"], &rows[2]["input"]["id"]),
        (&"\"text\" is blank".into(), &3.into())
    );
    assert!(
        rows[3]["chunks"].as_u64().unwrap() > 1,
        "long texts are read whole"
    );
    assert_eq!(rows[4]["error"], "invalid UTF-8 at byte 10");
    assert_eq!(
        rows[5]["embedding"], rows[0]["embedding"],
        "the neighbours in a batch change nothing"
    );
    assert_eq!(names(&sandbox.home()), ["models"], "no journal was made");
}

#[test]
fn embed_names_what_is_missing() {
    let sandbox = Sandbox::new();
    let said = sandbox.fails(3, &["embed", "--jsonl", "/nonexistent.jsonl"]);
    assert_eq!(
        said,
        "companion: no file /nonexistent.jsonl; give a file of JSON lines, or - for stdin\n"
    );
    let said = sandbox.fails(3, &["embed", "--jsonl", "-"]);
    assert!(said.contains("run `companion model pull minilm`"), "{said}");
    let said = sandbox.fails(3, &["embed", "--jsonl", "-", "--model", "nix"]);
    assert!(said.contains("no model \"nix\""), "{said}");
    assert!(!sandbox.home().exists());
}

#[test]
fn embed_answers_a_program_that_waits_for_each_answer() {
    use std::io::{BufRead as _, Write as _};
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_companion"))
        .env("COMPANION_HOME", sandbox.home())
        .args(["embed", "--jsonl", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    for text in ["first", "second", "third"] {
        writeln!(stdin, "{{\"text\":{text:?},\"is\":{text:?}}}").unwrap();
        let answer = answers.next().unwrap().unwrap();
        assert!(
            answer.ends_with(&format!("\"input\":{{\"is\":{text:?}}}}}")),
            "{answer}"
        );
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}
