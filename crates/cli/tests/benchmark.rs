//! `companion benchmark`, as a user runs it.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::path::Path;

use serde_json::Value;
use support::Sandbox;

#[test]
fn benchmark_gives_figures_with_what_they_are_about() {
    // No model: the workflow that it would be measured with takes minutes by its plain way.
    let sandbox = Sandbox::new();
    let text = sandbox.ok(&[
        "benchmark",
        "--journal",
        "--entries",
        "300",
        "--runs",
        "5",
        "--json",
        "--quiet",
    ]);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert!(report["machine"]["cores"].as_u64().unwrap() >= 1);
    assert!(
        report["encoder"].is_null() && report["startup"].is_null(),
        "only what was asked for"
    );
    let journal = &report["journal"];
    assert!(
        journal["entries"].as_u64().unwrap() > 300,
        "the saved ones are there"
    );
    for name in ["open", "add", "list", "full_text"] {
        assert!(journal[name]["p50_ms"].as_f64().unwrap() > 0.0, "{name}");
    }
    assert!(
        !sandbox.home().join("vault.json").exists(),
        "the user's home got no journal"
    );
}

#[test]
fn with_only_the_encoder_the_report_says_what_could_not_be_measured() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    let page = sandbox.path("report.html");
    let text = sandbox.ok(&[
        "benchmark",
        "--encoder",
        "--inference",
        "--quantization",
        "--batch",
        "--quick",
        "--runs",
        "2",
        "--entries",
        "60",
        "--quiet",
        "--html",
        page.to_str().unwrap(),
        "--save",
        sandbox.path("report.json").to_str().unwrap(),
    ]);
    let says = |what: &str| {
        text.lines()
            .any(|line| line.starts_with(what) && line.contains("not measured"))
    };
    assert!(
        says("batch: ") && says("inference of language models: "),
        "{text}"
    );
    assert!(says("quantization: "), "{text}");

    let html = std::fs::read_to_string(page).unwrap();
    asks_nobody(&html);
    assert_eq!(
        plots(&html),
        [
            "Latency distribution, minilm-int8",
            "Roofline",
            "Accuracy by bits, minilm"
        ]
    );

    let saved = std::fs::read_to_string(sandbox.path("report.json")).unwrap();
    let report: Value = serde_json::from_str(&saved).unwrap();
    let short = &report["encoder"]["short"];
    assert_eq!(
        (
            short["n"].as_u64(),
            short["samples_ms"].as_array().unwrap().len()
        ),
        (Some(2), 2)
    );
    assert!(short["p95_ms"].is_null() && short["p99_ms"].is_null());
    let lengths = report["inference"][0]["lengths"].as_array().unwrap();
    let words: Vec<u64> = lengths
        .iter()
        .map(|l| l["words"].as_u64().unwrap())
        .collect();
    assert_eq!(words, [50, 200, 500]);
    let [float, small] = &report["quantization"][0]["widths"].as_array().unwrap()[..] else {
        panic!("two widths of the encoder");
    };
    assert!(small["bytes"].as_u64().unwrap() * 3 < float["bytes"].as_u64().unwrap());
    assert!(small["agreement"]["mean"].as_f64().unwrap() > 0.8);
}

/// Nothing in the page is fetched from another place, however its address is quoted.
fn asks_nobody(html: &str) {
    let html = html.to_ascii_lowercase();
    for name in ["src", "href", "srcset", "url(", "@import"] {
        for (at, _) in html.match_indices(name) {
            let rest =
                html[at + name.len()..].trim_start_matches([' ', '\n', '\t', '=', '"', '\'']);
            for place in ["http:", "https:", "//"] {
                let shown: String = rest.chars().take(60).collect();
                assert!(!rest.starts_with(place), "{name} {shown}");
            }
        }
    }
    assert!(!html.contains("<script"));
}

/// The captions of the page's plots, up to what tells of the very model.
fn plots(html: &str) -> Vec<&str> {
    let captions = html.split("<figure><figcaption>").skip(1);
    captions
        .map(|rest| {
            let (caption, drawing) = rest.split_once("</figcaption>").unwrap();
            assert!(drawing.trim_start().starts_with("<svg"), "{caption}");
            caption.split('@').next().unwrap()
        })
        .collect()
}

#[test]
fn a_small_language_model_has_its_weights_its_loading_and_its_plots_in_the_report() {
    let sandbox = Sandbox::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/companion-tiny");
    sandbox.ok(&["model", "import", folder.to_str().unwrap(), "--quiet"]);
    let (page, report) = (sandbox.path("report.html"), sandbox.path("report.json"));
    let text = sandbox.ok(&[
        "benchmark",
        "--inference",
        "--batch",
        "--startup",
        "--quick",
        "--runs",
        "1",
        "--entries",
        "60",
        "--quiet",
        "--html",
        page.to_str().unwrap(),
        "--save",
        report.to_str().unwrap(),
    ]);
    let html = std::fs::read_to_string(page).unwrap();
    asks_nobody(&html);
    assert_eq!(
        plots(&html),
        [
            "Latency distribution, companion-tiny",
            "Roofline",
            "Batch curve"
        ]
    );
    assert!(text.contains("Loading companion-tiny@"), "{text}");
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with("measured in ") && last.contains(", startup "),
        "{last}"
    );

    let saved = std::fs::read_to_string(report).unwrap();
    let report: Value = serde_json::from_str(&saved).unwrap();
    let seconds = |suite: &str| report["suite_seconds"][suite].as_f64().unwrap();
    let suites: f64 = ["inference", "batch", "startup"].map(seconds).iter().sum();
    assert!(report["seconds"].as_f64().unwrap() >= suites);
    let load = &report["startup"]["loads"][0];
    assert_eq!(
        (&load["warm"]["n"], &load["warm_ready"]["n"]),
        (&1.into(), &1.into())
    );
    let model = &report["inference"][0];
    if let Some(memory) = model["memory"].as_object() {
        let bytes = |part: &str| memory[part].as_u64().unwrap();
        // Halves that became floats, in no file's pages.
        assert!(bytes("weights_bytes") >= 4 * model["parameters"].as_u64().unwrap());
        assert!(bytes("weights_bytes") + bytes("runtime_bytes") <= bytes("total_bytes"));
    }
}

#[test]
fn of_an_encoder_that_is_named_nothing_is_said_to_be_missing() {
    let sandbox = Sandbox::new();
    if !sandbox.with_models() {
        return;
    }
    let text = sandbox.ok(&[
        "benchmark",
        "--inference",
        "--batch",
        "--model",
        "minilm-int8",
        "--quick",
        "--runs",
        "1",
        "--quiet",
    ]);
    assert!(text.contains("Inference, minilm-int8@"), "{text}");
    for wrong in ["is installed", "inference of language models"] {
        assert!(!text.contains(wrong), "{wrong}: {text}");
    }
    let batch =
        "batch: not measured (minilm-int8 is an encoder, and this is about language models)";
    assert!(text.lines().any(|line| line == batch), "{text}");
}

#[test]
fn a_size_of_work_needs_a_model_and_a_record_to_compare_with_must_be_there() {
    let sandbox = Sandbox::new();
    let said = sandbox.fails(2, &["benchmark", "--inference", "--prompt-tokens", "8"]);
    assert!(said.contains("name it with -m"), "{said}");
    let said = sandbox.fails(1, &["benchmark", "--startup", "--compare", "no-such.json"]);
    assert!(said.contains("cannot read no-such.json"), "{said}");
}

#[test]
fn no_runs_at_all_are_refused_by_name() {
    let sandbox = Sandbox::new();
    for (wrong, option) in [
        (&["--startup", "--runs", "0"][..], "--runs <N>"),
        (&["--batch", "--batch-runs", "0"], "--batch-runs <N>"),
        (&["--startup", "--runs", "some"], "--runs <N>"),
    ] {
        let said = sandbox.fails(2, &[&["benchmark"][..], wrong].concat());
        assert!(said.contains(option), "{said}");
        assert!(said.contains("a figure needs one run or more"), "{said}");
    }
}
