//! Every `companion …` that a document shows is run, in a home with a fortnight of entries; transcripts show what it says.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

use crate::rewrite::Rewrites;
use crate::shown::{Shown, commands};
use crate::support::{Sandbox, test_models};
use crate::{documents, root};

/// Beginnings of commands that are not run, with the reason; their arguments are parsed all the same. One that no
/// document shows any more fails the test.
static ONLY_PARSED: [(&str, &str); 6] = [
    ("model pull qwen2.5-", "downloads gigabytes"),
    (
        "profile",
        "measures layers of real shapes, a minute even when optimised, and has no smaller form",
    ),
    (
        "metrics --watch",
        "draws on a terminal until somebody leaves",
    ),
    ("passphrase set", "asks at the keyboard"),
    (
        "cache wrong ",
        "judges an answer that was served by meaning, and none is sure to be",
    ),
    ("cache right ", "the same"),
];

/// Beginnings of commands that take minutes or gigabytes as the documents show them: parsed as shown, and run once in a form
/// that ends soon in a build that is not optimised. One that no document shows any more fails the test.
static SMALLER: [(&str, &str); 3] = [
    // With 16 texts and not the 500 of the program; --force because a busy machine may fail the gate's rule of speed.
    (
        "model quantize ",
        "model quantize companion-tiny --to int8 --calibrate fortnight.jsonl --force",
    ),
    // The smallest there is: 0.3 GB.
    (
        "model synth qwen2.5-",
        "model synth qwen2.5-0.5b --quant int4",
    ),
    (
        "benchmark",
        "benchmark --inference --quick --runs 1 -m companion-tiny --json",
    ),
];

/// What stands in a document for something of the reader's own.
static PLACEHOLDERS: [(&str, &str); 9] = [
    ("…", "when did I last play the cello?"),
    ("...", "when did I last play the cello?"),
    ("ID", "1"),
    ("WISH", "ask me about the cello"),
    ("N", "1"),
    ("NAME", "companion-tiny"),
    ("MODEL", "companion-tiny"),
    ("FILE", "written-by-a-test"),
    ("DIR", "folder-of-a-test"),
];

/// The commands that a language model has a part in: what `docs/language.md` shows of them runs with one as well.
const OF_THE_LANGUAGE_TIER: [&str; 7] = [
    "analyze", "ask", "people", "promises", "prompt", "reflect", "summary",
];

/// How a line begins that tells what a model estimates. It changes with every training, and in the last digit from one
/// kernel to another, so such a line has to be there and may say something else.
static ESTIMATES: [&str; 5] = ["feels ", "mood ", "themes ", "people ", "changed "];

/// A home as the documents assume it: the fortnight of the demo, analysed, and companion-tiny beside the encoder.
struct Prepared {
    sandbox: Sandbox,
    models: PathBuf,
}

impl Prepared {
    fn new(encoders: &Path) -> Prepared {
        let (sandbox, root) = (Sandbox::new(), root());
        let models = make_home(&sandbox);
        link_each(encoders, &models);
        let at = |path: &str| root.join(path).to_str().unwrap().to_owned();
        sandbox.ok(&["import", &at("examples/fortnight.jsonl")]);
        sandbox.ok(&["model", "import", &at("data/models/companion-tiny")]);
        Prepared { sandbox, models }
    }

    /// A home with the same models and a journal of `entries`.
    fn own(&self, entries: &[String]) -> Sandbox {
        let own = Sandbox::new();
        link_each(&self.models, &make_home(&own));
        for entry in entries {
            own.ok(&["new", entry]);
        }
        own
    }

    /// A copy in which a block of commands may do as it likes.
    fn copy(&self) -> Sandbox {
        let copy = Sandbox::new();
        let models = make_home(&copy);
        for file in std::fs::read_dir(self.sandbox.home()).unwrap().flatten() {
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), copy.home().join(file.file_name())).unwrap();
            }
        }
        link_each(&self.models, &models);
        copy
    }
}

/// Makes a home as the program would, closed to others, and the folder of its models.
fn make_home(sandbox: &Sandbox) -> PathBuf {
    let models = sandbox.home().join("models");
    std::fs::create_dir_all(&models).unwrap();
    std::fs::set_permissions(sandbox.home(), PermissionsExt::from_mode(0o700)).unwrap();
    models
}

/// Links every folder of `from` into `to`, so that what is removed or added there stays there.
fn link_each(from: &Path, to: &Path) {
    for model in std::fs::read_dir(from).unwrap().flatten() {
        std::os::unix::fs::symlink(model.path(), to.join(model.file_name())).unwrap();
    }
}

/// What became of one command.
#[derive(Debug, PartialEq, Eq, Clone, Copy, PartialOrd, Ord)]
enum Done {
    Run,
    /// A name in a sentence, of a command that needs more than its name.
    Named,
    /// Parsed, and run as this.
    Smaller(&'static str),
    OnlyParsed(&'static str),
}

#[test]
fn every_command_that_the_documents_show_runs() {
    let Some(encoders) = test_models() else {
        return;
    };
    let prepared = Prepared::new(&encoders);
    let (mut wrong, mut told, mut excepted) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let mut smaller = BTreeSet::new();
    for (name, text) in documents().into_iter().chain(help_pages(&prepared.sandbox)) {
        let mut home = (usize::MAX, prepared.copy());
        let mut rewrites = Rewrites::default();
        for shown in commands(&name, &text) {
            if shown.words[0] != "companion" || shown.arguments().len() < 2 {
                continue;
            }
            if home.0 != shown.block {
                home = (shown.block, prepared.copy());
                if let Some(entries) = &shown.journal {
                    home.1 = prepared.own(entries);
                }
            }
            let args = filled(&shown);
            let line = args.join(" ");
            let among = |list: &'static [(&str, &str)]| {
                let mut list = list.iter();
                list.find(|(beginning, _)| line.starts_with(beginning))
            };
            let outcome = if let Some(&(beginning, reason)) = among(&ONLY_PARSED) {
                excepted.insert(beginning);
                parses(&home.1, &args).map(|()| Done::OnlyParsed(reason))
            } else if let Some(&(beginning, form)) = among(&SMALLER) {
                let first = smaller.insert(beginning);
                parses(&home.1, &args)
                    .and_then(|()| match first {
                        true => runs_as(&prepared.copy(), form),
                        false => Ok(()),
                    })
                    .map(|()| Done::Smaller(form))
            } else {
                runs(&home.1, &shown, &args, &mut rewrites)
            };
            let what = format!("{}: {}", shown.at, shown.line());
            let word = shown.words[1].as_str();
            let with_a_model = (name == "docs/language.md" && OF_THE_LANGUAGE_TIER.contains(&word))
                .then(|| {
                    let home = prepared.copy();
                    home.ok(&["config", "set", "language.model", "companion-tiny"]);
                    let outcome = runs(&home, &shown, &args, &mut rewrites);
                    (outcome, format!("{what} (with a language model)"))
                });
            for (outcome, what) in [Some((outcome, what.clone())), with_a_model]
                .into_iter()
                .flatten()
            {
                match outcome {
                    Ok(done) => {
                        told.insert((done, what));
                    }
                    Err(why) => wrong.push(format!("{what}\n{why}")),
                }
            }
        }
        rewrites.apply(&name);
    }
    for (done, what) in &told {
        eprintln!("{done:?}: {what}");
    }
    assert!(
        wrong.is_empty(),
        "the documents show what is not so:\n\n{}",
        wrong.join("\n")
    );
    excepted.append(&mut smaller);
    for (beginning, why) in ONLY_PARSED.iter().chain(&SMALLER) {
        assert!(
            excepted.contains(beginning),
            "no document shows `companion {beginning}` ({why}): take the exception away"
        );
    }
    let run = told.iter().filter(|(done, _)| *done == Done::Run).count();
    assert!(run > 25, "only {run} were run: the search is broken");
}

/// The examples of every help page, each page as a document of its own.
fn help_pages(home: &Sandbox) -> Vec<(String, String)> {
    let mut pages = Vec::new();
    let mut commands = vec![Vec::<String>::new()];
    while let Some(words) = commands.pop() {
        let output = command(home, &words)
            .env("COLUMNS", "400")
            .arg("-h")
            .output();
        let help = String::from_utf8(output.unwrap().stdout).unwrap();
        let list = help.split_once("Commands:\n").map_or("", |(_, list)| list);
        let names = list.lines().take_while(|line| line.starts_with("  "));
        let names = names.filter_map(|line| line.split_whitespace().next());
        commands.extend(names.filter(|name| *name != "help").map(|name| {
            let mut below = words.clone();
            below.push(name.to_owned());
            below
        }));
        if let Some((_, examples)) = help.split_once("Examples:\n") {
            let examples = examples.split("\n\n").next().unwrap();
            let examples = examples.replace("  companion", "companion");
            pages.push((
                format!("companion {} -h", words.join(" ")),
                format!("```\n{examples}\n```\n"),
            ));
        }
    }
    assert!(
        pages.len() > 3,
        "only {} help pages show examples",
        pages.len()
    );
    pages
}

/// The arguments with the placeholders filled in; of a synopsis, everything optional and the first of what may be chosen.
fn filled(shown: &Shown) -> Vec<String> {
    let words = shown.arguments()[1..].iter().map(|word| {
        let word = word.trim_matches(['[', ']']);
        let word = match word.split_once('|') {
            Some((first, _)) if !word.contains(' ') => first,
            _ => word,
        };
        let own = PLACEHOLDERS.iter().find(|(name, _)| *name == word);
        own.map_or(word, |&(_, filling)| filling).to_owned()
    });
    words.collect()
}

fn command(home: &Sandbox, args: &[String]) -> Command {
    let mut command = home.companion();
    command
        .env("LANG", "en_GB.UTF-8")
        .env("TZ", "UTC")
        .current_dir(home.dir.path())
        .args(args);
    command
}

/// Runs it, and holds what it says against what a transcript shows.
fn runs(
    home: &Sandbox,
    shown: &Shown,
    args: &[String],
    rewrites: &mut Rewrites,
) -> Result<Done, String> {
    let input = "A quiet evening, and the tap no longer drips.\n";
    let output = command(home, args).write_stdin(input).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let code = output.status.code().expect("nobody killed it");
    let only_a_name = shown.in_prose
        && code == 2
        && (stderr.contains("required arguments were not provided")
            || stderr.contains("requires a subcommand"));
    if only_a_name {
        return parses(home, args).map(|()| Done::Named);
    }
    if code != shown.code() {
        return Err(format!(
            "  exit code {code}, not {}: {stderr}",
            shown.code()
        ));
    }
    let Some(lines) = shown.output.as_deref() else {
        return Ok(Done::Run);
    };
    // What is shown of a journal of its own may be abridged, which is left to people.
    if rewrites.wanted() && shown.journal.is_none() {
        rewrites.add(shown, lines, &stdout);
        return Ok(Done::Run);
    }
    // A terminal shows both.
    let said = format!("{stdout}{stderr}");
    differs(lines, &said, shown.journal.is_none()).map_or(Ok(Done::Run), Err)
}

/// Lets the program read the arguments without doing anything: `--help` comes last.
fn parses(home: &Sandbox, args: &[String]) -> Result<(), String> {
    let output = command(home, args).arg("--help").output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8(output.stderr).unwrap())
}

/// Runs `form`, words parted by blanks, which has the fortnight as a file beside it.
fn runs_as(home: &Sandbox, form: &str) -> Result<(), String> {
    let beside = home.dir.path().join("fortnight.jsonl");
    std::fs::copy(root().join("examples/fortnight.jsonl"), beside).unwrap();
    let args: Vec<String> = form.split(' ').map(str::to_owned).collect();
    let output = command(home, &args).output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8(output.stderr).unwrap();
    Err(format!("  `companion {form}`: {stderr}"))
}

/// Where a transcript differs from what the program says: line by line in its order, estimates apart. Numbers with a
/// fraction (likeness, mood) may differ; a quotation has to stand in an entry of the fortnight, if that is the journal.
fn differs(shown: &[String], said: &str, fortnight: bool) -> Option<String> {
    let entries = std::fs::read_to_string(root().join("examples/fortnight.jsonl")).unwrap();
    let mut said_lines = said.lines();
    let mut below_estimate = false;
    let mut quotation = String::new();
    for line in shown.iter().filter(|line| !line.trim().is_empty()) {
        let indented = line.starts_with("   ");
        if !quotation.is_empty() || line.trim_start().starts_with('\u{201c}') {
            quotation.push_str(line.trim());
            if let Some((quoted, _)) = quotation.split_once('\u{201d}') {
                let quoted = quoted.trim_start_matches('\u{201c}');
                let written = serde_json::to_string(quoted).unwrap();
                if fortnight && !entries.contains(written.trim_matches('"')) {
                    return Some(format!("  no entry of the fortnight says {quotation}"));
                }
                quotation.clear();
            } else {
                quotation.push(' ');
            }
            continue;
        }
        if below_estimate && indented {
            continue;
        }
        let beginning = ESTIMATES.iter().find(|start| line.starts_with(*start));
        // Which entries a summary quotes is the model's choice.
        let chosen = line.contains("  entry ");
        below_estimate = beginning.is_some();
        let found = chosen
            || said_lines.any(|said| match beginning {
                Some(start) => said.starts_with(start),
                None => without_fractions(said) == without_fractions(line),
            });
        if !found {
            return Some(format!("  shows: {line}\n  it says:\n{said}"));
        }
    }
    None
}

/// `0.50` and `-0.05` become `0.`: what differs from one kernel to another is in the digits. So is the size of what holds
/// them: `1902 bytes`.
fn without_fractions(line: &str) -> String {
    let line = match line.strip_suffix(" bytes") {
        Some(before) => before.trim_end_matches(|c: char| c.is_ascii_digit()),
        None => line,
    };
    let words = line.split(' ').map(|word| match word.split_once('.') {
        Some((_, digits)) if word.parse::<f64>().is_ok() && !digits.is_empty() => "0.",
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_transcript_that_shows_something_else_is_found() {
    let said =
        "saved 17 · yesterday 20:00\nfeels fine (63 %)\n\nmood     -0.05\n         2 mixed\nend\n";
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for right in [
        "saved 17 · yesterday 20:00",
        "saved 17 · yesterday 20:00\nfeels awful (99 %)\n\nmood     +0.51\n         3 mixed\n         more\nend",
        "    \u{201c}Soup.\u{201d}\nend",
    ] {
        assert_eq!(differs(&lines(right), said, true), None, "{right}");
    }
    for wrong in [
        "saved 16 · yesterday 20:00",
        "end\nsaved 17 · yesterday 20:00",
        "themes   family",
        "    \u{201c}Nobody wrote this.\u{201d}",
    ] {
        assert!(differs(&lines(wrong), said, true).is_some(), "{wrong}");
    }
}
