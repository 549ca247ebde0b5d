//! Which files a repository on the hub has: for models whose digests are not part of this program.
//!
//! The hub lists a commit's files with their sizes, and for those it keeps as large files (weights,
//! tokenizers) the SHA-256. The list is kept beside the download as `hub.json` and used again until the model
//! is installed, so that a download that goes on another day gets the rest of the same commit, compared
//! with the same digests. That the first list is honest has to be taken on trust, the hub's and TLS's.

use std::path::Path;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::http::{self, Message, Request};
use super::{FetchError, Job, Wanted, WantedFile};

/// File name of the list.
const KEPT: &str = "hub.json";

/// The longest list that is read; that of a large model has 20 kB.
const MAX_BYTES: usize = 4 << 20;

/// More than any file of a model for laptops has.
const MAX_FILE_BYTES: u64 = 64 << 30;

/// What is fetched besides weights, where it exists.
const BESIDE: &[&str] = &[
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    INDEX,
];

/// The list of a model's weight files, where there are several.
const INDEX: &str = "model.safetensors.index.json";

/// The hub's answer, as far as it is used.
#[derive(Debug, Serialize, Deserialize)]
struct Listing {
    /// The commit.
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lfs: Option<Large>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Large {
    sha256: String,
    size: u64,
}

/// The files of `repository` at the tip of its main branch, or at the commit that a download began with.
pub(super) fn wanted(
    endpoint: &str,
    model: &str,
    repository: &str,
    job: &mut Job<'_>,
) -> Result<Wanted, FetchError> {
    let kept = job.folder.join(KEPT);
    let bytes = match std::fs::read(&kept) {
        Ok(bytes) => bytes,
        Err(_) => {
            let url = format!("{endpoint}/api/models/{repository}/revision/main?blobs=true");
            get(&url, job)?
        }
    };
    let listing = parse(&bytes)?;
    let wanted = choose(&listing, model, repository)?;
    write(&kept, &listing)?;
    Ok(wanted)
}

fn write(path: &Path, listing: &Listing) -> Result<(), FetchError> {
    let json = serde_json::to_vec(listing).map_err(|e| FetchError::io(path, e.into()))?;
    let part = path.with_extension("json.part");
    std::fs::write(&part, json)
        .and_then(|()| std::fs::rename(&part, path))
        .map_err(|e| FetchError::io(path, e))
}

fn bad(reason: impl Into<String>) -> FetchError {
    FetchError::BadListing {
        reason: reason.into(),
    }
}

fn parse(bytes: &[u8]) -> Result<Listing, FetchError> {
    let listing: Listing = serde_json::from_slice(bytes).map_err(|e| bad(e.to_string()))?;
    let is_commit =
        |sha: &str| (4..=64).contains(&sha.len()) && sha.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_commit(&listing.sha) {
        return Err(bad(format!("{:?} is no commit", listing.sha)));
    }
    Ok(listing)
}

fn choose(listing: &Listing, model: &str, repository: &str) -> Result<Wanted, FetchError> {
    let mut files = Vec::new();
    let sharded = listing.siblings.iter().any(|file| file.rfilename == INDEX);
    for file in &listing.siblings {
        let name = file.rfilename.as_str();
        if !BESIDE.contains(&name) && !is_weights(name, sharded) {
            continue;
        }
        let size_bytes = (file.lfs.as_ref().map(|large| large.size)).or(file.size);
        let size_bytes = size_bytes
            .filter(|size| (1..=MAX_FILE_BYTES).contains(size))
            .ok_or_else(|| bad(format!("{name} has no size, or one that cannot be")))?;
        let sha256 = match &file.lfs {
            None if is_weights(name, sharded) => {
                return Err(bad(format!("{name} has no sha256")));
            }
            None => Vec::new(),
            Some(large)
                if large.sha256.len() == 64
                    && large.sha256.bytes().all(|b| b.is_ascii_hexdigit()) =>
            {
                vec![large.sha256.to_ascii_lowercase()]
            }
            Some(large) => return Err(bad(format!("{name}: {:?} is no sha256", large.sha256))),
        };
        files.push(WantedFile {
            name: name.to_owned(),
            sha256,
            size_bytes,
        });
    }
    let has = |name: &str| files.iter().any(|file| file.name == name);
    for needed in ["config.json", "tokenizer.json"] {
        if !has(needed) {
            return Err(FetchError::Missing {
                file: needed.to_owned(),
                place: repository.to_owned(),
            });
        }
    }
    if !files.iter().any(|file| is_weights(&file.name, sharded)) {
        return Err(FetchError::Missing {
            file: "model.safetensors".to_owned(),
            place: repository.to_owned(),
        });
    }
    Ok(Wanted {
        model: model.to_owned(),
        repository: repository.to_owned(),
        revision: listing.sha.clone(),
        package: None,
        files,
    })
}

/// `model.safetensors`, or `model-00001-of-00002.safetensors` where there are several.
fn is_weights(name: &str, sharded: bool) -> bool {
    if !sharded {
        return name == "model.safetensors";
    }
    name.strip_prefix("model-")
        .and_then(|rest| rest.strip_suffix(".safetensors"))
        .and_then(|rest| rest.split_once("-of-"))
        .is_some_and(|(part, of)| {
            [part, of]
                .iter()
                .all(|number| number.len() == 5 && number.bytes().all(|b| b.is_ascii_digit()))
        })
}

/// The body of an answer of at most [`MAX_BYTES`].
fn get(url: &str, job: &mut Job<'_>) -> Result<Vec<u8>, FetchError> {
    let messages = http::start(Request {
        url: url.to_owned(),
        resume: None,
        connect: job.limits.patience,
    });
    let until = Instant::now() + job.limits.patience;
    let mut body = Vec::new();
    loop {
        job.check_cancelled()?;
        if Instant::now() > until {
            let reason = format!("no list of files in {} s", job.limits.patience.as_secs());
            return Err(FetchError::Unreachable { reason });
        }
        match messages.recv_timeout(Duration::from_millis(50)) {
            Ok(Message::Head(head)) if head.status == 200 => {}
            Ok(Message::Head(head)) => {
                return Err(FetchError::Status {
                    file: "the list of files".to_owned(),
                    status: head.status,
                });
            }
            Ok(Message::Block(block)) => {
                body.extend_from_slice(&block);
                if body.len() > MAX_BYTES {
                    return Err(bad("it is longer than 4 MiB"));
                }
            }
            Ok(Message::End) => return Ok(body),
            Ok(Message::Failed(reason)) => return Err(FetchError::Unreachable { reason }),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let reason = "the connection was lost".to_owned();
                return Err(FetchError::Unreachable { reason });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weight_files_are_known_by_their_names() {
        for (name, sharded, expected) in [
            ("model.safetensors", false, true),
            ("model.safetensors", true, false),
            ("model-00001-of-00002.safetensors", true, true),
            ("model-00001-of-00002.safetensors", false, false),
            ("model-1-of-2.safetensors", true, false),
            ("../model-00001-of-00002.safetensors", true, false),
            ("pytorch_model.bin", false, false),
        ] {
            assert_eq!(is_weights(name, sharded), expected, "{name}");
        }
    }
}
