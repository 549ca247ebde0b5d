//! What the documents and the messages tell people to type exists: every command, every flag.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use assert_cmd::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// Every document and source file of the repository.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "tests" {
            files(&path, found);
        } else if [".md", ".rs", ".sh"].iter().any(|end| name.ends_with(end)) {
            found.push(path);
        }
    }
}

/// What stands after `companion ` in quotes, in code blocks and in the demo's steps.
fn mentions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let text = text.replace("\\\n", " ").replace("\\n", "\n"); // a string over several lines
    for part in text.split('`').skip(1).step_by(2) {
        found.extend(part.strip_prefix("companion ").map(str::to_owned));
    }
    for line in text.lines() {
        let line = line
            .trim_start()
            .trim_start_matches("$ ")
            .trim_start_matches("//! ")
            .trim_start();
        found.extend(line.strip_prefix("companion ").map(str::to_owned));
        if let Some(step) = line.strip_prefix("step '") {
            found.extend(step.split_once("' ").map(|(_, command)| command.to_owned()));
        }
    }
    found
}

/// The leading words that can be commands, and the flags; both end where a quoted text begins.
fn words_and_flags(mention: &str) -> (Vec<String>, Vec<String>) {
    let plain = mention.split(['"', '\'', '\u{201c}']).next().unwrap();
    let is_command =
        |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let words = plain
        .split_whitespace()
        .take_while(|word| is_command(word) && !word.starts_with('-'));
    let flags = plain
        .split_whitespace()
        .filter(|word| word.starts_with("--") && word.len() > 2);
    let clean = |flag: &str| {
        flag.trim_end_matches([',', '.', ';', ':', ')'])
            .split(['=', '|', ']'])
            .next()
            .unwrap()
            .to_owned()
    };
    (
        words.map(str::to_owned).collect(),
        flags.map(clean).collect(),
    )
}

/// Asks the program itself.
#[derive(Default)]
struct Program {
    help: BTreeMap<Vec<String>, String>,
}

impl Program {
    fn help(&mut self, command: &[String]) -> &str {
        self.help.entry(command.to_vec()).or_insert_with(|| {
            let output = Command::cargo_bin("companion")
                .unwrap()
                .args(command)
                .arg("--help")
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        })
    }

    /// The subcommands that the help of `command` lists.
    fn subcommands(&mut self, command: &[String]) -> BTreeSet<String> {
        let help = self.help(command);
        let list = help.split_once("Commands:\n").map_or("", |(_, list)| list);
        list.lines()
            .take_while(|line| line.starts_with("  "))
            .filter_map(|line| line.split_whitespace().next())
            .map(str::to_owned)
            .collect()
    }
}

#[test]
fn every_command_and_flag_that_is_written_down_exists() {
    let root = root();
    let mut all = Vec::new();
    files(&root, &mut all);
    let mut program = Program::default();
    let top = program.subcommands(&[]);
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for file in all {
        let shown = file.strip_prefix(&root).unwrap().display().to_string();
        for mention in mentions(&std::fs::read_to_string(&file).unwrap()) {
            let (words, flags) = words_and_flags(&mention);
            let Some(first) = words.first() else { continue };
            if !top.contains(first) {
                // Prose such as "companion reads" stands in no quotes, except in a comment of the code.
                if shown.ends_with(".md") || shown.ends_with(".sh") || mention.contains("--") {
                    wrong.push(format!("{shown}: companion {mention}"));
                }
                continue;
            }
            let mut command = vec![first.clone()];
            let below = program.subcommands(&command);
            if let Some(second) = words.get(1).filter(|word| below.contains(*word)) {
                command.push(second.clone());
            }
            let help = program.help(&command);
            wrong.extend(
                flags
                    .iter()
                    .filter(|flag| !help.contains(flag.as_str()))
                    .map(|flag| format!("{shown}: companion {mention} (no {flag})")),
            );
            checked += 1;
        }
    }
    assert!(wrong.is_empty(), "not there:\n{}", wrong.join("\n"));
    assert!(
        checked > 60,
        "only {checked} were found: the search is broken"
    );
}
