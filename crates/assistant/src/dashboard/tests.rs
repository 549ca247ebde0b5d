use metrics::{Count, Gauge, Measure, Measured};

use super::*;

const TODAY: Date = Date::constant(2026, 3, 4);

fn of(measured: Measured, now: &Now) -> Dashboard {
    Dashboard::new(TODAY, TODAY, &[(TODAY, measured)], now)
}

fn finding<'a>(all: &'a Dashboard, check: &str) -> &'a Finding {
    let found = all.health.findings.iter().find(|f| f.check == check);
    found.expect("it is checked")
}

#[test]
fn nothing_measured_is_told_as_nothing_and_every_section_is_there() {
    let all = Dashboard::new(TODAY, TODAY, &[], &Now::default());
    let json = serde_json::to_value(&all).unwrap();
    for section in [
        "inference",
        "encoder",
        "memory",
        "cache",
        "throughput",
        "health",
    ] {
        assert!(json[section].is_object(), "{section}");
    }
    assert_eq!(
        json["inference"]["first_token_ms"],
        serde_json::json!({"p50": null, "p95": null, "p99": null, "n": 0})
    );
    for path in [
        "/memory/peak_bytes",
        "/cache/hit_rate",
        "/throughput/energy_joules",
        "/cache/seconds_saved",
    ] {
        assert!(json.pointer(path).unwrap().is_null(), "{path}");
    }
    assert_eq!(all.health.ok, None);
    let unknown = |f: &Finding| f.verdict == Verdict::NotMeasured && f.reason == "not measured";
    assert!(all.health.findings.iter().all(unknown));
}

#[test]
fn a_queue_is_counted_and_no_proof_of_health() {
    let with = |measured: &Measured, queued| {
        let now = Now {
            queued,
            ..Now::default()
        };
        let all = of(measured.clone(), &now);
        (finding(&all, "analyses that wait").verdict, all.health.ok)
    };
    let nothing = Measured::default();
    assert_eq!(with(&nothing, None), (Verdict::NotMeasured, None));
    assert_eq!(with(&nothing, Some(0)), (Verdict::NotMeasured, None));
    assert_eq!(with(&nothing, Some(7)), (Verdict::Ok, None));
    assert_eq!(with(&nothing, Some(101)), (Verdict::Attention, Some(false)));
    let mut some = Measured::default();
    some.add(Count::Processes, 1);
    assert_eq!(with(&some, Some(0)), (Verdict::Ok, None));
    some.record(Measure::Peak, 80_000_000);
    assert_eq!(with(&some, Some(0)), (Verdict::Ok, Some(true)));
}

#[test]
fn what_is_beyond_its_limit_says_why_and_the_way_out() {
    let mut slow = Measured::default();
    (0..30).for_each(|_| slow.record(Measure::FirstToken, 9_000_000));
    slow.record(Measure::Peak, 3_000_000_000);
    let all = of(
        slow.clone(),
        &Now {
            machine_bytes: Some(64_000_000_000),
            ..Now::default()
        },
    );
    let first = finding(&all, "first token");
    assert_eq!(
        (first.verdict, first.reason.as_str()),
        (Verdict::Attention, "median 9.0 s, n 30")
    );
    assert!(first.way_out.unwrap().contains("companion model list"));
    assert_eq!(finding(&all, "memory").verdict, Verdict::Attention);
    assert_eq!(all.health.ok, Some(false));
    let mut few = Measured::default();
    (0..19).for_each(|_| few.record(Measure::FirstToken, 9_000_000));
    assert_eq!(
        finding(&of(few, &Now::default()), "first token").reason,
        "n too small: 19 of 20"
    );
    let mut fast = Measured::default();
    (0..30).for_each(|_| fast.record(Measure::FirstToken, 400_000));
    assert_eq!(
        finding(&of(fast, &Now::default()), "first token").verdict,
        Verdict::Ok
    );
}

#[test]
fn commands_that_ask_once_are_judged_by_the_first_tokens_that_they_have() {
    let mut cold = Measured::default();
    (0..25).for_each(|_| cold.record(Measure::FirstTokenOfProcess, 4_000_000));
    let all = of(cold.clone(), &Now::default());
    let first = finding(&all, "first token");
    assert_eq!(first.verdict, Verdict::Attention);
    assert_eq!(
        first.reason,
        "median 4.0 s, n 25, 25 of them the first of a run"
    );
    assert_eq!(all.days[0].first_token_ms, all.inference.first_token_ms.p50);
    // In a long process most requests find the weights read.
    (0..75).for_each(|_| cold.record(Measure::FirstToken, 500_000));
    let inference = of(cold, &Now::default()).inference;
    assert_eq!(
        [
            inference.first_token_ms.n,
            inference.first_token_of_process_ms.n,
            inference.first_token_warm_ms.n
        ],
        [100, 25, 75]
    );
    assert!(inference.first_token_ms.p50 < Some(1000.0));
    assert!(inference.first_token_ms.p95 > Some(3900.0));
}

#[test]
fn what_the_cache_served_and_saved_is_added_up() {
    let mut measured = Measured::default();
    for (count, n) in [
        (Count::CacheSavedMicros, 12_000_400),
        (Count::LookedUp, 6),
        (Count::HitExact, 3),
        (Count::HitSemantic, 1),
        (Count::Missed, 2),
        (Count::RefusedDates, 5),
    ] {
        measured.add(count, n);
    }
    let cache = of(measured, &Now::default()).cache;
    assert_eq!(
        (cache.calls_saved, cache.seconds_saved, cache.hit_rate),
        (4, Some(12.0), Some(0.6667))
    );
    assert_eq!(
        (
            cache.hits["exact"],
            cache.refused["dates"],
            cache.refused["people"]
        ),
        (3, 5, 0)
    );
}

#[test]
fn days_are_added_up_and_their_history_is_kept_apart() {
    let day = |n: u64, us: u64| {
        let mut measured = Measured::default();
        (0..n).for_each(|_| measured.record(Measure::Save, us));
        measured.add(Count::EntriesSaved, n);
        measured
    };
    let yesterday = TODAY.yesterday().unwrap();
    let days = [(yesterday, day(60, 4_000)), (TODAY, day(40, 8_000))];
    let all = Dashboard::new(yesterday, TODAY, &days, &Now::default());
    assert_eq!(all.throughput.save_ms.n, 100);
    assert!(all.throughput.save_ms.p95.is_some() && all.throughput.save_ms.p99.is_none());
    assert_eq!(all.throughput.entries_a_day, Some(50.0));
    assert_eq!(
        all.days.iter().map(|d| d.entries).collect::<Vec<_>>(),
        [60, 40]
    );
}

#[test]
fn energy_is_shared_among_the_entries_of_the_days_that_tell_it() {
    let day = |entries: u64, joules: Option<u64>| {
        let mut measured = Measured::default();
        measured.add(Count::EntriesSaved, entries);
        if let Some(joules) = joules {
            measured.add(Count::EnergyMicros, 1_000_000);
            measured.add(Count::EnergyMicrojoules, joules * 1_000_000);
        }
        measured
    };
    let per_entry = |days: &[(u64, Option<u64>)]| {
        let days: Vec<_> = days.iter().map(|(n, j)| (TODAY, day(*n, *j))).collect();
        let of = Dashboard::new(TODAY, TODAY, &days, &Now::default()).throughput;
        (of.energy_joules, of.energy_joules_per_entry)
    };
    assert_eq!(per_entry(&[(4, None)]), (None, None));
    assert_eq!(per_entry(&[(0, Some(30))]), (Some(30.0), None));
    assert_eq!(
        per_entry(&[(9, None), (4, Some(30))]),
        (Some(30.0), Some(7.5))
    );
}

#[test]
fn only_what_is_known_now_is_a_gauge() {
    assert_eq!(Now::default().gauges(), []);
    let now = Now {
        running: Some(vec![3, 4]),
        proportional_bytes: Some(5),
        queued: Some(2),
        ..Now::default()
    };
    assert_eq!(
        now.gauges(),
        [
            (Gauge::Resident, 7),
            (Gauge::Proportional, 5),
            (Gauge::Waiting, 2)
        ]
    );
}
