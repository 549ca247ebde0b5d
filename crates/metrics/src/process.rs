//! What the kernel's accounts say about this process: memory, disk, energy. Where a system keeps no such account, the
//! answer is `None`, and the figure is shown as unavailable.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use crate::registry::{add, add_time, record, sample_memory, take};
use crate::{Count, Measure, Measured, energy};

/// What had been read and written, and what the processor had used, when it was last noted.
struct Noted {
    at: Instant,
    disk: Option<Disk>,
    energy: Option<energy::Reading>,
    /// Whether the process is counted already.
    counted: bool,
}

static NOTED: Mutex<Option<Noted>> = Mutex::new(None);

/// Bytes between this process and the disk; what was found in memory is not in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// Read.
    pub read: u64,
    /// Handed to the disk, or about to be.
    pub written: u64,
}

/// Memory in use now (RSS), in bytes.
pub fn resident() -> Option<u64> {
    line(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// The most memory that was in use (RSS), in bytes.
pub fn peak() -> Option<u64> {
    line(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM:")
}

/// The most memory that process `pid` had in use (RSS), in bytes.
pub fn peak_of(pid: u32) -> Option<u64> {
    line(
        &fs::read_to_string(format!("/proc/{pid}/status")).ok()?,
        "VmHWM:",
    )
}

/// Memory in use with what is shared counted in parts (PSS), in bytes. Walks the page tables: a millisecond and more.
pub fn proportional() -> Option<u64> {
    line(&fs::read_to_string("/proc/self/smaps_rollup").ok()?, "Pss:")
}

/// What passed between this process and the disk so far.
pub fn disk() -> Option<Disk> {
    let text = fs::read_to_string("/proc/self/io").ok()?;
    let number = |name: &str| -> Option<u64> {
        let found = text.lines().find_map(|line| line.strip_prefix(name))?;
        found.trim().parse().ok()
    };
    Some(Disk {
        read: number("read_bytes:")?,
        written: number("write_bytes:")?,
    })
}

/// Whether this system lets the energy of its processor be read.
pub fn has_energy() -> bool {
    energy::Reading::now().is_some()
}

/// Begins the accounts of disk and energy. Called once, early; a later call changes nothing.
pub fn begin() {
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    noted.get_or_insert_with(|| Noted {
        at: Instant::now(),
        // What was read to start the program is its own, too.
        disk: disk().map(|_| Disk {
            read: 0,
            written: 0,
        }),
        energy: energy::Reading::now(),
        counted: false,
    });
}

/// What was recorded since it was last taken, with memory, disk and energy since then. `None` where nothing was: a process
/// that measured nothing has nothing to tell of its memory.
pub fn taken() -> Option<Measured> {
    let mut measured = take();
    if measured.is_empty() {
        return None;
    }
    note();
    measured.merge(&take());
    Some(measured)
}

/// The same at the end of a process, with the most memory that it had.
pub fn last() -> Option<Measured> {
    let mut measured = taken()?;
    if let Some(bytes) = peak() {
        measured.record(Measure::Peak, bytes);
    }
    Some(measured)
}

fn note() {
    begin();
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(last) = noted.as_mut() else { return };
    let now = Instant::now();
    let (disk, energy) = (disk(), energy::Reading::now());
    if let (Some(before), Some(after)) = (last.disk, disk) {
        add(Count::DiskRead, after.read.saturating_sub(before.read));
        add(
            Count::DiskWritten,
            after.written.saturating_sub(before.written),
        );
    }
    if let (Some(before), Some(after)) = (&last.energy, &energy) {
        add(Count::EnergyMicrojoules, after.since(before));
        add_time(Count::EnergyMicros, now - last.at);
    }
    if !last.counted {
        add(Count::Processes, 1);
    }
    *last = Noted {
        at: now,
        disk,
        energy,
        counted: true,
    };
    drop(noted);
    sample_memory();
    if let Some(bytes) = proportional() {
        record(Measure::Proportional, bytes);
    }
}

/// Samples the memory of the process, at most ten times a second. For whoever just did something large.
pub fn sample() {
    sample_memory();
}

/// Memory (RSS, in bytes) of the other processes that run this very program now. `None` where they cannot be listed.
pub fn others() -> Option<Vec<u64>> {
    let read = |process: PathBuf| line(&fs::read_to_string(process.join("status")).ok()?, "VmRSS:");
    // One that ends meanwhile has none.
    Some(other_processes()?.into_iter().filter_map(read).collect())
}

/// The sum over the same processes with what is shared counted in parts (PSS), in bytes. `None` where none runs, or where
/// one of them does not let it be read. Walks their page tables: a millisecond and more each.
pub fn others_proportional() -> Option<u64> {
    let read = |process: PathBuf| {
        line(
            &fs::read_to_string(process.join("smaps_rollup")).ok()?,
            "Pss:",
        )
    };
    let all = other_processes()?;
    let any = !all.is_empty();
    let sum: Option<u64> = all.into_iter().map(read).sum();
    sum.filter(|_| any)
}

/// The folders in `/proc` of the other processes that run this very program. Another user's cannot be looked into.
fn other_processes() -> Option<Vec<PathBuf>> {
    let program = fs::read_link("/proc/self/exe").ok()?;
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let name = entry.file_name();
        let pid: Option<u32> = name.to_str().and_then(|name| name.parse().ok());
        let runs_it = || fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == program);
        if pid.is_some_and(|pid| pid != std::process::id()) && runs_it() {
            found.push(entry.path());
        }
    }
    Some(found)
}

/// Memory of the machine, in bytes.
pub fn machine_memory() -> Option<u64> {
    line(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")
}

/// The number of kilobytes on the line that begins with `name`, in bytes.
fn line(text: &str, name: &str) -> Option<u64> {
    let found = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = found.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernels_account_is_read_in_bytes() {
        let text = "VmPeak:\t  900 kB\nVmRSS:\t    1788 kB\nThreads: 3\n";
        assert_eq!(line(text, "VmRSS:"), Some(1788 * 1024));
        assert_eq!(line(text, "VmSwap:"), None);
        assert_eq!(line("VmRSS: many kB", "VmRSS:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_its_peak_is_no_less() {
        let (now, most) = (resident().unwrap(), peak().unwrap());
        assert!(now > 100 * 1024 && most >= now, "{now} {most}");
    }
    #[cfg(target_os = "linux")]
    #[test]
    fn another_process_of_the_same_program_is_seen_with_both_of_its_sizes() {
        // This very test, run again, which waits for its input to end.
        if std::env::var_os("COMPANION_TEST_WAITS").is_some() {
            std::io::Read::read(&mut std::io::stdin(), &mut [0]).unwrap();
            return;
        }
        let name =
            "process::tests::another_process_of_the_same_program_is_seen_with_both_of_its_sizes";
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([name, "--exact", "--nocapture"])
            .env("COMPANION_TEST_WAITS", "1")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let folder = PathBuf::from(format!("/proc/{}", child.id()));
        let all = other_processes().unwrap();
        let seen = (
            all.contains(&folder),
            others().unwrap(),
            others_proportional(),
        );
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(seen.0 && !seen.1.is_empty(), "{seen:?}");
        assert!(seen.2.is_none_or(|bytes| bytes > 0), "{seen:?}");
    }
}
