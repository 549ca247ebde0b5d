//! `companion generate` and `companion benchmark --inference` with companion-tiny, as a user runs them.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::path::Path;

use serde_json::Value;
use support::Sandbox;

fn with_tiny() -> Sandbox {
    let sandbox = Sandbox::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/companion-tiny");
    sandbox.ok(&["model", "import", folder.to_str().unwrap(), "--quiet"]);
    sandbox
}

#[test]
fn a_schema_is_followed_and_refused_beside_a_stop_string() {
    let sandbox = with_tiny();
    let schema = sandbox.path("schema.json");
    std::fs::write(&schema, r#"{"type": "string", "maxLength": 20}"#).unwrap();
    let generate = ["generate", "-m", "companion-tiny", "--max-tokens", "30"];
    let with_schema = ["--schema", schema.to_str().unwrap(), "How was the day?"];
    let text = sandbox.ok(&[&generate[..], &with_schema[..]].concat());
    assert!(
        serde_json::from_str::<Value>(&text).unwrap().is_string(),
        "{text}"
    );
    let said = sandbox.fails(
        2,
        &[&generate[..], &["--stop", "h"], &with_schema[..]].concat(),
    );
    assert!(
        said.contains("--stop <TEXT>") && said.contains("cannot be used with"),
        "{said}"
    );
}

/// Scripts of the peers read this object: what it holds is a promise.
#[test]
fn a_measured_size_of_work_is_one_object_of_these_figures() {
    let sandbox = with_tiny();
    let text = sandbox.ok(&[
        "benchmark",
        "--inference",
        "-m",
        "companion-tiny",
        "--prompt-tokens",
        "8",
        "--gen-tokens",
        "4",
        "--runs",
        "1",
        "--json",
        "--quiet",
    ]);
    let figures: Value = serde_json::from_str(&text).unwrap();
    for name in ["prefill_tok_s", "decode_tok_s", "ttft_ms", "load_ms"] {
        let figure = figures[name].as_object().unwrap();
        let keys: Vec<&str> = figure.keys().map(String::as_str).collect();
        assert_eq!(keys.len(), 4, "{name}: {keys:?}");
        for key in ["median", "min", "max"] {
            assert!(figure[key].as_f64().unwrap() > 0.0, "{name}.{key}");
        }
        assert_eq!(figure["n"], 1, "{name}");
    }
    for name in ["peak_rss_bytes", "weights_bytes", "threads"] {
        assert!(figures[name].as_u64().unwrap() > 0, "{name}");
    }
    assert!(!figures["kernel"].as_str().unwrap().is_empty());
    let model = figures["model"].as_str().unwrap();
    assert!(model.starts_with("companion-tiny"), "{model}");
}
