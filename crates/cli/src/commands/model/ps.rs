//! `companion model ps`: which models are open now, and in which process.

use std::fs;
use std::path::Path;

use engine::store::{ModelStore, WEIGHTS};
use serde::Serialize;

use super::table::size;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Line;

/// A model that a process has mapped.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Open {
    model: String,
    pid: u32,
    program: String,
    /// Bytes of the weight file.
    bytes: u64,
    /// Bytes of it that are in this process's memory now.
    resident_bytes: u64,
}

pub(super) fn run(context: &Context, store: &ModelStore) -> anyhow::Result<Exit> {
    let processes = fs::read_dir("/proc").map_err(|_| {
        Failure::not_found(
            "this system does not tell which files its processes have open (no /proc)".to_owned(),
        )
    })?;
    let mut open = Vec::new();
    for process in processes.flatten() {
        let name = process.file_name().to_string_lossy().into_owned();
        if let Ok(pid) = name.parse() {
            // Processes of others, and those that have ended meanwhile, cannot be read.
            let maps = fs::read_to_string(process.path().join("smaps")).unwrap_or_default();
            let program = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            open.extend(models_in(&maps, store.dir(), pid, program.trim()));
        }
    }
    open.sort_by(|a, b| (&a.model, a.pid).cmp(&(&b.model, b.pid)));
    if context.out.is_json() {
        context.out.json(&open)?;
        return Ok(Exit::Success);
    }
    if open.is_empty() {
        context.out.note("no model is open");
    }
    for model in &open {
        let line = Line::new().bold(model.model.as_str()).plain(format!(
            "  {} of {} in memory, {} (process {})",
            size(model.resident_bytes),
            size(model.bytes),
            model.program,
            model.pid
        ));
        context.out.line(line)?;
    }
    Ok(Exit::Success)
}

/// The models in `models_dir` that a process has mapped, from its `smaps`.
fn models_in(smaps: &str, models_dir: &Path, pid: u32, program: &str) -> Vec<Open> {
    let mut open: Vec<Open> = Vec::new();
    let mut inside = false;
    for line in smaps.lines() {
        if let Some(file) = line
            .find('/')
            .filter(|_| line.contains('-') && !line.contains("kB"))
        {
            let file = Path::new(&line[file..]);
            let model = file
                .strip_prefix(models_dir)
                .ok()
                .filter(|rest| rest.ends_with(WEIGHTS))
                .and_then(|rest| rest.iter().next());
            inside = model.is_some();
            if let Some(model) = model {
                let model = model.to_string_lossy().into_owned();
                if open.last().is_none_or(|last| last.model != model) {
                    open.push(Open {
                        model,
                        pid,
                        program: program.to_owned(),
                        bytes: fs::metadata(file).map_or(0, |meta| meta.len()),
                        resident_bytes: 0,
                    });
                }
            }
        } else if let (true, Some(rest), Some(last)) =
            (inside, line.strip_prefix("Rss:"), open.last_mut())
        {
            let kibibytes = rest.trim().strip_suffix("kB").map(str::trim);
            last.resident_bytes += 1024 * kibibytes.and_then(|n| n.parse().ok()).unwrap_or(0);
        } else if !line.contains("kB") && !line.starts_with("VmFlags") {
            // The next mapping, of no file.
            inside = false;
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_mapped_models_and_what_of_them_is_in_memory() {
        let smaps = "\
7f00-7f10 r--p 00000000 fe:00 12 /home/a/.companion/models/minilm-int8/model.safetensors
Size:              22000 kB
Rss:               20000 kB
VmFlags: rd mr
7f20-7f30 rw-p 00000000 00:00 0
Rss:                 100 kB
7f40-7f50 r-xp 00000000 fe:00 13 /usr/lib/libc.so.6
Rss:                1000 kB
";
        let open = models_in(
            smaps,
            Path::new("/home/a/.companion/models"),
            7,
            "companion",
        );
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].model.as_str(), open[0].pid), ("minilm-int8", 7));
        assert_eq!(open[0].resident_bytes, 20_000 * 1024);
        assert!(models_in(smaps, Path::new("/elsewhere"), 7, "x").is_empty());
    }
}
