//! `config`, `completions` and `man`, as a user runs them.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use assert_cmd::Command;

fn companion(home: &Path) -> Command {
    let mut command = Command::cargo_bin("companion").unwrap();
    command
        .env_clear()
        .env("HOME", home)
        .env("COMPANION_HOME", home.join("home"));
    command
}

fn stdout(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

#[test]
fn config_shows_every_key_and_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let text = stdout(companion(dir.path()).arg("config"));
    assert!(
        text.contains("encoder = \"minilm-int8\"\n    the model for analysis"),
        "{text}"
    );
    let json = stdout(companion(dir.path()).args(["config", "list", "--json"]));
    let rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert!(
        rows.iter()
            .any(|row| row["key"] == "editor" && row["value"] == "")
    );
    assert!(!dir.path().join("home").exists());
}

#[test]
fn config_set_keeps_comments_and_unset_restores_the_default() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("home/config.toml");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "# mine\nencoder = \"minilm\" # exact\n").unwrap();
    stdout(companion(dir.path()).args(["config", "set", "editor", "vim -n"]));
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text,
        "# mine\nencoder = \"minilm\" # exact\neditor = \"vim -n\"\n"
    );
    assert_eq!(
        stdout(companion(dir.path()).args(["config", "get", "editor"])),
        "vim -n\n"
    );
    stdout(companion(dir.path()).args(["config", "unset", "encoder"]));
    assert_eq!(
        stdout(companion(dir.path()).args(["config", "get", "encoder"])),
        "minilm-int8\n"
    );
}

#[test]
fn config_names_an_unknown_key_and_the_known_ones() {
    let dir = tempfile::tempdir().unwrap();
    for args in [
        &["config", "get", "editr"][..],
        &["config", "set", "editr", "x"],
    ] {
        let assert = companion(dir.path()).args(args).assert().code(2);
        let text = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        let begin = "companion: no key \"editr\"; the keys are editor, encoder, ";
        assert!(text.starts_with(begin), "{text}");
        assert!(text.contains(", language.model, "), "{text}");
    }
}

#[test]
fn completions_and_man_pages_are_made_for_every_command() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stdout(companion(dir.path()).args(["completions", shell]));
        assert!(script.contains("completions"), "{shell}");
    }
    assert!(stdout(companion(dir.path()).arg("man")).contains(".SH NAME"));
    let pages = dir.path().join("man1");
    companion(dir.path())
        .arg("man")
        .arg("--dir")
        .arg(&pages)
        .assert()
        .success();
    for page in [
        "companion.1",
        "companion-config.1",
        "companion-config-set.1",
    ] {
        assert!(pages.join(page).is_file(), "{page}");
    }
}
