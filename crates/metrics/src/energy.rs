//! The energy counters of the processor (RAPL), where the system lets them be read: most let only root.
//!
//! A counter is that of a whole package, so it counts what else ran on the machine, too; it is the upper bound that a
//! program can get without rights of its own.

use std::fs;
use std::path::Path;

const ROOT: &str = "/sys/class/powercap";

/// The counters of all packages, in microjoules, each with the value at which it begins anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading(Vec<(u64, u64)>);

impl Reading {
    /// The counters now; `None` where one of them cannot be read, or there is none.
    pub(crate) fn now() -> Option<Reading> {
        Reading::below(Path::new(ROOT))
    }

    fn below(root: &Path) -> Option<Reading> {
        let number = |path: std::path::PathBuf| -> Option<u64> {
            fs::read_to_string(path).ok()?.trim().parse().ok()
        };
        let mut packages = Vec::new();
        let mut names: Vec<_> = fs::read_dir(root).ok()?.flatten().collect();
        names.sort_by_key(fs::DirEntry::file_name);
        for entry in names {
            let name = entry.file_name().to_string_lossy().into_owned();
            // `intel-rapl:0` is a package, `intel-rapl:0:1` a part of it, counted in it.
            if !name.starts_with("intel-rapl:") || name.matches(':').count() != 1 {
                continue;
            }
            let dir = entry.path();
            let most = number(dir.join("max_energy_range_uj"))?;
            packages.push((number(dir.join("energy_uj"))?, most));
        }
        (!packages.is_empty()).then_some(Reading(packages))
    }

    /// Microjoules used since `before`.
    pub(crate) fn since(&self, before: &Reading) -> u64 {
        let used =
            |((now, most), (then, _)): (&(u64, u64), &(u64, u64))| match now.checked_sub(*then) {
                Some(used) => used,
                // The counter came to its end and began anew.
                None => (most - (*then).min(*most)).saturating_add(*now),
            };
        self.0.iter().zip(&before.0).map(used).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_summed_and_their_parts_are_not() {
        let dir = std::env::temp_dir().join(format!("companion-rapl-{}", std::process::id()));
        let write = |name: &str, uj: &str| {
            fs::create_dir_all(dir.join(name)).unwrap();
            fs::write(dir.join(name).join("energy_uj"), uj).unwrap();
            fs::write(dir.join(name).join("max_energy_range_uj"), "1000\n").unwrap();
        };
        write("intel-rapl:0", "900\n");
        write("intel-rapl:0:0", "500\n");
        write("intel-rapl:1", "10\n");
        let before = Reading::below(&dir).unwrap();
        // The first has begun anew.
        write("intel-rapl:0", "50\n");
        write("intel-rapl:1", "30\n");
        let after = Reading::below(&dir).unwrap();
        fs::remove_dir_all(&dir).unwrap();
        assert_eq!(after.since(&before), 150 + 20);
        assert_eq!(Reading::below(&dir), None);
    }
}
