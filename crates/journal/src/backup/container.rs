//! The backup file itself: written in one pass, checked before it is believed.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{BackedUp, Manifest};
use crate::home::sync_dir;
use crate::secret::hex;
use crate::{Error, Result};

const MAGIC: &str = "companion-backup 1\n";
/// The only names that can occur.
const NAMES: [&str; 4] = ["journal.db", "journal.db-wal", "vault.json", "journal.key"];
/// A manifest has well under 2 KiB.
const MAX_MANIFEST: usize = 64 * 1024;

/// Sizes and digests of the files to be backed up.
pub(super) fn describe(sources: &[(&str, PathBuf)]) -> Result<Vec<BackedUp>> {
    let one = |(name, path): &(&str, PathBuf)| {
        let mut file = File::open(path).map_err(|e| Error::io("read", path, e))?;
        let (bytes, sha256) =
            copy(&mut file, &mut std::io::sink()).map_err(|e| Error::io("read", path, e))?;
        Ok(BackedUp {
            name: (*name).to_owned(),
            bytes,
            sha256,
        })
    };
    sources.iter().map(one).collect()
}

/// Writes the container beside `file` and gives it its name when it is whole and on the disk.
pub(super) fn write(file: &Path, manifest: &Manifest, sources: &[(&str, PathBuf)]) -> Result<()> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let temporary = file.with_file_name(name);
    let done = write_to(&temporary, manifest, sources).and_then(|()| {
        // Unlike a rename, a link never replaces a file that appeared meanwhile.
        std::fs::hard_link(&temporary, file)
            .or_else(|e| {
                if file.exists() {
                    Err(e)
                } else {
                    std::fs::rename(&temporary, file)
                }
            })
            .map_err(|e| Error::io("name", file, e))
    });
    // After a rename there is nothing to remove; after a failure the first error is the one to report.
    let _ = std::fs::remove_file(&temporary);
    done?;
    match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => sync_dir(dir),
        _ => sync_dir(Path::new(".")),
    }
}

fn write_to(path: &Path, manifest: &Manifest, sources: &[(&str, PathBuf)]) -> Result<()> {
    let failed = |e| Error::io("write", path, e);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    let mut out = BufWriter::new(file);
    let json = serde_json::to_vec_pretty(manifest).expect("strings and numbers");
    let head = format!("{MAGIC}{} {}\n", json.len(), hex(&Sha256::digest(&json)));
    out.write_all(head.as_bytes())
        .and_then(|()| out.write_all(&json))
        .and_then(|()| out.write_all(b"\n"))
        .map_err(failed)?;
    for ((_, source), described) in sources.iter().zip(&manifest.files) {
        let mut from = File::open(source).map_err(|e| Error::io("read", source, e))?;
        let (bytes, sha256) = copy(&mut from, &mut out).map_err(failed)?;
        if (bytes, &sha256) != (described.bytes, &described.sha256) {
            return Err(Error::Backup {
                path: path.into(),
                reason: format!("{} changed while it was read", described.name),
            });
        }
    }
    let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
    file.sync_all().map_err(failed)
}

/// The manifest of a backup, checked, and a reader at the start of the contents.
pub(super) fn open(path: &Path) -> Result<(Manifest, BufReader<File>)> {
    let bad = |reason: &str| Error::Backup {
        path: path.into(),
        reason: reason.into(),
    };
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    let size = file
        .metadata()
        .map_err(|e| Error::io("read", path, e))?
        .len();
    let mut reader = BufReader::new(file);
    let magic = read_line(&mut reader).ok_or_else(|| bad("it is not a Companion backup"))?;
    if magic != MAGIC.trim_end() {
        return Err(bad(match magic.strip_prefix("companion-backup ") {
            Some(_) => "a newer Companion wrote it; update Companion",
            None => "it is not a Companion backup",
        }));
    }
    let sizes = read_line(&mut reader).ok_or_else(|| bad("it is cut off"))?;
    let (length, digest) = sizes
        .split_once(' ')
        .ok_or_else(|| bad("its second line is damaged"))?;
    let length: usize = length
        .parse()
        .ok()
        .filter(|n| *n <= MAX_MANIFEST)
        .ok_or_else(|| bad("its second line is damaged"))?;
    let mut json = vec![0; length + 1];
    reader
        .read_exact(&mut json)
        .map_err(|_| bad("it is cut off"))?;
    json.pop();
    if hex(&Sha256::digest(&json)) != digest {
        return Err(bad("its manifest is damaged"));
    }
    let manifest: Manifest = serde_json::from_slice(&json)
        .map_err(|e| bad(&format!("its manifest cannot be read: {e}")))?;
    check_manifest(&manifest).map_err(|reason| bad(&reason))?;
    let contents = manifest
        .files
        .iter()
        .try_fold(0u64, |sum, file| sum.checked_add(file.bytes));
    let expected =
        contents.and_then(|sum| sum.checked_add((MAGIC.len() + sizes.len() + length + 2) as u64));
    match expected {
        Some(expected) if expected == size => Ok((manifest, reader)),
        Some(expected) => Err(bad(&format!(
            "it has {size} bytes, not {expected}: it is cut off or was appended to"
        ))),
        None => Err(bad("its manifest names impossible sizes")),
    }
}

fn read_line(reader: &mut BufReader<File>) -> Option<String> {
    let mut line = Vec::new();
    reader
        .by_ref()
        .take(128)
        .read_until(b'\n', &mut line)
        .ok()?;
    (line.pop() == Some(b'\n'))
        .then(|| String::from_utf8(line).ok())
        .flatten()
}

fn check_manifest(manifest: &Manifest) -> std::result::Result<(), String> {
    for (at, file) in manifest.files.iter().enumerate() {
        if !NAMES.contains(&file.name.as_str()) {
            return Err(format!(
                "it names the file {:?}, which no journal has",
                file.name
            ));
        }
        if manifest.files[..at]
            .iter()
            .any(|earlier| earlier.name == file.name)
        {
            return Err(format!("it names {} twice", file.name));
        }
    }
    if manifest.files.is_empty() {
        return Err("it holds no file".into());
    }
    Ok(())
}

/// Checks every digest.
pub(super) fn check(path: &Path, manifest: &Manifest, content: &mut impl Read) -> Result<()> {
    manifest
        .files
        .iter()
        .try_for_each(|file| take(path, file, content, &mut std::io::sink()))
}

/// Writes the files into `dir`, each checked.
pub(super) fn extract(
    path: &Path,
    manifest: &Manifest,
    content: &mut impl Read,
    dir: &Path,
) -> Result<()> {
    for file in &manifest.files {
        let to = dir.join(&file.name);
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&to);
        let mut out = made.map_err(|e| Error::io("write", &to, e))?;
        take(path, file, content, &mut out)?;
        out.sync_all().map_err(|e| Error::io("write", &to, e))?;
    }
    sync_dir(dir)
}

fn take(path: &Path, file: &BackedUp, content: &mut impl Read, out: &mut impl Write) -> Result<()> {
    let (bytes, sha256) =
        copy(&mut content.take(file.bytes), out).map_err(|e| Error::io("restore from", path, e))?;
    if (bytes, &sha256) != (file.bytes, &file.sha256) {
        return Err(Error::Backup {
            path: path.into(),
            reason: format!("{} in it is damaged (digest differs)", file.name),
        });
    }
    Ok(())
}

/// Copies everything; gives size and digest.
fn copy(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<(u64, String)> {
    let (mut sum, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok((bytes, hex(&sum.finalize()))),
            Ok(n) => {
                sum.update(&buffer[..n]);
                to.write_all(&buffer[..n])?;
                bytes += n as u64;
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}
