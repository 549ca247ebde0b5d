//! The quality gate of `companion model quantize`, and `companion model tune`, as a user runs them.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Sandbox, names};

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/companion-tiny")
}

fn json(sandbox: &Sandbox, args: &[&str], code: i32) -> Value {
    let assert = sandbox.companion().args(args).assert().code(code);
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}

fn check<'a>(gate: &'a Value, name: &str) -> &'a Value {
    let checks = gate["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no check {name:?} in {gate}"))
}

/// A few texts to calibrate with: the 500 that come with the program take minutes in a debug build.
fn texts(sandbox: &Sandbox) -> String {
    let path = sandbox.path("texts");
    let texts = [
        "Rain all morning, so I stayed in and mended the lamp. It works again, which pleased me more than it should.",
        "Long day at the office. The meeting ran over and nobody had read the notes. I walked home along the canal.",
        "Could not sleep. Read until three and then lay listening to the fridge. Tomorrow I will call Anna.",
    ];
    fs::write(&path, texts.join("\n\n")).unwrap();
    path.to_str().unwrap().to_owned()
}

/// companion-tiny with the same answers in floats, and weights that no group of 64 survives: one input of each group
/// of `down_proj` has weights 2^12 as large, and what feeds it is as much smaller.
fn brittle(to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(tiny()).unwrap().flatten() {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
    let path = to.join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let data = &mut bytes[8 + length..];
    for (name, tensor) in header.as_object().unwrap() {
        let number = |value: &Value| value.as_u64().unwrap() as usize;
        let is_down = name.ends_with("down_proj.weight");
        if !is_down && !name.ends_with("up_proj.weight") || name.contains("gate_up") {
            continue;
        }
        assert_eq!(tensor["dtype"], "BF16");
        let width = number(&tensor["shape"][1]);
        let from = number(&tensor["data_offsets"][0]);
        let to = number(&tensor["data_offsets"][1]);
        for (at, half) in data[from..to].chunks_exact_mut(2).enumerate() {
            let channel = if is_down { at % width } else { at / width };
            if channel % 64 != 0 {
                continue;
            }
            let bits = u16::from_le_bytes([half[0], half[1]]);
            let exponent = (bits >> 7) & 0xff;
            let moved = match is_down {
                true if exponent > 0 => bits + (12 << 7),
                false if exponent > 12 => bits - (12 << 7),
                _ => 0,
            };
            half.copy_from_slice(&moved.to_le_bytes());
        }
    }
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_good_small_form_is_installed_with_its_report_beside_it() {
    let sandbox = Sandbox::new();
    let folder = tiny();
    sandbox.ok(&["model", "import", folder.to_str().unwrap(), "--quiet"]);
    let texts = texts(&sandbox);
    let quantize = ["model", "quantize", "companion-tiny", "--to", "int8"];
    let more = ["--calibrate", &texts, "--json"];
    let made = json(&sandbox, &[&quantize[..], &more[..]].concat(), 0);
    assert_eq!(made["installed"], true);
    let gate = &made["gate"];
    assert!(
        gate["verdict"] == "passed" || gate["verdict"] == "warned",
        "{gate}"
    );
    for name in [
        "weights",
        "next token",
        "perplexity",
        "divergence",
        "first token",
        "incoherent",
        "write a token",
    ] {
        let check = check(gate, name);
        assert!(check["after"].is_number(), "{check}");
        assert!(check["n"].as_u64() > Some(0), "{check}");
    }
    for name in ["next token", "divergence", "first token"] {
        let check = check(gate, name);
        let end = |at: usize| check["interval"][at].as_f64().unwrap();
        let after = check["after"].as_f64().unwrap();
        assert!(end(0) <= after && after <= end(1) + 1e-9, "{check}");
    }
    let (before, after) = (
        &check(gate, "weights")["before"],
        &check(gate, "weights")["after"],
    );
    assert!(after.as_f64() < before.as_f64().map(|bytes| 0.4 * bytes));
    let shown = json(
        &sandbox,
        &["model", "show", "companion-tiny-int8", "--json"],
        0,
    );
    assert_eq!(&shown["gate"], gate);
    assert_eq!(shown["name"], "companion-tiny-int8");
    let report = &shown["quantization"];
    assert_eq!(report["matrices"], made["matrices"]);
    assert!(report["matrices"][0]["relative_error"].as_f64() > Some(0.0));
    assert_eq!(report["calibration_texts"], 3, "{report}");
    assert_eq!(report["calibration_texts_given"], 3);
    let text = sandbox.ok(&["model", "show", "companion-tiny-int8"]);
    assert!(
        text.contains("quality gate: passed")
            && text.contains("perplexity")
            && text.contains("95 % between"),
        "{text}"
    );
    // Nothing of the trial is left, and the model is whole.
    assert_eq!(
        names(&sandbox.home().join("models")),
        ["companion-tiny", "companion-tiny-int8"]
    );
    sandbox.ok(&["model", "verify"]);
}

#[test]
fn a_form_that_fails_is_not_installed_unless_it_must_be() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("brittle");
    brittle(&folder);
    sandbox.ok(&["model", "import", folder.to_str().unwrap(), "--quiet"]);
    let texts = texts(&sandbox);
    let quantize = [
        "model",
        "quantize",
        "brittle",
        "--to",
        "int4",
        "--calibrate",
        &texts,
        "--json",
    ];
    let made = json(&sandbox, &quantize, 1);
    assert_eq!(
        (&made["installed"], &made["gate"]["verdict"]),
        (&false.into(), &"failed".into())
    );
    assert_eq!(
        check(&made["gate"], "perplexity")["verdict"],
        "failed",
        "{made}"
    );
    assert_eq!(names(&sandbox.home().join("models")), ["brittle"]);
    let said = sandbox.fails(1, &quantize);
    assert!(
        said.contains("was not installed") && said.contains("--force"),
        "{said}"
    );

    let made = json(&sandbox, &[&quantize[..], &["--force"]].concat(), 0);
    assert_eq!(
        (&made["installed"], &made["gate"]["forced"]),
        (&true.into(), &true.into())
    );
    let text = sandbox.ok(&["model", "show", "brittle-int4"]);
    assert!(
        text.contains("quality gate: failed, installed all the same"),
        "{text}"
    );
}

/// A model of token ids alone has nothing to read texts with.
#[test]
fn texts_for_a_model_without_a_tokenizer_are_refused() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("mute");
    fs::create_dir_all(&folder).unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        fs::copy(tiny().join(file), folder.join(file)).unwrap();
    }
    sandbox.ok(&["model", "import", folder.to_str().unwrap(), "--quiet"]);
    // As a synthesized model is, which would take a minute to make.
    fs::remove_file(sandbox.home().join("models/mute/tokenizer.json")).unwrap();
    let texts = texts(&sandbox);
    let said = sandbox.fails(
        1,
        &[
            "model",
            "quantize",
            "mute",
            "--to",
            "int8",
            "--calibrate",
            &texts,
        ],
    );
    assert!(
        said.contains("\"mute\" has no tokenizer") && said.contains("leave --calibrate away"),
        "{said}"
    );
    assert_eq!(names(&sandbox.home().join("models")), ["mute"]);
}

#[test]
fn your_own_entries_are_read_by_both_forms_and_only_numbers_are_kept() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    for text in [
        "Zebrawood shelf finished at last, so proud of it.",
        "Slept badly again and snapped at Jo over nothing.",
    ] {
        sandbox.ok(&["new", text, "--quiet"]);
    }
    let tuned = json(&sandbox, &["model", "tune", "--mine", "--json"], 0);
    assert_eq!(
        (&tuned["entries"], &tuned["verdict"]),
        (&2.into(), &"too_few".into())
    );
    for name in ["sentiment", "cosine"] {
        assert!(check(&tuned, name)["after"].is_number(), "{tuned}");
    }
    assert!(!tuned.to_string().contains("Zebrawood"));
    let said = sandbox.fails(2, &["model", "tune"]);
    assert!(said.contains("--mine"), "{said}");
}
