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
    /// Of a peer: how many times as fast Companion is with weights of as many bits.
    pub companion_times_as_fast: Option<f64>,
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
        let known = decoders(&name, &value)
            .or_else(|| encoders(&name, &value))
            .or_else(|| week(&name, &value));
        match known {
            Some(mut file) => {
                file.compare();
                files.push(file);
            }
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

/// What `llama_server_batch.py` writes.
fn week(file: &str, value: &Value) -> Option<PeerFile> {
    let text = |value: &Value, key: &str| Some(value.get(key)?.as_str()?.to_owned());
    let seconds = |values: Vec<f64>| (!values.is_empty()).then(|| Spread::of(&values));
    let one = |name: String, ours: bool, of: &dyn Fn(&str) -> Vec<f64>| Contestant {
        name,
        ours,
        figures: [("sequential", "one by one, s"), ("batched", "together, s")]
            .iter()
            .filter_map(|(key, figure_name)| figure(figure_name, false, seconds(of(key))?))
            .collect(),
    };
    let floats = |value: Option<&Value>| -> Vec<f64> {
        let values = value.and_then(Value::as_array).into_iter().flatten();
        values.filter_map(Value::as_f64).collect()
    };
    let peer = format!("{} {}", text(value, "peer")?, text(value, "model")?);
    let peers_runs = |key: &str| floats(value.get(format!("{key}_runs_s")));
    let mut contestants = vec![one(peer, false, &peers_runs)];
    if let Some(companion) = value.get("companion").filter(|c| !c.is_null()) {
        let runs = companion.get("runs")?.as_array()?;
        let our_runs = |key: &str| -> Vec<f64> {
            let values = runs.iter().map(|run| run.get(format!("{key}_s")));
            values.filter_map(|v| v?.as_f64()).collect()
        };
        let name = format!("Companion {}", text(companion, "model")?);
        contestants.insert(0, one(name, true, &our_runs));
    }
    Some(PeerFile {
        file: file.to_owned(),
        work: format!("a week of 7 entries, {} threads", value["threads"]),
        contestants,
        decoder: None,
    })
}

fn figure(name: &str, more_is_better: bool, spread: Spread) -> Option<PeerFigure> {
    (spread.median > 0.0).then(|| PeerFigure {
        name: name.to_owned(),
        more_is_better,
        spread,
        companion_times_as_fast: None,
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
                let ratio = (figure.companion_times_as_fast).map_or_else(String::new, |r| {
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
        "figures": {"Companion a-int8": {"decode_tok_s": {"median": 12, "min": 11, "max": 13, "n": 5}},
                    "Companion a-int4": {"decode_tok_s": {"median": 24, "min": 11, "max": 33, "n": 5}},
                    "other Q4_0": {"decode_tok_s": {"median": 12, "min": 11, "max": 13, "n": 5}},
                    "llama.cpp Q8_0": {"decode_tok_s": {"median": 8, "min": 7, "max": 9, "n": 5}}}}"#;
    const ENCODERS: &str = r#"{"threads": 2, "contestants": [
        {"about": {"peer": "companion", "version": "1"}, "rounds": [{"short": {"p50_ms": 1.0}}, {"short": {"p50_ms": 3.0}}]},
        {"about": {"peer": "other"}, "rounds": [{"short": {"p50_ms": 4.0}}]}]}"#;

    const WEEK: &str = r#"{"peer": "server", "model": "a-Q8_0.gguf", "threads": 2, "sequential_runs_s": [100, 120], "batched_runs_s": [80],
        "companion": {"model": "a-int8", "runs": [{"sequential_s": 30, "batched_s": 20}]}}"#;

    #[test]
    fn reads_each_form_and_names_what_is_none_of_them() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("b.json", DECODERS),
            ("a.json", ENCODERS),
            ("c.json", "{}"),
            ("d.txt", ""),
            ("e.json", WEEK),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let (files, strange) = read(dir.path()).unwrap();
        assert_eq!(strange, ["c.json"]);
        let names: Vec<&str> = files.iter().map(|f| f.file.as_str()).collect();
        assert_eq!(names, ["a.json", "b.json", "e.json"]);
        let ratios = |file: &PeerFile| -> Vec<Option<f64>> {
            let figures = file.contestants.iter().flat_map(|c| &c.figures);
            figures.map(|f| f.companion_times_as_fast).collect()
        };
        assert_eq!(ratios(&files[0]), [None, Some(2.0)]);
        // Eight bits beside eight, four beside four.
        assert_eq!(ratios(&files[1]), [None, None, Some(2.0), Some(1.5)]);
        let week = [None, None, Some(110.0 / 30.0), Some(4.0)];
        assert_eq!(ratios(&files[2]), week);
        let points = files[1].roof_points();
        assert_eq!(points.len(), 2);
        assert!(points[1].peer && (points[1].ops_per_byte - 16.0 / 8.5).abs() < 1e-9);
        let point = &points[1];
        assert!((2.4e10..2.6e10).contains(&point.ops_s), "{point:?}");
    }
}
