//! A report beside an earlier one: every figure whose samples both kept, as a ratio with its interval.

use serde::Serialize;
use serde_json::Value;

use crate::stats::Ratio;
use crate::{Error, Report, Result};

/// The comparison with an earlier record.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Date of the earlier one.
    pub date: String,
    /// The commit it was built from.
    pub commit: String,
    /// Whether both ran on the same processor with the same number of cores.
    pub same_machine: bool,
    /// Figures that both have, those that changed most first.
    pub figures: Vec<Compared>,
}

/// One figure in both.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// Where it stands: `encoder / short`.
    pub name: String,
    /// Median before, in milliseconds.
    pub before_ms: f64,
    /// Median now, in milliseconds.
    pub now_ms: f64,
    /// Samples before that the medians and the interval are of: those that the record kept, which may be fewer than were taken.
    pub before_n: usize,
    /// The same of now.
    pub now_n: usize,
    /// Now in before: below 1 is faster.
    pub ratio: Ratio,
    /// `faster` or `slower` where the interval leaves out 1, else `no difference seen`; `n too small` without an interval.
    pub verdict: &'static str,
}

/// Compares `report` with `earlier`, the text of a report as JSON.
///
/// # Errors
/// When `earlier` is no report.
pub fn compare(report: &Report, earlier: &str) -> Result<Comparison> {
    let before: Value =
        serde_json::from_str(earlier).map_err(|e| Error::NotARecord(e.to_string()))?;
    let now = serde_json::to_value(report).map_err(|e| Error::NotARecord(e.to_string()))?;
    let Some(machine) = before.get("machine") else {
        return Err(Error::NotARecord("it has no machine".to_owned()));
    };
    let same = |key: &str| machine.get(key) == now["machine"].get(key);
    let mut figures = Vec::new();
    walk(&before, &now, "", &mut figures);
    figures.sort_by(|a, b| {
        let far = |c: &Compared| c.ratio.ratio.ln().abs();
        far(b).total_cmp(&far(a))
    });
    let text = |key: &str| before[key].as_str().unwrap_or("unknown").to_owned();
    Ok(Comparison {
        date: text("date"),
        commit: text("commit"),
        same_machine: same("cpu") && same("cores"),
        figures,
    })
}

/// Finds the samples that both have at the same place. Lists are matched by the name or size of what is in them, not by place:
/// another model may have been measured.
fn walk(before: &Value, now: &Value, path: &str, found: &mut Vec<Compared>) {
    match (before, now) {
        (Value::Object(one), Value::Object(other)) => {
            if let (Some(b), Some(n)) = (samples(before), samples(now)) {
                found.extend(compared(path, &b, &n));
                return;
            }
            for (key, now) in other {
                if let Some(before) = one.get(key) {
                    walk(before, now, &join(path, key), found);
                }
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            for now in other {
                let Some(name) = name_of(now) else { continue };
                let before = one.iter().find(|b| name_of(b).as_ref() == Some(&name));
                if let Some(before) = before {
                    walk(before, now, &join(path, &name), found);
                }
            }
        }
        _ => {}
    }
}

fn join(path: &str, key: &str) -> String {
    match path.is_empty() {
        true => key.to_owned(),
        false => format!("{path} / {key}"),
    }
}

/// What tells an item of a list from the others; the digest of a model is not part of it.
fn name_of(value: &Value) -> Option<String> {
    let text = |key: &str| Some(value.get(key)?.as_str()?.split('@').next()?.to_owned());
    let count = |key: &str| Some(format!("{} {key}", value.get(key)?.as_u64()?));
    (["model", "name", "way"].iter().find_map(|key| text(key))).or_else(|| {
        ["words", "entries", "vectors", "rows"]
            .iter()
            .find_map(|key| count(key))
    })
}

fn samples(value: &Value) -> Option<Vec<f64>> {
    let all = value.get("samples_ms")?.as_array()?;
    all.iter().map(Value::as_f64).collect()
}

fn compared(name: &str, before: &[f64], now: &[f64]) -> Option<Compared> {
    let middle = crate::times::median;
    let (before_ms, now_ms) = (middle(before), middle(now));
    if before_ms <= 0.0 || now_ms <= 0.0 {
        return None;
    }
    let ratio = Ratio::of(now, before);
    Some(Compared {
        name: name.to_owned(),
        before_ms,
        now_ms,
        before_n: before.len(),
        now_n: now.len(),
        verdict: match ratio.interval {
            None => "n too small",
            Some([low, _]) if low > 1.0 => "slower",
            Some([_, high]) if high < 1.0 => "faster",
            Some(_) => "no difference seen",
        },
        ratio,
    })
}

impl Comparison {
    /// The comparison as text, a line each.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            String::new(),
            format!("Against {} of {}", self.commit, self.date),
        ];
        if !self.same_machine {
            lines.push(
                "warning: another machine; the ratios say nothing about the program".to_owned(),
            );
        }
        lines.push(format!(
            "  {:<56}{:>10}{:>7}{:>10}{:>7}  {}",
            "milliseconds, median of the samples kept", "before", "n", "now", "n", "ratio (95 %)"
        ));
        lines.extend(self.figures.iter().map(|c| {
            let [before, now] = [c.before_ms, c.now_ms].map(crate::table::number);
            format!(
                "  {:<56}{before:>10}{:>7}{now:>10}{:>7}  {} {}",
                c.name,
                c.before_n,
                c.now_n,
                c.ratio.text(),
                c.verdict
            )
        }));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Times;

    fn report(scale: f64) -> Report {
        let mut report = Report::begin(true);
        let times = |middle: f64| {
            let samples: Vec<f64> = (0..40)
                .map(|i| middle * scale * (1.0 + f64::from(i % 7) / 200.0))
                .collect();
            Times::of(&samples)
        };
        report.journal = Some(crate::JournalFigures {
            entries: 1,
            database_bytes: 1,
            open: times(3.0),
            add: times(1.0),
            list: times(2.0),
            full_text: times(1.0),
            vector: times(1.0),
            hybrid: None,
        });
        report
    }

    #[test]
    fn a_slowdown_of_a_tenth_is_seen_and_no_change_is_not() {
        let before = serde_json::to_string(&report(1.0)).unwrap();
        let slower = compare(&report(1.1), &before).unwrap();
        assert_eq!(slower.figures.len(), 5);
        assert!(slower.same_machine && slower.figures.iter().all(|c| c.verdict == "slower"));
        let same = compare(&report(1.0), &before).unwrap();
        assert!(
            same.figures
                .iter()
                .all(|c| c.verdict == "no difference seen")
        );
        assert!(
            same.lines()
                .iter()
                .any(|line| line.contains("journal / list"))
        );
    }

    #[test]
    fn a_thinned_record_is_compared_by_the_samples_it_kept_and_says_how_many() {
        let mut before = serde_json::to_value(report(1.0)).unwrap();
        let kept = before["journal"]["list"]["samples_ms"].as_array_mut();
        kept.unwrap().truncate(12);
        let compared = compare(&report(1.0), &before.to_string()).unwrap();
        let list = (compared.figures.iter().find(|c| c.name == "journal / list")).unwrap();
        assert_eq!((list.before_n, list.now_n), (12, 40));
        let lines = compared.lines();
        let line = (lines.iter().find(|line| line.contains("journal / list"))).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!((words[4], words[6]), ("12", "40"), "{line}");
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for text in ["", "[]", "{}"] {
            assert!(compare(&report(1.0), text).is_err(), "{text:?}");
        }
    }
}
