//! `companion doctor`, as a user runs it on homes with something wrong in them.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use support::Sandbox;

fn doctor(sandbox: &Sandbox, environment: &[(&str, &str)], code: i32) -> Value {
    let mut command = sandbox.companion();
    command.envs(environment.iter().copied());
    let assert = command.args(["doctor", "--json"]).assert().code(code);
    let report: Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    assert_eq!(report["ok"], code == 0, "{report}");
    for finding in report["findings"].as_array().unwrap() {
        assert!(finding["says"].as_str().unwrap().len() > 10, "{finding}");
        assert!(finding["action"].as_str().unwrap().len() > 5, "{finding}");
    }
    report
}

/// Every finding as `level id`.
fn ids(report: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|f| format!("{} {}", text(&f["level"]), text(&f["id"])))
        .collect()
}

fn has(report: &Value, id: &str) -> bool {
    ids(report).iter().any(|found| found == id)
}

/// A home whose only model is a copy of the one that the tests have; `None` where they have none.
fn with_copied_encoder(name: &str) -> Option<Sandbox> {
    let from = support::test_models()?.join(name);
    let sandbox = Sandbox::new();
    let to = sandbox.home().join("models").join(name);
    fs::create_dir_all(&to).unwrap();
    fs::set_permissions(sandbox.home(), fs::Permissions::from_mode(0o700)).unwrap();
    for file in fs::read_dir(from).unwrap().flatten() {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    Some(sandbox)
}

#[test]
fn a_machine_without_a_journal_gets_advice_and_stays_untouched() {
    let sandbox = Sandbox::new();
    let report = doctor(&sandbox, &[], 0);
    assert!(has(&report, "advice encoder-missing"), "{report}");
    assert!(!sandbox.home().exists());
    let skipped = report["not_checked"].to_string();
    assert!(skipped.contains("journal"), "{skipped}");
}

#[test]
fn a_journal_that_others_can_read_is_a_problem_until_its_action_is_taken() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["new", "A first line.", "--quiet"]);
    let before = doctor(&sandbox, &[], 0);
    assert!(has(&before, "advice not-analysed"), "{before}");
    let database = sandbox.home().join("journal.db");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).unwrap();
    let report = doctor(&sandbox, &[], 1);
    assert_eq!(ids(&report)[0], "problem rights", "problems come first");
    let action = report["findings"][0]["action"].as_str().unwrap();
    assert!(action.contains("chmod 600"), "{action}");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o600)).unwrap();
    doctor(&sandbox, &[], 0);
}

#[test]
fn settings_that_slow_everything_down_are_named() {
    let sandbox = Sandbox::new();
    let report = doctor(&sandbox, &[("COMPANION_KERNEL", "scalar")], 0);
    assert!(has(&report, "advice kernel"), "{report}");
    let report = doctor(&sandbox, &[("COMPANION_KERNEL", "abacus")], 1);
    assert!(has(&report, "problem kernel"), "{report}");
    let report = doctor(&sandbox, &[("COMPANION_THREADS", "256")], 0);
    assert!(has(&report, "advice threads"), "{report}");
    let report = doctor(&sandbox, &[("COMPANION_THREADS", "many")], 1);
    assert!(has(&report, "problem threads"), "{report}");
}

#[test]
fn a_broken_configuration_is_a_finding_and_not_the_end() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.home()).unwrap();
    fs::write(sandbox.home().join("config.toml"), "encoder = 7\n").unwrap();
    assert!(has(&doctor(&sandbox, &[], 1), "problem settings"));
}

#[test]
fn a_missing_language_model_and_what_a_killed_command_left_are_found() {
    let sandbox = Sandbox::new();
    let dead = format!(".minilm.{}.part", i32::MAX);
    fs::create_dir_all(sandbox.home().join("models").join(&dead)).unwrap();
    let mine = format!(".minilm.{}.part", std::process::id());
    fs::create_dir_all(sandbox.home().join("models").join(&mine)).unwrap();
    sandbox.ok(&["config", "set", "language.model", "nowhere", "--quiet"]);
    let report = doctor(&sandbox, &[], 1);
    assert!(has(&report, "problem language-missing"), "{report}");
    let text = report.to_string();
    assert!(text.contains(&dead) && !text.contains(&mine), "{text}");
}

#[test]
fn a_flipped_byte_in_a_model_is_found_by_its_digest() {
    let Some(sandbox) = with_copied_encoder("minilm-int8") else {
        return;
    };
    assert_eq!(doctor(&sandbox, &[], 0)["ok"], true);
    let weights = sandbox.home().join("models/minilm-int8/model.safetensors");
    flip_last_byte(&weights);
    let report = doctor(&sandbox, &[], 1);
    assert!(has(&report, "problem model-damaged"), "{report}");
    // The sizes alone do not tell.
    sandbox.ok(&["doctor", "--quick"]);
}

#[test]
fn an_encoder_in_floats_is_advised_against() {
    let Some(sandbox) = with_copied_encoder("minilm") else {
        return;
    };
    let report = doctor(&sandbox, &[], 0);
    assert!(has(&report, "advice encoder-f32"), "{report}");
    assert!(
        report
            .to_string()
            .contains("companion model quantize minilm --to int8")
    );
}

#[test]
fn a_backup_is_asked_for_until_there_is_one() {
    let sandbox = Sandbox::new();
    for day in 1..=10 {
        sandbox.ok(&["new", &format!("Day {day} was quiet."), "--quiet"]);
    }
    assert!(has(&doctor(&sandbox, &[], 0), "advice backup-none"));
    let file = sandbox.path("backup");
    sandbox.ok(&["backup", "create", file.to_str().unwrap(), "--quiet"]);
    assert!(!doctor(&sandbox, &[], 0).to_string().contains("backup-none"));
}

fn flip_last_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}
