//! What was measured as Prometheus reads it: text exposition format 0.0.4.
//!
//! Every name and every label value is one of this crate's own; `tier` and `gate` are the only labels.

use std::fmt::Write as _;

use crate::{Count, Gauge, Histogram, Measure, Measured, Unit};

/// Times, rates and things: 1, 2.5 and 5 of each power of ten.
const STEPS: [f64; 3] = [1.0, 2.5, 5.0];

/// `measured` and what is true `now` in the exposition format. The name of each distribution and sum is there whether or not
/// anything was measured, so that a query finds it; a gauge that is not known is left out, because a 0 would be read as one.
pub fn prometheus(measured: &Measured, now: &[(Gauge, u64)]) -> String {
    let mut text = String::new();
    let nothing = Histogram::default();
    for measure in Measure::ALL {
        let found = measured.histogram(*measure).unwrap_or(&nothing);
        histogram(&mut text, *measure, found);
    }
    let mut last = String::new();
    for count in Count::ALL {
        let (name, label, scale) = exposed(*count);
        if name != last {
            let help = match label {
                None => count.help(),
                Some(("tier", _)) => "Requests that the semantic cache served, by tier",
                Some(_) => "Candidates that the semantic cache refused, by gate",
            };
            put(
                &mut text,
                format_args!("# HELP {name} {help}\n# TYPE {name} counter\n"),
            );
        }
        let value = measured.count(*count) as f64 / scale;
        match label {
            None => put(&mut text, format_args!("{name} {value}\n")),
            Some((key, of)) => put(
                &mut text,
                format_args!("{name}{{{key}=\"{of}\"}} {value}\n"),
            ),
        }
        last = name;
    }
    for (gauge, value) in now {
        let (name, help) = (gauge.exposed(), gauge.help());
        put(
            &mut text,
            format_args!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n"),
        );
    }
    text
}

fn histogram(text: &mut String, measure: Measure, found: &Histogram) {
    let (suffix, scale) = match measure.unit() {
        Unit::Micros => ("_seconds", 1e6),
        Unit::MilliPerSecond => ("_tokens_per_second", 1e3),
        Unit::Bytes => ("_bytes", 1.0),
        Unit::Things => ("", 1.0),
    };
    let name = format!("companion_{}{suffix}", measure.name().replace('.', "_"));
    let help = measure.help();
    put(
        text,
        format_args!("# HELP {name} {help}\n# TYPE {name} histogram\n"),
    );
    for bound in bounds(measure.unit()) {
        let n = found.up_to(bound);
        put(
            text,
            format_args!("{name}_bucket{{le=\"{}\"}} {n}\n", bound as f64 / scale),
        );
    }
    let (n, sum) = (found.n(), found.sum() as f64 / scale);
    put(
        text,
        format_args!("{name}_bucket{{le=\"+Inf\"}} {n}\n{name}_sum {sum}\n{name}_count {n}\n"),
    );
}

/// The borders of the buckets, in the unit of the measure; the same for ever, so that sums over time can be made.
fn bounds(unit: Unit) -> Vec<u64> {
    let ladder = |first: u32, last: u32| -> Vec<u64> {
        let decades = (first..=last).map(|exponent| 10f64.powi(exponent as i32));
        decades
            .flat_map(|decade| STEPS.map(|step| (step * decade) as u64))
            .collect()
    };
    match unit {
        // 0.1 ms to 50 s.
        Unit::Micros => ladder(2, 7),
        // 0.1 to 5000 a second.
        Unit::MilliPerSecond => ladder(2, 6),
        // 1 MiB to 64 GiB.
        Unit::Bytes => (20..=36).map(|bits| 1 << bits).collect(),
        Unit::Things => (0..=9).map(|bits| 1 << bits).collect(),
    }
}

/// Name, label, and what the stored sum is divided by.
fn exposed(count: Count) -> (String, Option<(&'static str, &'static str)>, f64) {
    let name = count.name();
    let plain = |name: &str, scale| {
        (
            format!("companion_{}_total", name.replace('.', "_")),
            None,
            scale,
        )
    };
    if let Some(tier) = name.strip_prefix("cache.hit_") {
        return (
            "companion_cache_hits_total".to_owned(),
            Some(("tier", tier)),
            1.0,
        );
    }
    if let Some(gate) = name.strip_prefix("cache.refused_") {
        return (
            "companion_cache_refused_total".to_owned(),
            Some(("gate", gate)),
            1.0,
        );
    }
    if let Some(of) = name.strip_suffix(".micros") {
        return plain(&format!("{of}.seconds"), 1e6);
    }
    if count == Count::EnergyMicrojoules {
        return plain("energy.joules", 1e6);
    }
    plain(name, 1.0)
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What a scraper checks: names, one HELP and TYPE before a metric's samples, numbers, cumulative buckets.
    fn check(text: &str) -> usize {
        let is_name = |name: &str| {
            !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !name.starts_with(|c: char| c.is_ascii_digit())
        };
        let (mut current, mut kind, mut seen, mut samples) = ("", "", BTreeSet::new(), 0);
        let mut bucket: Option<(f64, u64)> = None;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a help text");
                assert!(is_name(name) && !help.is_empty(), "{line}");
                assert!(seen.insert(name), "{name} occurs twice");
                (current, bucket) = (name, None);
                continue;
            }
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, of) = rest.split_once(' ').expect("a type");
                assert_eq!(name, current);
                assert!(["counter", "histogram", "gauge"].contains(&of), "{line}");
                kind = of;
                continue;
            }
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let value: f64 = value.parse().expect("a number");
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            assert!(is_name(name) && value >= 0.0, "{line}");
            samples += 1;
            if kind != "histogram" {
                assert_eq!(name, current);
                assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
                continue;
            }
            let part = name.strip_prefix(current).expect("a sample of its metric");
            match part {
                "_bucket" => {
                    let le = labels
                        .strip_prefix("le=\"")
                        .and_then(|l| l.strip_suffix("\"}"));
                    let le: f64 = le.expect("a border").parse().expect("a number");
                    if let Some((before, n)) = bucket {
                        assert!(le > before && value as u64 >= n, "{line}");
                    }
                    bucket = Some((le, value as u64));
                }
                "_sum" => assert_eq!(bucket.map(|b| b.0), Some(f64::INFINITY)),
                "_count" => assert_eq!(bucket.map(|b| b.1), Some(value as u64)),
                other => panic!("{other}"),
            }
        }
        samples
    }

    #[test]
    fn what_a_scraper_gets_is_well_formed_with_and_without_measurements() {
        let mut measured = Measured::default();
        let empty = check(&prometheus(&measured, &[]));
        for (place, measure) in Measure::ALL.iter().enumerate() {
            (0..500u64).for_each(|i| measured.record(*measure, i * i * (1 + place as u64 * 997)));
        }
        Count::ALL
            .iter()
            .for_each(|count| measured.add(*count, 1_234_567));
        let text = prometheus(&measured, &[]);
        assert_eq!(
            check(&text),
            empty,
            "the same series, whatever was measured"
        );
        assert!(
            text.contains("companion_cache_hits_total{tier=\"exact\"} 1234567\n"),
            "{text}"
        );
        assert!(
            text.contains("companion_energy_joules_total 1.234567\n"),
            "{text}"
        );
    }
    #[test]
    fn what_is_true_now_is_a_gauge_and_what_is_not_known_is_absent() {
        let nothing = Measured::default();
        let without = prometheus(&nothing, &[]);
        assert!(!without.contains("gauge"));
        let now: Vec<(Gauge, u64)> = Gauge::ALL.iter().map(|gauge| (*gauge, 7)).collect();
        let with = prometheus(&nothing, &now);
        assert_eq!(check(&with), check(&without) + Gauge::ALL.len());
        for line in [
            "companion_memory_now_resident_bytes 7\n",
            "companion_entries_waiting 7\n",
        ] {
            assert!(with.contains(line), "{line} in {with}");
        }
    }
}
