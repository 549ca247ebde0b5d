//! What the scripts in `bench/peers/` measured, read from the JSON files that they wrote.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::roofline::RoofPoint;
use crate::{Error, Result, Spread};

/// One file: Companion and its peers at the same work, in turn, in one run.
#[derive(Debug, Clone, Serialize)]
pub struct PeerFile {
    /// The file's name.
    pub file: String,
    /// What was done: `qwen2.5-1.5b, 256 tokens in, 32 out, 1 rows`.
    pub work: String,
    /// Companion and the others.
    pub contestants: Vec<Contestant>,
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
    /// `decode_tok_s`, `short, p50_ms`.
    pub name: String,
    /// Whether more is better.
    pub more_is_better: bool,
    /// Over the rounds.
    pub spread: Spread,
}

#[derive(Debug, Clone)]
struct DecoderWork {
    parameters: f64,
    prompt_tokens: f64,
    rows: f64,
}

/// Reads every file of `folder` that a script of the peers wrote; the names of those that none of them did come second.
pub(crate) fn read(folder: &Path) -> Result<(Vec<PeerFile>, Vec<String>)> {
    let io = |source| Error::Io {
        path: folder.to_owned(),
        source,
    };
    let mut paths: Vec<_> = (fs::read_dir(folder).map_err(io)?)
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    paths.sort();
    let (mut files, mut strange) = (Vec::new(), Vec::new());
    for path in paths {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&path).map_err(io)?;
        let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        match decoders(&name, &value).or_else(|| encoders(&name, &value)) {
            Some(file) => files.push(file),
            None => strange.push(name),
        }
    }
    Ok((files, strange))
}

/// What `compare_decoder.py` writes.
fn decoders(file: &str, value: &Value) -> Option<PeerFile> {
    let args = value.get("args")?;
    let argument = |key: &str| args.get(key).and_then(Value::as_str).unwrap_or("?");
    let number = |key: &str| argument(key).parse::<f64>().ok();
    let shape = argument("shape");
    let contestants = value.get("figures")?.as_object()?.iter();
    let contestants = contestants.map(|(name, figures)| Contestant {
        name: name.clone(),
        ours: name.starts_with("Companion"),
        figures: ["prefill_tok_s", "decode_tok_s"]
            .iter()
            .filter_map(|key| figure(key, true, spread(figures.get(key)?)?))
            .collect(),
    });
    let decoder = || {
        Some(DecoderWork {
            parameters: engine::synth::config_of(shape).ok()?.parameters() as f64,
            prompt_tokens: number("prompt_tokens")?,
            rows: number("rows")?,
        })
    };
    Some(PeerFile {
        file: file.to_owned(),
        work: format!(
            "{shape}, {} tokens in, {} out, {} rows, {} threads",
            argument("prompt_tokens"),
            argument("gen_tokens"),
            argument("rows"),
            argument("threads")
        ),
        contestants: contestants.collect(),
        decoder: decoder(),
    })
}

/// What `compare_encoder.py` writes.
fn encoders(file: &str, value: &Value) -> Option<PeerFile> {
    const FIGURES: [(&[&str], &str, bool); 4] = [
        (&["short", "p50_ms"], "9-token sentence, ms", false),
        (&["long", "p50_ms"], "200 words, ms", false),
        (&["bulk_short_texts_s"], "short texts a second", true),
        (&["bulk_long_texts_s"], "200-word texts a second", true),
    ];
    let one = |contestant: &Value| {
        let about = contestant.get("about")?;
        let text = |key: &str| about.get(key).and_then(Value::as_str).unwrap_or_default();
        let rounds = contestant.get("rounds")?.as_array()?;
        let figures = FIGURES.iter().filter_map(|(path, name, more)| {
            let at = |round: &Value| {
                path.iter()
                    .try_fold(round.clone(), |v, key| v.get(key).cloned())?
                    .as_f64()
            };
            let values: Vec<f64> = rounds.iter().filter_map(at).collect();
            figure(
                name,
                *more,
                (!values.is_empty()).then(|| Spread::of(&values))?,
            )
        });
        Some(Contestant {
            name: format!("{} {}", text("peer"), text("version"))
                .trim()
                .to_owned(),
            ours: text("peer").eq_ignore_ascii_case("companion"),
            figures: figures.collect(),
        })
    };
    let contestants: Vec<Contestant> = value
        .get("contestants")?
        .as_array()?
        .iter()
        .filter_map(one)
        .collect();
    (!contestants.is_empty()).then(|| PeerFile {
        file: file.to_owned(),
        work: format!("the encoder, {} threads", value["threads"]),
        contestants,
        decoder: None,
    })
}

fn figure(name: &str, more_is_better: bool, spread: Spread) -> Option<PeerFigure> {
    (spread.median > 0.0).then(|| PeerFigure {
        name: name.to_owned(),
        more_is_better,
        spread,
    })
}

/// `{median, min, max, n}`.
fn spread(value: &Value) -> Option<Spread> {
    let number = |key: &str| value.get(key)?.as_f64();
    Some(Spread {
        median: number("median")?,
        min: number("min")?,
        max: number("max")?,
        n: value.get("n").and_then(Value::as_u64).unwrap_or(0) as usize,
    })
}

impl PeerFile {
    /// How many times as fast the best of ours is as `peer`, at the figure `name`; absent where either lacks it.
    pub(crate) fn times_as_fast(&self, peer: &PeerFigure) -> Option<f64> {
        let ours = (self.contestants.iter())
            .filter(|c| c.ours)
            .flat_map(|c| &c.figures)
            .filter(|f| f.name == peer.name)
            .map(|f| f.spread.median);
        Some(match peer.more_is_better {
            true => ours.reduce(f64::max)? / peer.spread.median,
            false => peer.spread.median / ours.reduce(f64::min)?,
        })
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
                _ => ("reading", work.rows * work.prompt_tokens),
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
            format!("Beside peers: {} ({})", self.work, self.file),
        ];
        for contestant in &self.contestants {
            for figure in &contestant.figures {
                let Spread {
                    median,
                    min,
                    max,
                    n,
                } = figure.spread;
                let ratio = (self.times_as_fast(figure).filter(|_| !contestant.ours))
                    .map_or_else(String::new, |r| {
                        format!("  Companion is {r:.2} times as fast")
                    });
                lines.push(format!(
                    "  {:<36}{:<26}{median:>10.2}  ({min:.2} to {max:.2}, n {n}){ratio}",
                    contestant.name, figure.name
                ));
            }
        }
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

    const DECODERS: &str = r#"{"args": {"shape": "qwen2.5-1.5b", "prompt_tokens": "256", "gen_tokens": "32", "rows": "1", "threads": "2"},
        "figures": {"Companion a": {"decode_tok_s": {"median": 12, "min": 11, "max": 13, "n": 5}},
                    "llama.cpp Q8_0": {"decode_tok_s": {"median": 8, "min": 7, "max": 9, "n": 5}}}}"#;
    const ENCODERS: &str = r#"{"threads": 2, "contestants": [
        {"about": {"peer": "companion", "version": "1"}, "rounds": [{"short": {"p50_ms": 1.0}}, {"short": {"p50_ms": 3.0}}]},
        {"about": {"peer": "other"}, "rounds": [{"short": {"p50_ms": 4.0}}]}]}"#;

    #[test]
    fn reads_both_forms_and_names_what_is_neither() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("b.json", DECODERS),
            ("a.json", ENCODERS),
            ("c.json", "{}"),
            ("d.txt", ""),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let (files, strange) = read(dir.path()).unwrap();
        assert_eq!(strange, ["c.json"]);
        let names: Vec<&str> = files.iter().map(|f| f.file.as_str()).collect();
        assert_eq!(names, ["a.json", "b.json"]);
        let ratio = |file: &PeerFile| file.times_as_fast(&file.contestants[1].figures[0]);
        assert_eq!((ratio(&files[0]), ratio(&files[1])), (Some(2.0), Some(1.5)));
        let [point] = files[1].roof_points().try_into().unwrap();
        assert!(point.peer && (point.ops_per_byte - 16.0 / 8.5).abs() < 1e-9);
        assert!((2.4e10..2.6e10).contains(&point.ops_s), "{point:?}");
    }
}
