//! `companion model ps`: which models are open now, and in which process.
//!
//! What a process holds is seen by the files of the model that it has mapped. Weights that are computed with as they lie
//! are among them. Those that are read into memory instead (BF16 and F16, several files, GGUF) leave no trace of their own,
//! but the compiled tokenizer beside them is mapped for as long as the model is open.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use engine::store::{COMPILED_TOKENIZER, ModelStore, WEIGHTS};
use serde::Serialize;

use super::table::{Facts, count, size};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Line;

/// A model that a process has open.
#[derive(Debug, Serialize)]
struct Open {
    model: String,
    pid: u32,
    program: String,
    /// Bytes of the weights on disk.
    bytes: u64,
    parameters: u64,
    #[serde(flatten)]
    facts: Facts,
    /// Bytes of the weight file that are in this process's memory now; none where the weights were read into memory of the
    /// process's own, which nobody else can tell apart.
    resident_bytes: Option<u64>,
}

pub(super) fn run(context: &Context, store: &ModelStore) -> anyhow::Result<Exit> {
    let processes = fs::read_dir("/proc").map_err(|_| {
        Failure::not_found(
            "this system does not tell which files its processes have open (no /proc)".to_owned(),
        )
    })?;
    // As the system names the files, whatever links lead there.
    let models_dir = fs::canonicalize(store.dir()).unwrap_or_else(|_| store.dir().to_owned());
    let mut open = Vec::new();
    for process in processes.flatten() {
        let name = process.file_name().to_string_lossy().into_owned();
        let Ok(pid) = name.parse() else { continue };
        // Processes of others, and those that have ended meanwhile, cannot be read.
        let maps = fs::read_to_string(process.path().join("smaps")).unwrap_or_default();
        let program = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
        for (name, resident_bytes) in mapped(&maps, &models_dir) {
            // A folder that is no model, or none any more, has nothing to tell.
            let Ok(model) = store.get(&name) else {
                continue;
            };
            open.push(Open {
                model: name,
                pid,
                program: program.trim().to_owned(),
                bytes: model.bytes,
                parameters: model.parameters,
                facts: Facts::of(&model),
                resident_bytes,
            });
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
        let memory = match model.resident_bytes {
            Some(resident) => format!("{} of {} in memory", size(resident), size(model.bytes)),
            None => format!("{} read into memory", size(model.bytes)),
        };
        let line = Line::new().bold(model.model.as_str()).plain(format!(
            "  {memory}, {} parameters, {}, {} (process {})",
            count(model.parameters),
            model.facts.line(),
            model.program,
            model.pid
        ));
        context.out.line(line)?;
    }
    Ok(Exit::Success)
}

/// The models in `models_dir` of which a process has mapped a file, from its `smaps`, and what of the weights is in
/// memory, where it is those.
fn mapped(smaps: &str, models_dir: &Path) -> BTreeMap<String, Option<u64>> {
    let mut open: BTreeMap<String, Option<u64>> = BTreeMap::new();
    let mut weights_of = None;
    for line in smaps.lines() {
        if let Some(file) = line
            .find('/')
            .filter(|_| line.contains('-') && !line.contains("kB"))
        {
            weights_of = None;
            let file = Path::new(&line[file..]);
            let mut rest = file
                .strip_prefix(models_dir)
                .unwrap_or(Path::new(""))
                .iter();
            let (Some(model), Some(name), None) = (rest.next(), rest.next(), rest.next()) else {
                continue;
            };
            let model = model.to_string_lossy().into_owned();
            if name == WEIGHTS {
                open.entry(model.clone()).or_default().get_or_insert(0);
                weights_of = Some(model);
            } else if name == COMPILED_TOKENIZER {
                open.entry(model).or_default();
            }
        } else if let (Some(model), Some(rest)) = (&weights_of, line.strip_prefix("Rss:")) {
            let kibibytes = rest.trim().strip_suffix("kB").map(str::trim);
            let bytes = 1024 * kibibytes.and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
            if let Some(Some(resident)) = open.get_mut(model) {
                *resident += bytes;
            }
        } else if !line.contains("kB") && !line.starts_with("VmFlags") {
            // The next mapping, of no file.
            weights_of = None;
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
7f10-7f14 r--p 00000000 fe:00 14 /home/a/.companion/models/tiny-bf16/tokenizer.safetensors
Rss:                 300 kB
7f14-7f18 r--p 00000000 fe:00 15 /home/a/.companion/models/tiny-int8/tokenizer.safetensors
Rss:                 300 kB
7f18-7f20 r--p 00000000 fe:00 16 /home/a/.companion/models/tiny-int8/model.safetensors
Rss:                4000 kB
7f20-7f30 rw-p 00000000 00:00 0
Rss:                 100 kB
7f40-7f50 r-xp 00000000 fe:00 13 /usr/lib/libc.so.6
Rss:                1000 kB
";
        let open = mapped(smaps, Path::new("/home/a/.companion/models"));
        let found: Vec<_> = open
            .iter()
            .map(|(name, bytes)| (&name[..], *bytes))
            .collect();
        assert_eq!(
            found,
            [
                ("minilm-int8", Some(20_000 * 1024)),
                ("tiny-bf16", None),
                ("tiny-int8", Some(4_000 * 1024))
            ]
        );
        assert!(mapped(smaps, Path::new("/elsewhere")).is_empty());
    }
}
