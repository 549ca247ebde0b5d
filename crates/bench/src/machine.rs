//! The machine that the figures are about.

use serde::Serialize;

/// What a reader needs to compare figures. No host name, no user.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    /// The processor's name; `unknown` where the system does not tell.
    pub cpu: String,
    /// Threads that the system offers this process.
    pub cores: usize,
    /// Installed memory in bytes, where the system tells.
    pub memory_bytes: Option<u64>,
    /// `linux-x86_64`.
    pub system: String,
    /// Load average of the last minute, before anything was measured.
    pub load: Option<f64>,
}

impl Machine {
    /// Asks the system.
    pub fn detect() -> Machine {
        Machine {
            cpu: cpu(&read("/proc/cpuinfo")).unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory_bytes(&read("/proc/meminfo")),
            system: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            load: read("/proc/loadavg")
                .split(' ')
                .next()
                .and_then(|first| first.parse().ok()),
        }
    }
}

/// Empty where there is no such file: on other systems than Linux.
fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn cpu(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_linux_tells_and_nothing_where_it_does_not() {
        assert_eq!(
            cpu("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n").as_deref(),
            Some("Some CPU @ 2 GHz")
        );
        assert_eq!(
            memory_bytes("MemTotal:       1000 kB\nMemFree: 1 kB\n"),
            Some(1_024_000)
        );
        assert_eq!((cpu(""), memory_bytes("")), (None, None));
    }
}
