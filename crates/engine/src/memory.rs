//! Whether the machine is short of memory.

/// Less than one in so many bytes available is short.
const PART: u64 = 20;

/// Whether so little memory is available that what is only kept for later should be given back. False where the
/// system does not say.
pub(crate) fn is_short() -> bool {
    let Ok(text) = std::fs::read_to_string("/proc/meminfo") else {
        return false;
    };
    is_short_in(&text)
}

fn is_short_in(meminfo: &str) -> bool {
    let field = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':')
            .split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()
    };
    match (field("MemTotal"), field("MemAvailable")) {
        (Some(total), Some(available)) => available < total / PART,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_short_below_a_twentieth() {
        let text = |available| {
            format!("MemTotal:       16000 kB\nMemFree: 1 kB\nMemAvailable:   {available} kB\n")
        };
        assert!(is_short_in(&text(799)));
        assert!(!is_short_in(&text(800)));
        assert!(!is_short_in("nothing of the kind"));
    }
}
