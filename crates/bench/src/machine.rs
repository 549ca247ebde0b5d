//! The machine that the figures are about.

use serde::Serialize;

/// What a reader needs to compare figures. No host name, no user.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
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

/// Memory of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// What there is, or what a control group lets this process have if that is less.
    pub total_bytes: u64,
    /// What could be had now without swapping.
    pub available_bytes: u64,
}

/// Asks the system for its memory; `None` where it does not tell.
pub fn memory() -> Option<Memory> {
    let meminfo = read("/proc/meminfo");
    let limit = read("/sys/fs/cgroup/memory.max").trim().parse().ok();
    let limit = limit.unwrap_or(u64::MAX);
    Some(Memory {
        total_bytes: field_bytes(&meminfo, "MemTotal:")?.min(limit),
        available_bytes: field_bytes(&meminfo, "MemAvailable:")?.min(limit),
    })
}

/// Bytes of the last level of cache, where the system tells.
pub(crate) fn cache_bytes() -> Option<u64> {
    (0..8)
        .map(|index| {
            read(&format!(
                "/sys/devices/system/cpu/cpu0/cache/index{index}/size"
            ))
        })
        .filter_map(|text| kibibytes(&text))
        .max()
}

/// `307200K` in bytes.
fn kibibytes(text: &str) -> Option<u64> {
    let number: u64 = text.trim().strip_suffix('K')?.parse().ok()?;
    Some(number * 1024)
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
    field_bytes(meminfo, "MemTotal:")
}

fn field_bytes(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
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
