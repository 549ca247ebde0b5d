//! How much memory the machine has to give.

/// Less than one in so many bytes available is short.
const PART: u64 = 20;

/// Whether so little memory is available that what is only kept for later should be given back. False where the
/// system does not say.
pub(crate) fn is_short() -> bool {
    is_short_in(&meminfo())
}

/// Bytes that could be had now without swapping, and that a control group lets this process have; `None` where the
/// system does not say.
pub(crate) fn available_bytes() -> Option<u64> {
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").unwrap_or_default();
    available_in(&meminfo(), &group)
}

fn meminfo() -> String {
    std::fs::read_to_string("/proc/meminfo").unwrap_or_default()
}

/// A field of `meminfo`, in kibibytes.
fn field(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
    let number = line.trim_start_matches(':').split_whitespace().next()?;
    number.parse().ok()
}

fn is_short_in(meminfo: &str) -> bool {
    match (field(meminfo, "MemTotal"), field(meminfo, "MemAvailable")) {
        (Some(total), Some(available)) => available < total / PART,
        _ => false,
    }
}

fn available_in(meminfo: &str, group: &str) -> Option<u64> {
    let available = field(meminfo, "MemAvailable")?.saturating_mul(1024);
    // "max" where there is no limit.
    Some(
        group
            .trim()
            .parse()
            .map_or(available, |limit| available.min(limit)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(available: u64) -> String {
        format!("MemTotal:       16000 kB\nMemFree: 1 kB\nMemAvailable:   {available} kB\n")
    }

    #[test]
    fn memory_is_short_below_a_twentieth() {
        assert!(is_short_in(&text(799)));
        assert!(!is_short_in(&text(800)));
        assert!(!is_short_in("nothing of the kind"));
    }

    #[test]
    fn what_is_available_is_what_the_control_group_leaves_of_it() {
        assert_eq!(available_in(&text(800), "max\n"), Some(800 << 10));
        assert_eq!(available_in(&text(800), "4096\n"), Some(4096));
        assert_eq!(available_in(&text(800), "1000000000\n"), Some(800 << 10));
        assert_eq!(available_in("nothing of the kind", "max"), None);
    }
}
