//! Memory and heat: what makes a machine slower than it was when it was bought, or than it was this morning.
//!
//! The kernel's own accounts say it. Where a system keeps none, nothing is found and the check is told as not done.

use std::fs;
use std::path::Path;

use super::Report;
use crate::commands::model::size;

/// Swap in use from which pages of a model may lie on the disk.
const SWAPPED: u64 = 500_000_000;

/// The share of the memory that should be free for what is started next.
const FREE: f64 = 0.05;

/// Percent of the last minute in which something waited for memory.
const WAITED: f64 = 10.0;

/// The share of its highest clock below which a processor is held back on purpose.
const HELD: f64 = 0.8;

/// Points of a thermal zone that the kernel numbers at most.
const TRIP_POINTS: usize = 12;

pub(super) fn check(report: &mut Report) {
    below(Path::new("/"), report);
}

/// The same with `/proc` and `/sys` below `root`.
fn below(root: &Path, report: &mut Report) {
    swap(root, report);
    pressure(root, report);
    heat(root, report);
}

fn swap(root: &Path, report: &mut Report) {
    let Ok(text) = fs::read_to_string(root.join("proc/swaps")) else {
        report.skip("swap", "this system does not tell (no /proc/swaps)");
        return;
    };
    report.did("swap");
    let used = swapped(&text);
    if used >= SWAPPED {
        report.advise(
            "swap",
            format!(
                "{} lie in swap: what is read from there takes a hundred times as long",
                size(used)
            ),
            "close programs that you do not need, or take a smaller model: `companion profile` shows which there is room for",
        );
    }
}

/// Bytes in use of all areas of `/proc/swaps`: a heading, then name, kind, size, used and priority, in kilobytes.
fn swapped(swaps: &str) -> u64 {
    let used = swaps.lines().skip(1).filter_map(|line| {
        let kilobytes: u64 = line.split_whitespace().rev().nth(1)?.parse().ok()?;
        kilobytes.checked_mul(1024)
    });
    used.sum()
}

fn pressure(root: &Path, report: &mut Report) {
    let free = fs::read_to_string(root.join("proc/meminfo"))
        .ok()
        .and_then(|text| share_free(&text));
    let waited = fs::read_to_string(root.join("proc/pressure/memory"))
        .ok()
        .and_then(|text| waited(&text));
    if free.is_none() && waited.is_none() {
        report.skip("memory pressure", "this system does not tell");
        return;
    }
    report.did("memory pressure");
    let says = match (free, waited) {
        (_, Some(percent)) if percent >= WAITED => {
            format!("for {percent:.0} % of the last minute programs waited for memory")
        }
        (Some(share), _) if share < FREE => {
            format!("{:.0} % of the memory is free", 100.0 * share)
        }
        _ => return,
    };
    report.advise(
        "memory-pressure",
        format!("{says}: the system pushes models out and reads them again"),
        "close other programs; `companion model ps` shows what of Companion runs",
    );
}

/// The share of the memory that can be had without swapping.
fn share_free(meminfo: &str) -> Option<f64> {
    let number = |name: &str| -> Option<f64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let (free, all) = (number("MemAvailable:")?, number("MemTotal:")?);
    (all > 0.0).then(|| free / all)
}

/// Percent of the last minute in which at least one task waited for memory.
fn waited(pressure: &str) -> Option<f64> {
    let some = pressure
        .lines()
        .find_map(|line| line.strip_prefix("some "))?;
    let minute = some
        .split_whitespace()
        .find_map(|word| word.strip_prefix("avg60="))?;
    minute.parse().ok()
}

fn heat(root: &Path, report: &mut Report) {
    let zones = hot_zones(&root.join("sys/class/thermal"));
    let clocks = held_back(&root.join("sys/devices/system/cpu"));
    if zones.is_none() && clocks.is_none() {
        report.skip("heat", "this system does not tell");
        return;
    }
    report.did("heat");
    let hottest = zones.unwrap_or_default().into_iter();
    if let Some((name, degrees)) = hottest.max_by(|a, b| a.1.total_cmp(&b.1)) {
        report.advise(
            "heat",
            format!("{name} is at {degrees:.0} °C, where the system slows the processor down"),
            "let air to it, or let it cool; `companion config set threads N` with a smaller N makes less heat",
        );
    }
    if let Some(share) = clocks.filter(|share| *share < HELD) {
        report.advise(
            "clock-held",
            format!(
                "the processor is held to {:.0} % of its clock, by heat, battery or a power setting",
                100.0 * share
            ),
            "connect the mains and choose a faster power profile of the system",
        );
    }
}

/// The zones that are at a point where the system slows the processor, with their degrees; `None` where none can be read.
fn hot_zones(folder: &Path) -> Option<Vec<(String, f64)>> {
    let (mut known, mut hot) = (false, Vec::new());
    for zone in fs::read_dir(folder).ok()?.flatten() {
        let zone = zone.path();
        // Thousandths of a degree; 0 and below is what a sensor says that is off.
        let degrees = |name: &str| {
            number(&zone.join(name))
                .filter(|t| *t > 0.0)
                .map(|t| t / 1e3)
        };
        let Some(now) = degrees("temp") else { continue };
        known = true;
        let slows = |point: usize| {
            let kind = fs::read_to_string(zone.join(format!("trip_point_{point}_type")));
            let is_slowing = kind.is_ok_and(|kind| matches!(kind.trim(), "passive" | "hot"));
            is_slowing && degrees(&format!("trip_point_{point}_temp")).is_some_and(|at| now >= at)
        };
        if (0..TRIP_POINTS).any(slows) {
            let name = fs::read_to_string(zone.join("type")).unwrap_or_default();
            hot.push((name.trim().to_owned(), now));
        }
    }
    known.then_some(hot)
}

/// The least share of its own highest clock that any core is allowed.
fn held_back(folder: &Path) -> Option<f64> {
    let shares = fs::read_dir(folder).ok()?.flatten().filter_map(|core| {
        let clock = core.path().join("cpufreq");
        let allowed = number(&clock.join("scaling_max_freq"))?;
        let highest = number(&clock.join("cpuinfo_max_freq"))?;
        (highest > 0.0).then(|| allowed / highest)
    });
    shares.reduce(f64::min)
}

fn number(path: &Path) -> Option<f64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system whose accounts are `files`.
    fn look(files: &[(&str, &str)]) -> Report {
        let root = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().expect("it has one")).expect("it is made");
            fs::write(path, text).expect("it is written");
        }
        let mut report = Report::default();
        below(root.path(), &mut report);
        assert!(report.findings.iter().all(|f| f.action.len() > 10));
        report
    }

    fn ids(files: &[(&str, &str)]) -> Vec<&'static str> {
        look(files).findings.iter().map(|f| f.id).collect()
    }

    #[test]
    fn a_system_that_tells_nothing_is_told_as_such() {
        let report = look(&[]);
        assert!(report.findings.is_empty() && report.checked.is_empty());
        let skipped: Vec<_> = report.not_checked.iter().map(|s| s.check).collect();
        assert_eq!(skipped, ["swap", "memory pressure", "heat"]);
    }

    #[test]
    fn swap_counts_once_it_is_more_than_a_little() {
        let heading = "Filename\t\tType\tSize\tUsed\tPriority\n";
        let swaps = |used: &str| format!("{heading}/dev/sda3 partition 8000000 {used} -2\n");
        for (used, expected) in [("0", 0), ("90000", 0), ("600000", 1)] {
            assert_eq!(
                ids(&[("proc/swaps", &swaps(used))]).len(),
                expected,
                "{used}"
            );
        }
        assert_eq!(ids(&[("proc/swaps", heading)]), [""; 0]);
    }

    #[test]
    fn memory_is_short_where_little_is_free_or_programs_wait_for_it() {
        let meminfo =
            |free: u32| format!("MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: {free} kB\n");
        let waits = |percent: &str| {
            format!(
                "some avg10=0.00 avg60={percent} avg300=0.00 total=1\nfull avg10=0 avg60=99 avg300=0 total=1\n"
            )
        };
        for (free, waited, found) in [(500, "0.08", 0), (40, "0.00", 1), (500, "12.50", 1)] {
            let files = [
                ("proc/meminfo", meminfo(free)),
                ("proc/pressure/memory", waits(waited)),
            ];
            let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
            assert_eq!(
                ids(&files),
                vec!["memory-pressure"; found],
                "{free} {waited}"
            );
        }
    }

    #[test]
    fn a_hot_processor_is_found_and_a_hot_battery_that_slows_nothing_is_not() {
        let zone = |temp, kind| {
            ids(&[
                ("sys/class/thermal/thermal_zone0/type", "x86_pkg_temp\n"),
                ("sys/class/thermal/thermal_zone0/temp", temp),
                ("sys/class/thermal/thermal_zone0/trip_point_0_type", kind),
                (
                    "sys/class/thermal/thermal_zone0/trip_point_0_temp",
                    "95000\n",
                ),
            ])
        };
        assert_eq!(zone("97000\n", "passive\n"), ["heat"]);
        assert_eq!(zone("60000\n", "passive\n"), [""; 0]);
        assert_eq!(zone("97000\n", "active\n"), [""; 0]);
        let clock = |allowed| {
            ids(&[
                (
                    "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq",
                    allowed,
                ),
                (
                    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq",
                    "4000000\n",
                ),
            ])
        };
        assert_eq!(clock("2000000\n"), ["clock-held"]);
        assert_eq!(clock("4000000\n"), [""; 0]);
    }
}
