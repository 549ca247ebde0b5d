//! The documents tell the truth: what they show to type is typed, what they name is looked for.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    missing_docs,
    reason = "a failed unwrap is a failed test, and what was run is told"
)]

mod named;
mod rewrite;
mod run;
mod shown;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

/// The repository.
fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

/// Every document by its path and text, but for the changelog, which tells of what was.
fn documents() -> Vec<(String, String)> {
    let (root, mut paths) = (root(), Vec::new());
    gather(&root, &mut paths);
    paths.sort();
    let named = paths.into_iter().map(|path| {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
        (name.to_owned(), std::fs::read_to_string(&path).unwrap())
    });
    named.filter(|(name, _)| name != "CHANGELOG.md").collect()
}

fn gather(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() && !name.starts_with('.') && name != "target" {
            gather(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}
