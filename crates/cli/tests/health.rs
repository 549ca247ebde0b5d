//! `companion health` and `version`, as a user runs them.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use serde_json::Value;
use support::Sandbox;

fn states(sandbox: &Sandbox, args: &[&str], code: i32) -> Vec<(String, String)> {
    let assert = sandbox.companion().args(args).assert().code(code);
    let health: Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    assert_eq!(health["ok"], code == 0);
    let checks = health["checks"].as_array().unwrap().clone();
    checks
        .iter()
        .map(|check| {
            (
                check["name"].as_str().unwrap().to_owned(),
                check["state"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter()
        .map(|(name, state)| ((*name).to_owned(), (*state).to_owned()))
        .collect()
}

#[test]
fn a_fresh_machine_is_healthy_and_stays_untouched() {
    let sandbox = Sandbox::new();
    let expected = pairs(&[("home", "note"), ("journal", "note"), ("encoder", "note")]);
    assert_eq!(states(&sandbox, &["health", "--json"], 0), expected);
    assert!(!sandbox.home().exists());
}

#[test]
fn what_works_is_said_to_work() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["new", "A first line.", "--quiet"]);
    if !sandbox.with_models() {
        return;
    }
    let expected = pairs(&[
        ("home", "ok"),
        ("journal", "ok"),
        ("encoder", "ok"),
        ("models", "ok"),
    ]);
    assert_eq!(
        states(&sandbox, &["health", "--full", "--json"], 0),
        expected
    );
    let text = sandbox.ok(&["health"]);
    assert!(text.contains("1 entry"), "{text}");
    assert!(text.contains("1 waiting for analysis"), "{text}");
    assert!(text.contains("locked by a key file"), "{text}");
}

#[test]
fn damage_is_found_and_named() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["new", "A first line.", "--quiet"]);
    std::fs::write(sandbox.home().join("vault.json"), "{").unwrap();
    // Its previous copy would save it.
    for entry in std::fs::read_dir(sandbox.home()).unwrap().flatten() {
        if entry
            .file_name()
            .to_string_lossy()
            .starts_with("vault.json.")
        {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let assert = sandbox.companion().arg("health").assert().code(1);
    let text = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    assert!(
        text.contains("FAIL  journal") && text.contains("vault.json"),
        "{text}"
    );
}

#[test]
fn a_locked_journal_is_not_asked_for_its_passphrase() {
    let sandbox = Sandbox::new();
    let with = |args: &[&str]| {
        let mut command = sandbox.companion();
        command
            .env("COMPANION_PASSPHRASE", "correct horse")
            .args(args);
        command
    };
    with(&["new", "A first line.", "--quiet"])
        .assert()
        .success();
    let text = sandbox.ok(&["health"]);
    assert!(
        text.contains("locked by a passphrase, so not looked into"),
        "{text}"
    );
    let assert = with(&["health"]).assert().success();
    assert!(String::from_utf8_lossy(&assert.get_output().stdout).contains("1 entry"));
}

#[test]
fn version_names_the_build() {
    let sandbox = Sandbox::new();
    let version: Value = serde_json::from_str(&sandbox.ok(&["version", "--json"])).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert!(!version["kernel"].as_str().unwrap().is_empty());
    assert!(sandbox.ok(&["version"]).starts_with("companion 0."));
}
