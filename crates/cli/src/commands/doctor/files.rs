//! The home folder: its rights, its disk, and what an interrupted command left in it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::Report;
use crate::context::Context;

/// Room below which saving may fail soon, and below which a small model does not fit.
const LITTLE_ROOM: u64 = 200_000_000;
const SOME_ROOM: u64 = 2_000_000_000;

/// A synced write of 4 KiB that takes longer makes every save feel slow.
const SLOW_SYNC: Duration = Duration::from_millis(60);

pub(super) fn check(context: &Context, report: &mut Report) {
    let home = context.home();
    let shown = home.display();
    let Ok(found) = fs::metadata(home) else {
        report.skip(
            "home",
            format!("{shown} is not there yet; the first entry makes it"),
        );
        return;
    };
    report.did("home");
    if !found.is_dir() {
        report.problem(
            "home-not-a-folder",
            format!("{shown} is not a folder"),
            "move it away, or name another with --home",
        );
        return;
    }
    rights(context, report);
    leftovers(home, report);
    disk(home, report);
}

/// Nobody else may read what lies in home.
fn rights(context: &Context, report: &mut Report) {
    let home = context.home();
    let journal = context.journal_home();
    let me = rustix::process::geteuid().as_raw();
    let own = [
        (home.to_owned(), "700"),
        (journal.vault(), "600"),
        (journal.vault_previous(), "600"),
        (journal.key_file(), "600"),
        (journal.database(), "600"),
    ];
    for (path, mode) in own {
        let Ok(found) = fs::metadata(&path) else {
            continue;
        };
        let shown = path.display();
        if found.uid() != me {
            report.problem(
                "owner",
                format!("{shown} belongs to another user (id {})", found.uid()),
                format!("run `chown {me} {shown}` as the administrator, or use your own home"),
            );
        } else if found.permissions().mode() & 0o077 != 0 {
            report.problem(
                "rights",
                format!("{shown} is open to other users of this computer"),
                format!("`chmod {mode} {shown}` closes it"),
            );
        }
    }
}

/// What a command that was killed has left: half-made models and half-written files.
fn leftovers(home: &Path, report: &mut Report) {
    let mut left = Vec::new();
    for (folder, is_left) in [
        (home.join("models"), is_staging as fn(&str) -> Option<u32>),
        (home.to_owned(), is_half_written),
    ] {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            // The process that makes it may still be at it.
            if is_left(&name).is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
                left.push(entry.path());
            }
        }
    }
    for path in left {
        let shown = path.display();
        report.advise(
            "leftover",
            format!("{shown} was left by a command that did not end"),
            format!("`rm -r {shown}` frees its room"),
        );
    }
}

/// The process of `.NAME.PID.part` and `.NAME.PID.old`.
fn is_staging(name: &str) -> Option<u32> {
    let name = name.strip_prefix('.')?;
    let (rest, end) = name.rsplit_once('.')?;
    let (_, pid) = rest.rsplit_once('.')?;
    matches!(end, "part" | "old").then(|| pid.parse().ok())?
}

/// The process of `NAME.new-PID`.
fn is_half_written(name: &str) -> Option<u32> {
    name.rsplit_once(".new-")?.1.parse().ok()
}

/// Room, and how long it takes until a small write is safe.
fn disk(home: &Path, report: &mut Report) {
    let shown = home.display();
    if let Ok(stat) = rustix::fs::statvfs(home) {
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        let says = format!(
            "{:.1} GB are free on the disk of {shown}",
            free as f64 / 1e9
        );
        if free < LITTLE_ROOM {
            report.problem("disk-full", says, "make room: saving will fail");
        } else if free < SOME_ROOM {
            report.advise(
                "disk-full",
                says,
                "make room before you fetch a language model",
            );
        }
    }
    report.did("disk");
    match sync_time(home) {
        Ok(time) if time > SLOW_SYNC => report.advise(
            "disk-slow",
            format!(
                "a small write to {shown} takes {} ms until it is safe, and every save waits for one",
                time.as_millis()
            ),
            "put home on another disk with --home (network folders and memory cards are slow)",
        ),
        Ok(_) => {}
        Err(error) => report.problem(
            "disk-read-only",
            format!("cannot write to {shown}: {error}"),
            "mount the disk for writing, or name another home with --home",
        ),
    }
}

/// The median time of five synced writes of 4 KiB to a file that is gone afterwards.
fn sync_time(home: &Path) -> std::io::Result<Duration> {
    let mut file = tempfile::tempfile_in(home)?;
    let mut times = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        std::io::Write::write_all(&mut file, &[0; 4096])?;
        file.sync_all()?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_unfinished_work_are_leftovers() {
        assert_eq!(is_staging(".minilm.int8.4711.part"), Some(4711));
        assert_eq!(is_staging(".minilm.4711.old"), Some(4711));
        for name in ["minilm", ".minilm.part", "minilm.4711.part", ".a.b.part"] {
            assert_eq!(is_staging(name), None, "{name}");
        }
        assert_eq!(is_half_written("vault.json.new-12"), Some(12));
        assert_eq!(is_half_written("vault.json"), None);
    }
}
