//! What the system tells about this process and this machine: memory, processor time, disk. Linux tells it in `/proc`;
//! elsewhere every answer is `None`, and the figure prints as not measured.

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

/// Ticks a second in `/proc`: a constant of the interface for thirty years.
const TICKS: f64 = 100.0;

/// Lets the peak of `metrics::process::peak` start anew from what is used now; false where the system does not let it.
pub(crate) fn forget_peak() -> bool {
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

fn kibibytes(text: &str) -> Option<u64> {
    let number: u64 = text.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(number * 1024)
}

/// Bytes in memory of the mapped files below `folder`.
pub(crate) fn mapped_bytes(folder: &Path) -> Option<u64> {
    let folder = fs::canonicalize(folder).ok()?;
    let maps = fs::read_to_string("/proc/self/smaps").ok()?;
    Some(mapped_below(&maps, &folder.to_string_lossy()))
}

fn mapped_below(smaps: &str, folder: &str) -> u64 {
    let (mut inside, mut sum) = (false, 0);
    for line in smaps.lines() {
        if let Some(rss) = line.strip_prefix("Rss:") {
            sum += if inside {
                kibibytes(rss).unwrap_or(0)
            } else {
                0
            };
        } else if line
            .split_whitespace()
            .next()
            .is_some_and(|first| first.contains('-'))
        {
            inside = line.contains(folder);
        }
    }
    sum
}

/// Asks the system to drop the pages of the files in `folder`; false where it cannot be asked.
pub(crate) fn evict(folder: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{Advice, fadvise};
        let Ok(files) = fs::read_dir(folder) else {
            return false;
        };
        files.flatten().filter(|f| f.path().is_file()).all(|file| {
            fs::File::open(file.path()).is_ok_and(|open| {
                // Pages that were not written yet cannot be dropped.
                open.sync_all().is_ok() && fadvise(&open, 0, None, Advice::DontNeed).is_ok()
            })
        })
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        false
    }
}

/// How busy the processor was during some work.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CpuFigures {
    /// Cores that this process kept busy, on average.
    pub process_cores: f64,
    /// The share of time that each core was busy, whoever kept it so.
    pub by_core: Vec<f64>,
}

/// The counters before some work.
pub(crate) struct CpuWatch {
    begun: Instant,
    process: f64,
    cores: Vec<(f64, f64)>,
}

impl CpuWatch {
    /// Reads the counters.
    pub(crate) fn start() -> Option<CpuWatch> {
        Some(CpuWatch {
            process: process_seconds(&fs::read_to_string("/proc/self/stat").ok()?)?,
            cores: cores(&fs::read_to_string("/proc/stat").ok()?),
            begun: Instant::now(),
        })
    }

    /// Reads them again.
    pub(crate) fn stop(self) -> Option<CpuFigures> {
        let seconds = self.begun.elapsed().as_secs_f64();
        let process = process_seconds(&fs::read_to_string("/proc/self/stat").ok()?)?;
        let cores = cores(&fs::read_to_string("/proc/stat").ok()?);
        let share = |((busy, all), (busy_before, all_before)): (&(f64, f64), &(f64, f64))| {
            (busy - busy_before) / (all - all_before).max(1.0)
        };
        // The counters step by 10 ms: of less than a fifth of a second they say nothing.
        (seconds >= 0.2).then(|| CpuFigures {
            process_cores: (process - self.process) / seconds,
            by_core: cores.iter().zip(&self.cores).map(share).collect(),
        })
    }
}

/// Seconds that all threads of a process ran, from its `stat`.
fn process_seconds(stat: &str) -> Option<f64> {
    // The name, in parentheses, may hold blanks.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

/// Busy and all ticks of each core.
fn cores(stat: &str) -> Vec<(f64, f64)> {
    let core = |line: &str| {
        let rest = line.strip_prefix("cpu")?;
        let mut words = rest.split_whitespace();
        rest.starts_with(|c: char| c.is_ascii_digit())
            .then_some(())?;
        words.next();
        let ticks: Vec<f64> = words.take(8).filter_map(|t| t.parse().ok()).collect();
        let idle: f64 = ticks.iter().skip(3).take(2).sum();
        let all: f64 = ticks.iter().sum();
        Some((all - idle, all))
    };
    stat.lines().filter_map(core).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_counters_of_proc() {
        let stat =
            "cpu  9 9 9 9 9 9 9 9\ncpu0 10 0 10 70 10 0 0 0 5 5\ncpu1 50 0 50 0 0 0 0 0\nintr 1\n";
        assert_eq!(cores(stat), [(20.0, 100.0), (100.0, 100.0)]);
        let line = "7 (a (b) c) R 1 1 1 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 1 0";
        assert_eq!(process_seconds(line), Some(2.0));
        assert_eq!(process_seconds("nothing"), None);
    }

    #[test]
    fn mapped_files_are_told_from_other_memory() {
        let smaps = "7f00-7f10 r--s 0 08:01 3 /m/a/model.safetensors\nSize: 9 kB\nRss: 8 kB\n\
            7f20-7f30 rw-p 0 00:00 0 [heap]\nRss: 100 kB\n7f40-7f50 r--s 0 08:01 4 /m/b/x\nRss: 4 kB\n";
        assert_eq!(mapped_below(smaps, "/m/a"), 8 * 1024);
    }
}
