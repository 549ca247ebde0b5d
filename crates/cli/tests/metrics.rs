//! `companion metrics`, as a user runs it.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use serde_json::Value;
use support::Sandbox;

const SECTIONS: [&str; 6] = [
    "inference",
    "encoder",
    "memory",
    "cache",
    "throughput",
    "health",
];

fn json(sandbox: &Sandbox, args: &[&str]) -> Value {
    serde_json::from_str(&sandbox.ok(&[&["metrics", "--json"], args].concat())).unwrap()
}

#[test]
fn an_empty_home_has_every_key_and_stays_empty() {
    let sandbox = Sandbox::new();
    let all = json(&sandbox, &[]);
    for section in SECTIONS {
        assert!(all[section].is_object(), "{section} in {all}");
    }
    let nothing = serde_json::json!({"p50": null, "p95": null, "p99": null, "n": 0});
    assert_eq!(all["inference"]["first_token_ms"], nothing);
    assert_eq!(all["throughput"]["save_ms"], nothing);
    assert!(all["memory"]["peak_bytes"].is_null() && all["cache"]["hit_rate"].is_null());
    assert!(all["health"]["ok"].is_null(), "{}", all["health"]);
    let findings = all["health"]["findings"].as_array().unwrap();
    assert!(findings.iter().all(|f| f["verdict"] == "not_measured"));
    let page = sandbox.ok(&["metrics"]);
    assert!(
        page.contains("not measured") && !page.contains("0 entries"),
        "{page}"
    );
    let exposed = sandbox.ok(&["metrics", "--prometheus"]);
    assert!(exposed.contains("companion_inference_first_token_seconds_count 0\n"));
    assert!(
        !exposed.contains("companion_entries_waiting"),
        "without a journal it is not known"
    );
    assert!(!sandbox.home().exists());
}

#[test]
fn what_was_saved_is_counted_over_processes_that_run_at_once() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["new", "--no-analysis", "xylophonquarz at the lake"]);
    let children: Vec<_> = (0..7)
        .map(|i| {
            let text = format!("xylophonquarz number {i}");
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_companion"));
            command
                .args(["new", "--no-analysis", "--quiet", &text])
                .env("COMPANION_HOME", sandbox.home())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let all = json(&sandbox, &["--since", "24h"]);
    assert_eq!(all["throughput"]["save_ms"]["n"], 8);
    assert_eq!(all["processes"], 8);
    assert_eq!(all["throughput"]["entries_a_day"], 8.0);
    let save = &all["throughput"]["save_ms"];
    assert!(save["p50"].as_f64().unwrap() > 0.0);
    assert!(
        save["p95"].is_null() && save["p99"].is_null(),
        "n is too small for them"
    );
    if cfg!(target_os = "linux") {
        assert!(all["memory"]["peak_bytes"].as_u64().unwrap() > 1_000_000);
    }
    // Looking is not measuring: it changes nothing.
    assert_eq!(json(&sandbox, &["--since", "24h"])["processes"], 8);
    let text = sandbox.ok(&["metrics"]);
    assert!(text.contains("n too small"), "{text}");
    let exposed = sandbox.ok(&["metrics", "--prometheus"]);
    assert!(
        exposed.contains("companion_journal_save_seconds_count 8\n"),
        "{exposed}"
    );
    for known in [
        "# TYPE companion_entries_waiting gauge\ncompanion_entries_waiting 8\n",
        "companion_cache_kept_bytes 0\n",
    ] {
        assert!(exposed.contains(known), "{known} in {exposed}");
    }
    for (name, said) in [
        ("page", &text),
        ("prometheus", &exposed),
        ("json", &all.to_string()),
    ] {
        assert!(!said.contains("xylophonquarz"), "{name}");
    }
}

#[test]
fn commands_without_a_journal_leave_none_behind_and_reading_ones_write_nothing() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["new", "--no-analysis", "one"]);
    let before = json(&sandbox, &[])["processes"].clone();
    for args in [
        &["list"][..],
        &["tags"],
        &["show", "1"],
        &["version"],
        &["metrics"],
    ] {
        sandbox.ok(args);
    }
    assert_eq!(json(&sandbox, &[])["processes"], before);
    if !sandbox.with_models() {
        return;
    }
    let lines = sandbox.path("lines.jsonl");
    std::fs::write(&lines, "{\"text\":\"A calm day.\"}\n").unwrap();
    sandbox.ok(&["analyze", "--jsonl", lines.to_str().unwrap()]);
    assert_eq!(json(&sandbox, &[])["encoder"]["texts"], 0);
    sandbox.ok(&["new", "A calm day by the lake. We swam."]);
    let all = json(&sandbox, &[]);
    assert_eq!(all["encoder"]["analysis_ms"]["n"], 1);
    assert!(all["encoder"]["texts"].as_u64().unwrap() >= 2);
    assert_eq!(all["throughput"]["session"]["entries"], 1);
    assert!(
        all["throughput"]["session"]["entries_per_s"]
            .as_f64()
            .unwrap()
            > 0.0
    );
}

#[test]
fn watching_is_refused_kindly_where_nobody_can_look() {
    let sandbox = Sandbox::new();
    assert_eq!(
        sandbox.fails(2, &["metrics", "--watch"]),
        "companion: --watch draws on a terminal, and this is none; `companion metrics` prints the page once, \
         with --json for a program\n"
    );
    let ahead = sandbox.fails(2, &["metrics", "--since", "tomorrow"]);
    assert!(ahead.contains("tomorrow"), "{ahead}");
}
