//! What the documents name is in the repository: files, scripts with their options, targets, examples, tests.

use std::path::Path;
use std::process::Command;

use crate::shown::{Shown, commands};
use crate::{documents, root};

/// The folders whose names begin a path of the repository.
const FOLDERS: [&str; 7] = [
    "bench/",
    "crates/",
    "data/",
    "docs/",
    "examples/",
    "fuzz/",
    "tools/",
];

/// Named as the place of what a command writes, and not there before it has.
const WRITTEN: [&str; 1] = ["crates/bench/record/"];

#[test]
fn what_the_documents_name_is_there() {
    let root = root();
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for (name, text) in documents() {
        for shown in commands(&name, &text) {
            let mut missing = missing(&root, &shown);
            checked += 1;
            if shown.words[0] == "make" {
                missing.extend(make(&root, shown.arguments()));
            }
            wrong.extend(
                missing
                    .into_iter()
                    .map(|what| format!("{}: {}: {what}", shown.at, shown.line())),
            );
        }
        for target in links(&text) {
            let folder = root.join(&name).parent().unwrap().to_owned();
            if !folder.join(target).exists() {
                wrong.push(format!("{name}: the link to {target} leads nowhere"));
            }
            checked += 1;
        }
    }
    assert!(wrong.is_empty(), "not there:\n{}", wrong.join("\n"));
    assert!(
        checked > 300,
        "only {checked} were found: the search is broken"
    );
}

/// What `shown` names and is not there.
fn missing(root: &Path, shown: &Shown) -> Vec<String> {
    let mut missing = Vec::new();
    let mut script = None;
    for (number, word) in shown.words.iter().enumerate() {
        let before = number
            .checked_sub(1)
            .map_or("", |n| shown.words[n].as_str());
        let one_of = |places: &[&str]| {
            let here = |place: &&str| exists(root, &place.replace("NAME", word));
            let found = places.iter().any(here);
            (!found).then(|| format!("no {} {word}", before.trim_start_matches('-')))
        };
        if WRITTEN.contains(&word.as_str()) {
            continue;
        }
        if FOLDERS.iter().any(|folder| word.starts_with(folder)) {
            if !exists(root, word.trim_end_matches(['.', ',', '/'])) {
                missing.push(format!("no {word}"));
            }
            if Path::new(word).extension().is_some_and(|end| end == "py") {
                script = Some(root.join(word));
            }
        } else if let (Some(script), Some(_)) = (&script, word.strip_prefix("--")) {
            let flag = word.split('=').next().unwrap();
            if !options(script).contains(&format!("\"{flag}\"")) {
                missing.push(format!("its scripts have no {flag}"));
            }
        }
        if shown.words[0] == "cargo" {
            missing.extend(match before {
                "--example" => one_of(&["crates/*/examples/NAME.rs"]),
                "--test" => one_of(&["crates/*/tests/NAME.rs", "crates/*/tests/NAME/main.rs"]),
                _ => None,
            });
        }
    }
    missing
}

/// All Python beside `script`, where its options are declared.
fn options(script: &Path) -> String {
    let Ok(folder) = std::fs::read_dir(script.parent().unwrap()) else {
        return String::new();
    };
    let is_python = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "py");
    let paths = folder.flatten().map(|entry| entry.path()).filter(is_python);
    paths
        .map(|path| std::fs::read_to_string(path).unwrap().replace('\'', "\""))
        .collect()
}

/// Whether a path is there; `*` and `?` stand for any file, `{a,b}` is not looked into.
fn exists(root: &Path, pattern: &str) -> bool {
    let mut folders = vec![root.to_owned()];
    for part in pattern.split('{').next().unwrap().split('/') {
        let mut next = Vec::new();
        for folder in folders {
            if part.contains(['*', '?']) {
                let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
                next.extend(names.filter_map(|entry| {
                    let name = entry.file_name().into_string().ok()?;
                    matches(part.as_bytes(), name.as_bytes()).then(|| entry.path())
                }));
            } else if folder.join(part).exists() || pattern.contains('{') {
                next.push(folder.join(part));
            }
        }
        folders = next;
    }
    !folders.is_empty()
}

fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            matches(rest, name) || !name.is_empty() && matches(pattern, &name[1..])
        }
        (Some((b'?', rest)), Some((_, tail))) => matches(rest, tail),
        (Some((a, rest)), Some((b, tail))) => a == b && matches(rest, tail),
        _ => false,
    }
}

/// What is wrong with `make …`: it is read, and nothing is made.
fn make(root: &Path, words: &[String]) -> Option<String> {
    let output = Command::new("make")
        .env_remove("MAKEFLAGS")
        .arg("--dry-run")
        .args(&words[1..])
        .current_dir(root)
        .output();
    let output = output.expect("make is there: the tests are run by it");
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The links to other files of the repository.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1);
    targets
        .filter_map(|after| after.split([')', '#']).next())
        .filter(|target| !target.is_empty() && !target.contains(':'))
}

#[test]
fn a_path_may_hold_wildcards() {
    let root = root();
    for (pattern, there) in [
        ("docs/security.md", true),
        ("docs/*.md", true),
        ("crates/*/Cargo.toml", true),
        ("docs/s?curity.md", true),
        ("docs/*.txt", false),
        ("docs/insecurity.md", false),
    ] {
        assert_eq!(exists(&root, pattern), there, "{pattern}");
    }
}
