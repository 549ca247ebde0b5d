//! What the scripts in `bench/peers/` measured, read from the JSON files that they wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::roofline::RoofPoint;
use crate::{Error, Result, Spread};

/// One file: Companion and its peers at the same work, in turn, in one run.
#[derive(Debug, Clone, Serialize)]
pub struct PeerFile {
    /// The file's name.
    pub file: String,
    /// When it was measured: `2026-11-26T15:04:05Z`.
    pub when: String,
    /// The commit of the repository then.
    pub commit: String,
    /// The processor's name.
    pub cpu: String,
    /// Threads that the system offered.
    pub cores: usize,
    /// Versions of the packages that took part.
    pub packages: BTreeMap<String, String>,
    /// What was done: `qwen2.5-1.5b, 256 tokens in, 32 out, 1 rows, 2 threads`.
    pub work: String,
    /// Companion and the others.
    pub contestants: Vec<Contestant>,
    /// Who was left out, or did less, and why.
    pub notes: Vec<String>,
    /// The network's shape and the size of the work, of a decoder.
    #[serde(skip)]
    decoder: Option<DecoderWork>,
}

/// One of them.
#[derive(Debug, Clone, Serialize)]
pub struct Contestant {
    /// Its name, with its version where that is told.
    pub name: String,
    /// Whether it is Companion.
    pub ours: bool,
    /// Its figures by name.
    pub figures: Vec<PeerFigure>,
}

/// A figure over the rounds.
#[derive(Debug, Clone, Serialize)]
pub struct PeerFigure {
    /// `decode_tok_s`, `200 words, ms`.
    pub name: String,
    /// Whether more is better.
    pub more_is_better: bool,
    /// Over the rounds.
    pub spread: Spread,
    /// What else belongs to it: `recall@8 0.998`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Of a peer: how many times as fast Companion is with weights of as many bits.
    pub companion_times_as_fast: Option<f64>,
}

#[derive(Debug, Clone)]
struct DecoderWork {
    parameters: f64,
    prompt_tokens: f64,
    rows: f64,
}

/// A file as `bench/peers/record.py` writes it; what is not read here is left out.
#[derive(Deserialize)]
struct Written {
    when: String,
    commit: String,
    cpu: String,
    cores: usize,
    #[serde(default)]
    packages: BTreeMap<String, String>,
    work: WrittenWork,
    #[serde(default)]
    notes: Vec<String>,
    contestants: Vec<WrittenContestant>,
}

#[derive(Deserialize)]
struct WrittenWork {
    title: String,
    shape: Option<String>,
    prompt_tokens: Option<f64>,
    rows: Option<f64>,
}

#[derive(Deserialize)]
struct WrittenContestant {
    name: String,
    #[serde(default)]
    version: String,
    ours: bool,
    figures: BTreeMap<String, WrittenFigure>,
}

#[derive(Deserialize)]
struct WrittenFigure {
    median: f64,
    min: f64,
    max: f64,
    n: usize,
    more_is_better: bool,
    note: Option<String>,
}

/// Reads every file of `folder` that a script of the peers wrote. What a reader should know of them comes second: which
/// files none of them wrote, and which are of another processor than `cpu` or of another commit than `commit`.
pub(crate) fn read(folder: &Path, cpu: &str, commit: &str) -> Result<(Vec<PeerFile>, Vec<String>)> {
    let io = |source| Error::Io {
        path: folder.to_owned(),
        source,
    };
    let mut paths: Vec<_> = (fs::read_dir(folder).map_err(io)?)
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    paths.sort();
    let (mut files, mut warnings) = (Vec::new(), Vec::new());
    for path in paths {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&path).map_err(io)?;
        match serde_json::from_str::<Written>(&text) {
            Ok(written) => {
                let file = PeerFile::of(name, written);
                warnings.extend(file.foreign(cpu, commit));
                files.push(file);
            }
            Err(_) => warnings.push(format!("{name} is no record of peers; left out")),
        }
    }
    Ok((files, warnings))
}

impl DecoderWork {
    fn of(work: &WrittenWork) -> Option<DecoderWork> {
        let shape = engine::synth::config_of(work.shape.as_ref()?).ok()?;
        Some(DecoderWork {
            parameters: shape.parameters() as f64,
            prompt_tokens: work.prompt_tokens?,
            rows: work.rows?,
        })
    }
}

impl Contestant {
    fn of(written: WrittenContestant) -> Contestant {
        let figures = written.figures.into_iter();
        Contestant {
            name: format!("{} {}", written.name, written.version)
                .trim()
                .to_owned(),
            ours: written.ours,
            figures: figures
                .filter(|(_, figure)| figure.median > 0.0)
                .map(|(name, figure)| PeerFigure {
                    name,
                    more_is_better: figure.more_is_better,
                    spread: Spread {
                        median: figure.median,
                        min: figure.min,
                        max: figure.max,
                        n: figure.n,
                    },
                    note: figure.note,
                    companion_times_as_fast: None,
                })
                .collect(),
        }
    }
}

/// A commit without the mark of changed files: whether any had changed is told of the build and of the scripts at other times.
fn clean(commit: &str) -> &str {
    commit.strip_suffix("-dirty").unwrap_or(commit)
}

impl PeerFile {
    fn of(file: String, written: Written) -> PeerFile {
        let decoder = DecoderWork::of(&written.work);
        let mut file = PeerFile {
            file,
            when: written.when,
            commit: written.commit,
            cpu: written.cpu,
            cores: written.cores,
            packages: written.packages,
            work: written.work.title,
            contestants: written
                .contestants
                .into_iter()
                .map(Contestant::of)
                .collect(),
            notes: written.notes,
            decoder,
        };
        file.compare();
        file
    }

    /// Why its figures should not stand beside those of `cpu` and `commit`, where they should not.
    fn foreign(&self, cpu: &str, commit: &str) -> Vec<String> {
        let (file, mut found) = (&self.file, Vec::new());
        if self.cpu != cpu {
            found.push(format!(
                "{file} was measured on another processor: {}",
                self.cpu
            ));
        }
        if clean(&self.commit) != clean(commit) {
            found.push(format!(
                "{file} was measured at commit {}, and this program is of {commit}",
                self.commit
            ));
        }
        found
    }

    /// Sets each peer's figures beside the best of ours that reads as many bits a weight: to be faster with half the bytes is
    /// no merit of a program.
    fn compare(&mut self) {
        let ours: Vec<Contestant> = (self.contestants.iter().filter(|c| c.ours))
            .cloned()
            .collect();
        for peer in self.contestants.iter_mut().filter(|c| !c.ours) {
            let alike = |c: &&Contestant| match (bits(&c.name), bits(&peer.name)) {
                (Some(a), Some(b)) => (a - b).abs() < 2.0,
                _ => true,
            };
            for figure in &mut peer.figures {
                let medians = (ours.iter().filter(alike))
                    .flat_map(|c| &c.figures)
                    .filter(|f| f.name == figure.name)
                    .map(|f| f.spread.median);
                figure.companion_times_as_fast = match figure.more_is_better {
                    true => medians.reduce(f64::max).map(|m| m / figure.spread.median),
                    false => medians.reduce(f64::min).map(|m| figure.spread.median / m),
                };
            }
        }
    }

    /// Where its contestants are below the roof; those whose bits their name does not tell are left out.
    pub(crate) fn roof_points(&self) -> Vec<RoofPoint> {
        let Some(work) = &self.decoder else {
            return Vec::new();
        };
        let point = |contestant: &Contestant, figure: &PeerFigure| {
            let bits = bits(&contestant.name)?;
            let (what, tokens) = match figure.name.as_str() {
                "decode_tok_s" => ("writing", work.rows),
                "prefill_tok_s" => ("reading", work.rows * work.prompt_tokens),
                _ => return None,
            };
            Some(RoofPoint {
                name: format!("{}, {what}", contestant.name),
                peer: true,
                ops_per_byte: 2.0 * tokens * 8.0 / bits,
                ops_s: 2.0 * work.parameters * figure.spread.median,
            })
        };
        let peers = self.contestants.iter().filter(|c| !c.ours);
        peers
            .flat_map(|c| c.figures.iter().filter_map(move |f| point(c, f)))
            .collect()
    }

    /// The file as text, a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            String::new(),
            format!(
                "Beside peers: {} ({}, {}, commit {})",
                self.work, self.file, self.when, self.commit
            ),
        ];
        let names = self.contestants.iter().map(|c| c.name.chars().count());
        let width = names.max().unwrap_or(0) + 2;
        for contestant in &self.contestants {
            for figure in &contestant.figures {
                // The look-ups take hundredths of a millisecond.
                let digits = if figure.spread.median < 1.0 { 4 } else { 2 };
                let Spread {
                    median,
                    min,
                    max,
                    n,
                } = figure.spread;
                let ratio = (figure.companion_times_as_fast).map_or_else(String::new, |r| {
                    format!("  Companion is {r:.2} times as fast")
                });
                let note = (figure.note.as_ref()).map_or_else(String::new, |n| format!("  {n}"));
                lines.push(format!(
                    "  {:<width$}{:<26}{median:>10.digits$}  ({min:.digits$} to {max:.digits$}, n {n}){ratio}{note}",
                    contestant.name, figure.name
                ));
            }
        }
        lines.extend(self.notes.iter().map(|note| format!("  {note}")));
        lines
    }
}

/// Bits that a format reads for each weight, by what a peer's name says of it.
fn bits(name: &str) -> Option<f64> {
    let known = [
        ("q8_0", 8.5),
        ("q4_0", 4.5),
        ("q4_k_m", 4.85),
        ("int8", 8.0),
        ("int4", 4.5),
        ("mixed", 4.9),
        ("f32", 32.0),
        ("fp32", 32.0),
        ("bf16", 16.0),
        ("f16", 16.0),
    ];
    let name = name.to_lowercase();
    known
        .iter()
        .find(|(word, _)| name.contains(word))
        .map(|(_, bits)| *bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(work: &str, contestants: &str) -> String {
        format!(
            r#"{{"when": "2026-11-26T15:04:05Z", "commit": "abc-dirty", "cpu": "X", "cores": 2, "threads": 2, "packages": {{"torch": "1"}},
                "work": {{"kind": "k", "title": "t"{work}}}, "notes": ["n"], "contestants": [{contestants}]}}"#
        )
    }

    fn contestant(name: &str, figure: &str, median: f64, more_is_better: bool) -> String {
        let ours = name.starts_with("Companion");
        format!(
            r#"{{"name": "{name}", "version": "1", "ours": {ours}, "figures": {{"{figure}":
                {{"median": {median}, "min": 1, "max": 99, "n": 5, "samples": [], "more_is_better": {more_is_better}}}}}}}"#
        )
    }

    fn decoders() -> String {
        let one = |name, median| contestant(name, "decode_tok_s", median, true);
        let all = [
            one("Companion a-int8", 12.0),
            one("Companion a-int4", 24.0),
            one("other Q4_0", 12.0),
            one("llama.cpp Q8_0", 8.0),
        ];
        let work = r#", "shape": "qwen2.5-1.5b", "prompt_tokens": 256, "rows": 1"#;
        file(work, &all.join(","))
    }

    fn folder_of(files: &[(&str, String)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        dir
    }

    #[test]
    fn reads_what_the_scripts_wrote_and_names_what_is_none_of_it() {
        let one = |name, median| contestant(name, "200 words, ms", median, false);
        let encoders = file("", &[one("Companion", 2.0), one("other", 4.0)].join(","));
        let dir = folder_of(&[
            ("b.json", decoders()),
            ("a.json", encoders),
            ("c.json", "{}".to_owned()),
            ("d.txt", String::new()),
        ]);
        let (files, warnings) = read(dir.path(), "X", "abc").unwrap();
        assert_eq!(warnings, ["c.json is no record of peers; left out"]);
        let names: Vec<&str> = files.iter().map(|f| f.file.as_str()).collect();
        assert_eq!(names, ["a.json", "b.json"]);
        let ratios = |file: &PeerFile| -> Vec<Option<f64>> {
            let figures = file.contestants.iter().flat_map(|c| &c.figures);
            figures.map(|f| f.companion_times_as_fast).collect()
        };
        assert_eq!(ratios(&files[0]), [None, Some(2.0)]);
        assert!(files[0].roof_points().is_empty());
        // Eight bits beside eight, four beside four.
        assert_eq!(ratios(&files[1]), [None, None, Some(2.0), Some(1.5)]);
        let points = files[1].roof_points();
        assert_eq!(points.len(), 2);
        assert!(points[1].peer && (points[1].ops_per_byte - 16.0 / 8.5).abs() < 1e-9);
        let point = &points[1];
        assert!((2.4e10..2.6e10).contains(&point.ops_s), "{point:?}");
        assert_eq!(files[1].contestants[3].name, "llama.cpp Q8_0 1");
        assert!(
            files[1]
                .lines()
                .iter()
                .any(|line| line.contains("abc-dirty"))
        );
    }

    #[test]
    fn warns_of_another_processor_and_of_another_commit() {
        let dir = folder_of(&[("b.json", decoders())]);
        let of = |cpu, commit| read(dir.path(), cpu, commit).unwrap().1;
        assert_eq!(of("X", "abc").len(), 0);
        assert_eq!(
            of("Y", "abd"),
            [
                "b.json was measured on another processor: X",
                "b.json was measured at commit abc-dirty, and this program is of abd"
            ]
        );
    }
}
