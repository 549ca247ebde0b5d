//! The JSON shapes of entries: part of the interface that scripts rely on.

use std::collections::BTreeMap;

use journal::{Analysis, Entry, FieldValue, Version};
use serde::Serialize;

use super::dates;

/// An entry with what is known about it.
#[derive(Serialize)]
pub(crate) struct EntryJson<'a> {
    id: i64,
    source_id: Option<&'a str>,
    date: String,
    zone: Option<&'a str>,
    title: Option<&'a str>,
    text: &'a str,
    tags: &'a [String],
    starred: bool,
    fields: &'a BTreeMap<String, FieldValue>,
    version: u32,
    created: String,
    modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<String>,
    /// `null` until a model has read the entry.
    analysis: Option<AnalysisJson<'a>>,
}

#[derive(Serialize)]
struct AnalysisJson<'a> {
    sentiment: &'a str,
    confidence: f32,
    valence: f32,
    mixed: bool,
    unsure: bool,
    themes: Vec<ThemeJson<'a>>,
    evidence: Vec<EvidenceJson<'a>>,
    tier: &'a str,
    model: &'a str,
    truncated: bool,
    /// Whether it says what the person said, with `companion fix`.
    corrected: bool,
}

#[derive(Serialize)]
struct ThemeJson<'a> {
    name: &'a str,
    probability: f32,
}

#[derive(Serialize)]
struct EvidenceJson<'a> {
    claim: &'a str,
    quote: &'a str,
}

impl<'a> EntryJson<'a> {
    /// Everything about `entry`; `analysis` is what is stored for this version of it.
    pub(crate) fn new(entry: &'a Entry, analysis: Option<&'a Analysis>) -> EntryJson<'a> {
        EntryJson {
            id: entry.id.0,
            source_id: entry.source_id.as_deref(),
            date: dates::machine(&entry.when),
            zone: entry.when.time_zone().iana_name(),
            title: entry.title.as_deref(),
            text: &entry.text,
            tags: &entry.tags,
            starred: entry.starred,
            fields: &entry.fields,
            version: entry.version,
            created: entry.created.to_string(),
            modified: entry.modified.to_string(),
            deleted: entry.deleted.map(|at| at.to_string()),
            analysis: analysis.map(|analysis| AnalysisJson::new(analysis, &entry.text)),
        }
    }
}

impl<'a> AnalysisJson<'a> {
    fn new(analysis: &'a Analysis, text: &'a str) -> AnalysisJson<'a> {
        AnalysisJson {
            sentiment: analysis.sentiment.as_str(),
            confidence: places(analysis.confidence),
            valence: places(analysis.valence),
            mixed: analysis.mixed,
            unsure: analysis.unsure,
            themes: analysis
                .themes
                .iter()
                .map(|theme| ThemeJson {
                    name: &theme.name,
                    probability: places(theme.probability),
                })
                .collect(),
            evidence: analysis
                .evidence
                .iter()
                .filter_map(|evidence| {
                    let quote = text.get(evidence.start..evidence.end)?;
                    Some(EvidenceJson {
                        claim: &evidence.claim,
                        quote,
                    })
                })
                .collect(),
            tier: &analysis.tier,
            model: &analysis.model,
            truncated: analysis.truncated,
            corrected: analysis.corrected,
        }
    }
}

/// `value` to four places: what lies beyond them is arithmetic, not knowledge.
pub(crate) fn places(value: f32) -> f32 {
    (value * 1e4).round() / 1e4
}

/// One state of an entry in its history.
#[derive(Serialize)]
pub(crate) struct VersionJson<'a> {
    version: u32,
    at: String,
    reason: &'a str,
    date: String,
    title: Option<&'a str>,
    text: &'a str,
    tags: &'a [String],
    starred: bool,
}

impl<'a> From<&'a Version> for VersionJson<'a> {
    fn from(version: &'a Version) -> VersionJson<'a> {
        VersionJson {
            version: version.version,
            at: version.at.to_string(),
            reason: &version.reason,
            date: dates::machine(&version.when),
            title: version.title.as_deref(),
            text: &version.text,
            tags: &version.tags,
            starred: version.starred,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_an_analysis_have_four_places() {
        for (value, expected) in [
            (-0.210_000_01, "-0.21"),
            (0.999_96, "1.0"),
            (0.123_45, "0.1235"),
            (1.0 / 3.0, "0.3333"),
        ] {
            assert_eq!(serde_json::to_string(&places(value)).unwrap(), expected);
        }
    }
}
