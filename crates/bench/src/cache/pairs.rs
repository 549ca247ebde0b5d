//! The pairs: other people's, where they are, and those of the authors on whom nothing was trained.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;

use super::is_file;
use crate::{Error, Result};

/// Clusters of the held-out author; `data/cache-pairs/README.md` says how they were written.
const HELD_OUT: &str = include_str!("../../../../data/cache-pairs/author-p.jsonl");
/// Clusters of an author on whom nothing was trained either, but whose figures were looked at when the threshold was chosen.
const LOOKED_AT: &str = include_str!("../../../../data/cache-pairs/author-c.jsonl");
/// Pairs that must be refused, by hand and by rule.
const MUST_REFUSE: &str = include_str!("../../../../data/cache-pairs/must-refuse.jsonl");
/// Pairs of a large set that are looked at.
const MOST: usize = 4_000;

/// Two texts, and whether the answer to one serves the other.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) a: String,
    pub(crate) b: String,
    pub(crate) same: bool,
}

/// A set of pairs; without them where the set is not at hand.
#[derive(Debug, Clone)]
pub struct PairSet {
    pub(crate) name: String,
    pub(crate) pairs: Option<Vec<Pair>>,
}

/// A cluster of texts, as the authors wrote them.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Cluster {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) same: Vec<String>,
    pub(crate) different: Vec<Different>,
}

/// A look-alike.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Different {
    pub(crate) text: String,
}

#[derive(Deserialize)]
struct Refused {
    a: String,
    b: String,
}

#[derive(Deserialize)]
struct Labelled {
    text_a: String,
    text_b: String,
    label: f64,
    #[serde(default)]
    split: String,
}

/// Every set, in the order of the table.
pub(super) fn all(data: Option<&Path>) -> Result<Vec<PairSet>> {
    let mut sets = Vec::new();
    for name in [
        "gptcache_mock.jsonl",
        "mrpc.jsonl",
        "stsb.jsonl",
        "qqp_gptcache.jsonl.gz",
    ] {
        let path = data
            .map(|dir| dir.join("pairs").join(name))
            .filter(|path| is_file(path));
        let pairs = path.map(|path| labelled(&path)).transpose()?;
        let name = name.split('.').next().unwrap_or(name).to_owned();
        sets.push(PairSet { name, pairs });
    }
    sets.push(PairSet {
        name: "held-out author p".to_owned(),
        pairs: Some(held_out()),
    });
    sets.push(PairSet {
        name: "author c".to_owned(),
        pairs: Some(pairs_of(parse(LOOKED_AT))),
    });
    sets.push(PairSet {
        name: "must be refused".to_owned(),
        pairs: Some(must_refuse()),
    });
    Ok(sets)
}

/// The held-out author's clusters.
pub(crate) fn clusters() -> Vec<Cluster> {
    parse(HELD_OUT)
}

/// The held-out author's pairs.
pub(super) fn held_out() -> Vec<Pair> {
    pairs_of(clusters())
}

/// Every two phrasings of a cluster, and every phrasing beside every look-alike.
fn pairs_of(clusters: Vec<Cluster>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for cluster in clusters {
        for (at, a) in cluster.same.iter().enumerate() {
            let pair = |b: &String, same| Pair {
                a: a.clone(),
                b: b.clone(),
                same,
            };
            pairs.extend(cluster.same[at + 1..].iter().map(|b| pair(b, true)));
            pairs.extend(cluster.different.iter().map(|d| pair(&d.text, false)));
        }
    }
    pairs
}

pub(super) fn must_refuse() -> Vec<Pair> {
    let rows: Vec<Refused> = parse(MUST_REFUSE);
    rows.into_iter()
        .map(|r| Pair {
            a: r.a,
            b: r.b,
            same: false,
        })
        .collect()
}

fn parse<T: serde::de::DeserializeOwned>(lines: &str) -> Vec<T> {
    lines
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).expect("a test reads the committed pairs"))
        .collect()
}

/// A set in the form of `shared/data`: its dev rows, at most [`MOST`], evenly spread. Scores of 0 to 5 count as the same
/// from 4 on and as different up to 3; what lies between says neither.
fn labelled(path: &Path) -> Result<Vec<Pair>> {
    let io = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let bytes = fs::read(path).map_err(io)?;
    let mut text = String::new();
    if path.extension().is_some_and(|e| e == "gz") {
        flate2::read::GzDecoder::new(&*bytes)
            .read_to_string(&mut text)
            .map_err(io)?;
    } else {
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    let mut rows = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let row: Labelled = serde_json::from_str(line).map_err(|e| io(std::io::Error::other(e)))?;
        rows.push(row);
    }
    let scores = rows.iter().any(|r| r.label > 1.0);
    let pairs: Vec<Pair> = rows
        .into_iter()
        .filter(|r| r.split != "holdout")
        .filter(|r| !scores || r.label >= 4.0 || r.label <= 3.0)
        .map(|r| Pair {
            same: if scores {
                r.label >= 4.0
            } else {
                r.label > 0.5
            },
            a: r.text_a,
            b: r.text_b,
        })
        .collect();
    let step = pairs.len().div_ceil(MOST).max(1);
    Ok(pairs.into_iter().step_by(step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn committed_pairs_are_readable_and_as_many_as_is_said() {
        assert!(clusters().len() >= 100);
        assert!(must_refuse().len() >= 2_000);
        let held = held_out();
        assert!(held.iter().filter(|p| p.same).count() >= 1_000);
        assert!(
            all(None)
                .unwrap()
                .iter()
                .filter(|s| s.pairs.is_none())
                .count()
                == 4
        );
    }
}
