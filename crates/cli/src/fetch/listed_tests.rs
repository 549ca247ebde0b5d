//! Pulling a model by the hub's own list of its files: sharded, resumed, and lied to.

use std::io::Write as _;
use std::sync::Arc;

use super::progress::Lines;
use super::test_server::{Seen, Server, serve, status};
use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn sha256_of(bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, bytes).unwrap();
    engine::store::sha256_file(file.path()).unwrap().0
}

/// A repository of two shards, with files that nobody wants.
struct Repository {
    files: Vec<(&'static str, Vec<u8>)>,
    folder: tempfile::TempDir,
}

impl Repository {
    fn new() -> Repository {
        let shard = |from: u32| (from..from + 100_000).flat_map(u32::to_le_bytes).collect();
        Repository {
            files: vec![
                (".gitattributes", b"*".to_vec()),
                ("README.md", b"# it".to_vec()),
                ("config.json", b"{\"model_type\": \"qwen2\"}".to_vec()),
                ("model-00001-of-00002.safetensors", shard(0)),
                ("model-00002-of-00002.safetensors", shard(7)),
                (
                    "model.safetensors.index.json",
                    b"{\"weight_map\": {}}".to_vec(),
                ),
                ("onnx/model.safetensors", b"no".to_vec()),
                ("tokenizer.json", b"{}".to_vec()),
                ("tokenizer_config.json", b"{ }".to_vec()),
            ],
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The hub's list, as its API writes it.
    fn listing(&self) -> serde_json::Value {
        let siblings: Vec<_> = self
            .files
            .iter()
            .map(|(name, bytes)| {
                let mut file = serde_json::json!({"rfilename": name, "size": bytes.len(), "blobId": "f00"});
                if name.ends_with(".safetensors") || *name == "tokenizer.json" {
                    file["lfs"] = serde_json::json!({"sha256": sha256_of(bytes), "size": bytes.len(), "pointerSize": 134});
                }
                file
            })
            .collect();
        serde_json::json!({"id": "owner/name", "sha": COMMIT, "private": false, "siblings": siblings})
    }

    /// A hub with this list, whose files are answered by `answer`.
    fn server(
        &self,
        listing: String,
        answer: impl Fn(&str, &Seen, usize, &mut std::net::TcpStream, &[u8]) -> std::io::Result<()>
        + Send
        + Sync
        + 'static,
    ) -> Server {
        let files = Arc::new(self.files.clone());
        Server::start(move |request, number, stream| {
            let path = request.path.as_str();
            if path == "/api/models/owner/name/revision/main?blobs=true" {
                return serve(request, stream, listing.as_bytes(), "\"list\"");
            }
            let name = path
                .strip_prefix(&format!("/owner/name/resolve/{COMMIT}/"))
                .or_else(|| path.strip_prefix("/cdn/"));
            let file = name.and_then(|name| files.iter().find(|(known, _)| *known == name));
            match file {
                Some((name, bytes)) => answer(name, request, number, stream, bytes),
                None => status(stream, 404, ""),
            }
        })
    }

    fn fetch(&self, server: &Server) -> Result<Fetched, FetchError> {
        let mut progress = Lines::new(std::io::sink());
        let cancelled = AtomicBool::new(false);
        let mut job = Job {
            folder: self.folder.path(),
            limits: Limits {
                patience: Duration::from_millis(600),
                backoff: Duration::from_millis(10),
                attempts: 2,
                ..Limits::default()
            },
            progress: &mut progress,
            cancelled: &cancelled,
        };
        fetch_listed_from(&server.endpoint, "name", "owner/name", &mut job)
    }
}

fn honest(
    name: &str,
    request: &Seen,
    _: usize,
    stream: &mut std::net::TcpStream,
    bytes: &[u8],
) -> std::io::Result<()> {
    serve(request, stream, bytes, &format!("\"{name}\""))
}

#[test]
fn a_sharded_model_is_pulled_by_the_hubs_list_and_nothing_else_of_it() {
    let repository = Repository::new();
    let server = repository.server(repository.listing().to_string(), honest);
    let fetched = repository.fetch(&server).unwrap();
    assert_eq!(fetched.origin, format!("hub:owner/name@{COMMIT}"));
    let names: Vec<&str> = fetched
        .files
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let wanted = [
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ];
    assert_eq!(names, wanted);
    for (name, path) in &fetched.files {
        let (_, bytes) = repository
            .files
            .iter()
            .find(|(known, _)| known == name)
            .unwrap();
        assert_eq!(&std::fs::read(path).unwrap(), bytes, "{name}");
    }
}

#[test]
fn large_files_come_from_where_the_hub_redirects_to() {
    let repository = Repository::new();
    let server = repository.server(
        repository.listing().to_string(),
        |name, request, number, stream, bytes| {
            if name.ends_with(".safetensors") && !request.path.starts_with("/cdn/") {
                let linked = "x-linked-etag: \"f00\"\r\n";
                return status(stream, 302, &format!("{linked}location: /cdn/{name}\r\n"));
            }
            honest(name, request, number, stream, bytes)
        },
    );
    repository.fetch(&server).unwrap();
    let cdn = server
        .seen()
        .iter()
        .filter(|seen| seen.path.starts_with("/cdn/"))
        .count();
    assert_eq!(cdn, 2);
}

#[test]
fn an_interrupted_download_goes_on_with_the_commit_it_began_with() {
    let repository = Repository::new();
    // The second shard breaks off half-way, each time it is asked for.
    let server = repository.server(
        repository.listing().to_string(),
        |name, request, number, stream, bytes| {
            if name != "model-00002-of-00002.safetensors" {
                return honest(name, request, number, stream, bytes);
            }
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nconnection: close\r\netag: \"{name}\"\r\ncontent-length: {}\r\n\r\n",
                bytes.len()
            )?;
            stream.write_all(&bytes[..bytes.len() / 2])
        },
    );
    assert!(matches!(
        repository.fetch(&server),
        Err(FetchError::Truncated { .. })
    ));
    // Meanwhile the repository has moved on; the list that the download began with holds.
    let mut moved = repository.listing();
    moved["sha"] = "ffffffffffffffffffffffffffffffffffffffff".into();
    let server = repository.server(moved.to_string(), honest);
    let fetched = repository.fetch(&server).unwrap();
    assert_eq!(fetched.origin, format!("hub:owner/name@{COMMIT}"));
    let seen = server.seen();
    assert_eq!(seen.len(), 1, "only what was missing is asked for");
    assert_eq!(seen[0].start(), Some(200_000));
}

#[test]
fn a_file_with_another_digest_than_listed_is_thrown_away() {
    let repository = Repository::new();
    let server = repository.server(
        repository.listing().to_string(),
        |name, request, number, stream, bytes| {
            let mut bytes = bytes.to_vec();
            if name == "model-00001-of-00002.safetensors" {
                bytes[17] ^= 1;
            }
            honest(name, request, number, stream, &bytes)
        },
    );
    let error = repository.fetch(&server).unwrap_err();
    let file = "model-00001-of-00002.safetensors";
    assert!(
        matches!(&error, FetchError::WrongDigest { file: named, .. } if named == file),
        "{error}"
    );
    assert!(!repository.folder.path().join(file).exists());
}

#[test]
fn a_file_of_another_size_than_listed_is_refused() {
    let repository = Repository::new();
    let server = repository.server(
        repository.listing().to_string(),
        |name, request, number, stream, bytes| {
            let mut bytes = bytes.to_vec();
            if name == "config.json" {
                bytes.extend([b' '; 100]);
            }
            honest(name, request, number, stream, &bytes)
        },
    );
    let error = repository.fetch(&server).unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");
}

#[test]
fn lists_that_cannot_be_are_refused() {
    let repository = Repository::new();
    let good = repository.listing();
    let change = |at: usize, key: &str, value: serde_json::Value| {
        let mut list = good.clone();
        list["siblings"][at][key] = value;
        list.to_string()
    };
    let mut no_commit = good.clone();
    no_commit["sha"] = "../../etc".into();
    let mut no_weights = good.clone();
    let siblings = no_weights["siblings"].as_array_mut().unwrap();
    siblings.retain(|file| file.get("lfs").is_none() || file["rfilename"] == "tokenizer.json");
    let cases = [
        (
            "nonsense".to_owned(),
            "the hub's list of files cannot be used: expected ident at line 1 column 2",
        ),
        (
            no_commit.to_string(),
            "the hub's list of files cannot be used: \"../../etc\" is no commit",
        ),
        (
            no_weights.to_string(),
            "model.safetensors is not in owner/name",
        ),
        (
            change(2, "rfilename", "x".into()),
            "config.json is not in owner/name",
        ),
        (
            change(3, "lfs", serde_json::Value::Null),
            "the hub's list of files cannot be used: model-00001-of-00002.safetensors has no sha256",
        ),
        (
            change(2, "size", serde_json::Value::Null),
            "the hub's list of files cannot be used: config.json has no size, or one that cannot be",
        ),
        (
            change(3, "lfs", serde_json::json!({"sha256": "zz", "size": 1})),
            "the hub's list of files cannot be used: model-00001-of-00002.safetensors: \"zz\" is no sha256",
        ),
    ];
    for (list, expected) in cases {
        let server = repository.server(list, honest);
        let error = repository.fetch(&server).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(
            !repository.folder.path().join("hub.json").exists(),
            "{expected}"
        );
    }
    let server = Server::start(|_, _, stream| status(stream, 401, ""));
    let error = repository.fetch(&server).unwrap_err();
    assert_eq!(error.to_string(), "answered 401 for the list of files");
}
