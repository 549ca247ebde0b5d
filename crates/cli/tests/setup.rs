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

#[test]
fn a_model_that_is_not_installed_can_be_named_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    for key in ["encoder", "language.model"] {
        let assert = companion(dir.path())
            .args(["config", "set", key, "later"])
            .assert();
        let said = String::from_utf8_lossy(&assert.success().get_output().stderr).into_owned();
        assert!(
            said.contains("no model \"later\" is installed yet"),
            "{said}"
        );
        assert_eq!(
            stdout(companion(dir.path()).args(["config", "get", key])),
            "later\n"
        );
    }
}

#[test]
fn a_script_and_a_manual_page_are_never_json() {
    let dir = tempfile::tempdir().unwrap();
    for args in [&["completions", "bash", "--json"][..], &["man", "--json"]] {
        let assert = companion(dir.path()).args(args).assert().code(2).stdout("");
        let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(said.contains("leave --json away"), "{said}");
    }
}

#[test]
fn what_every_command_understands_stands_under_a_heading_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    for (args, own) in [
        (&["new", "--help"][..], "--title"),
        (&["list", "--help"], "--reverse"),
        (&["search", "--help"], "--meaning"),
    ] {
        let help = stdout(companion(dir.path()).args(args));
        let place = |what: &str| help.find(what).unwrap_or_else(|| panic!("{what}: {help}"));
        assert!(place(own) < place("Everywhere:"), "{help}");
        assert!(place("Everywhere:") < place("--home"), "{help}");
        if let Some(filters) = help.find("Which entries:") {
            assert!(place(own) < filters, "{help}");
        }
    }
}

#[test]
fn a_mistake_does_not_name_the_home_of_the_environment_as_missing() {
    let dir = tempfile::tempdir().unwrap();
    let assert = companion(dir.path()).args(["backup", "create"]).assert();
    let said = String::from_utf8_lossy(&assert.code(2).get_output().stderr).into_owned();
    assert!(said.contains("companion backup create <FILE>"), "{said}");
}
