//! What to look after: a threshold, the measured figure that crossed it, and the way out.

use serde::Serialize;

use super::{Dashboard, Latency, Now};
use crate::cache::lower_95;

/// Samples that a median needs before anybody is told to act on it.
const ENOUGH: u64 = 20;

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Measured, and within its limit.
    Ok,
    /// Measured, and beyond it.
    Attention,
    /// There are not enough measurements to say.
    NotMeasured,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What.
    pub check: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// The figure, with its n; or what is missing.
    pub reason: String,
    /// What it is held against.
    pub limit: &'static str,
    /// What helps, where something is beyond its limit.
    pub way_out: Option<&'static str>,
}

/// All that was checked.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Health {
    /// `None` where nothing was measured; else whether everything that could be checked is within its limits. What only
    /// was counted, such as a queue, can be beyond its limit, and alone it makes nobody healthy.
    pub ok: Option<bool>,
    /// Each check.
    pub findings: Vec<Finding>,
}

/// A check before its figure is known.
struct Check {
    name: &'static str,
    limit: &'static str,
    way_out: &'static str,
}

impl Check {
    /// Holds `found` against the limit: its text, and whether it is within.
    fn held(self, found: Option<(String, bool)>, missing: String) -> Finding {
        let (verdict, reason) = match found {
            None => (Verdict::NotMeasured, missing),
            Some((reason, true)) => (Verdict::Ok, reason),
            Some((reason, false)) => (Verdict::Attention, reason),
        };
        Finding {
            check: self.name,
            verdict,
            reason,
            limit: self.limit,
            way_out: (verdict == Verdict::Attention).then_some(self.way_out),
        }
    }

    /// Holds the median of a time against `most_ms`.
    fn median(self, of: &Latency, most_ms: f64) -> Finding {
        let found = of.p50.filter(|_| of.n >= ENOUGH);
        self.held(
            found.map(|ms| (format!("median {}, n {}", time(ms), of.n), ms <= most_ms)),
            missing(of.n, ENOUGH),
        )
    }

    /// Holds the 95th percentile of a time against `most_ms`.
    fn tail(self, of: &Latency, most_ms: f64) -> Finding {
        self.held(
            of.p95
                .map(|ms| (format!("p95 {}, n {}", time(ms), of.n), ms <= most_ms)),
            missing(of.n, 100),
        )
    }
}

fn missing(n: u64, needed: u64) -> String {
    match n {
        0 => "not measured".to_owned(),
        n => format!("n too small: {n} of {needed}"),
    }
}

/// A time as a person says it.
fn time(ms: f64) -> String {
    match ms {
        ms if ms >= 1000.0 => format!("{:.1} s", ms / 1e3),
        ms if ms >= 10.0 => format!("{ms:.0} ms"),
        ms => format!("{ms:.1} ms"),
    }
}

impl Health {
    /// Checks everything that was measured.
    pub(super) fn of(all: &Dashboard, now: &Now) -> Health {
        let findings = vec![
            first_token(all),
            writing(all),
            stutter(all),
            queue(all),
            analysis(all),
            save(all),
            memory(all),
            cold(all),
            hit_rate(all),
            false_hits(now),
        ];
        let measured = findings.iter().any(|f| f.verdict != Verdict::NotMeasured);
        let findings = [findings, vec![waiting(all, now)]].concat();
        let well = findings.iter().all(|f| f.verdict != Verdict::Attention);
        Health {
            ok: (measured || !well).then_some(well),
            findings,
        }
    }
}

fn first_token(all: &Dashboard) -> Finding {
    let i = &all.inference;
    let mut found = Check {
        name: "first token",
        limit: "median of 3 s",
        way_out: "a smaller or an INT4 model answers sooner: `companion model list`, then \
            `companion config set language.model NAME`",
    }
    .median(&i.first_token_ms, 3000.0);
    let cold = i.first_token_of_process_ms.n;
    if found.verdict != Verdict::NotMeasured && cold > 0 {
        let of_them = format!(", {cold} of them the first of a run");
        found.reason.push_str(&of_them);
    }
    found
}

fn writing(all: &Dashboard) -> Finding {
    let speed = all.inference.decode_tokens_per_s;
    let found = speed.p50.filter(|_| speed.n >= ENOUGH);
    Check {
        name: "writing speed",
        limit: "median of 5 tokens a second, as fast as one reads",
        way_out: "a smaller or an INT4 model writes faster: `companion model list`, then \
            `companion config set language.model NAME`",
    }
    .held(
        found.map(|x| {
            (
                format!("median {x:.1} tokens a second, n {}", speed.n),
                x >= 5.0,
            )
        }),
        missing(speed.n, ENOUGH),
    )
}

fn stutter(all: &Dashboard) -> Finding {
    Check {
        name: "steady writing",
        limit: "95 of 100 tokens within 500 ms",
        way_out: "something else takes the processor or the memory; `companion model ps` shows what of Companion runs",
    }
    .tail(&all.inference.inter_token_ms, 500.0)
}

fn queue(all: &Dashboard) -> Finding {
    Check {
        name: "waiting in line",
        limit: "95 of 100 requests within 2 s",
        way_out: "long jobs run beside what you ask; `companion config set batch.max_size N` with a larger N lets more texts share a step",
    }
    .tail(&all.inference.queue_wait_ms, 2000.0)
}

fn analysis(all: &Dashboard) -> Finding {
    Check {
        name: "analysis",
        limit: "median of 150 ms an entry",
        way_out: "`companion health` names the kernel in use; unset COMPANION_KERNEL and COMPANION_THREADS if they are set",
    }
    .median(&all.encoder.analysis_ms, 150.0)
}

fn save(all: &Dashboard) -> Finding {
    Check {
        name: "saving",
        limit: "median of 100 ms",
        way_out: "the disk is slow to make an entry durable; a home on a local disk (`--home DIR`) is faster than one on a network",
    }
    .median(&all.throughput.save_ms, 100.0)
}

fn memory(all: &Dashboard) -> Finding {
    let most = all
        .memory
        .machine_bytes
        .map_or(2e9, |m| 2e9_f64.min(m as f64 / 2.0));
    Check {
        name: "memory",
        limit: "peak of 2 GB, or of half the machine",
        way_out: "a smaller or an INT4 model needs less: `companion model list`, then `companion config set language.model NAME`",
    }
    .held(
        all.memory.peak_bytes.map(|bytes| {
            let text = format!("peak {:.2} GB", bytes as f64 / 1e9);
            (text, bytes as f64 <= most)
        }),
        missing(0, 1),
    )
}

fn cold(all: &Dashboard) -> Finding {
    let cold = all.inference.load_cold_ms.n + all.encoder.load_cold_ms.n;
    let loads = cold + all.inference.load_warm_ms.n + all.encoder.load_warm_ms.n;
    Check {
        name: "models in memory",
        limit: "half of the openings without the disk",
        way_out: "the system pushes the models out between uses: less memory in use elsewhere, or a smaller model, keeps them in",
    }
    .held(
        (loads >= ENOUGH).then(|| (format!("{cold} of {loads} openings read the disk"), 2 * cold <= loads)),
        missing(loads, ENOUGH),
    )
}

fn hit_rate(all: &Dashboard) -> Finding {
    let n = all.cache.looked_up;
    let found = all.cache.hit_rate.filter(|_| n >= 50);
    Check {
        name: "cache hits",
        limit: "1 request in 10",
        way_out: "answers may be kept too briefly: `companion cache stats` shows them, `companion config set cache.ttl_minutes N` keeps them longer",
    }
    .held(
        found.map(|rate| (format!("{:.0} % of {n} requests", 100.0 * rate), rate >= 0.1)),
        missing(n, 50),
    )
}

fn false_hits(now: &Now) -> Finding {
    let (wrong, judged) = now.cache.map_or((0, 0), |c| (c.wrong, c.judged));
    Check {
        name: "false hits",
        limit: "1 in 100, where verdicts can tell",
        way_out: "`companion cache list` shows what served; `companion config set cache.similarity X` with a larger X asks for more likeness",
    }
    .held(
        (judged >= ENOUGH).then(|| {
            let text = format!("{wrong} of {judged} judged were wrong");
            (text, lower_95(wrong, judged) <= 0.01)
        }),
        missing(judged, ENOUGH),
    )
}

fn waiting(all: &Dashboard, now: &Now) -> Finding {
    // That nothing waits where nothing was done says nothing.
    let queued = now.queued.filter(|n| *n > 0 || all.processes > 0);
    Check {
        name: "analyses that wait",
        limit: "100 entries",
        way_out: "`companion analyze` works them off",
    }
    .held(
        queued.map(|n| (format!("{n} entries"), n <= 100)),
        missing(0, 1),
    )
}
