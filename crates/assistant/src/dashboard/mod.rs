//! What was measured, made into what a person or a script reads: percentiles with their n, rates, savings, and
//! findings about the program's health.
//!
//! Nothing here is a constant that looks like a measurement: what was not measured is `None`, a percentile without
//! enough samples is `None`, and each finding names the figure that it rests on.

mod figures;
mod health;

use std::collections::BTreeMap;

use jiff::civil::Date;
use metrics::{Count, Gauge, Measure, Measured};
use serde::Serialize;

pub use figures::{Latency, Rate, Spread};
pub use health::{Finding, Health, Verdict};

/// Where the history of a figure is shown day by day.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Day {
    /// The day.
    pub day: Date,
    /// Median time to the first token, in milliseconds.
    pub first_token_ms: Option<f64>,
    /// Median speed of writing, in tokens a second.
    pub decode_tokens_per_s: Option<f64>,
    /// Median time of an analysis, in milliseconds.
    pub analysis_ms: Option<f64>,
    /// Median time of a save, in milliseconds.
    pub save_ms: Option<f64>,
    /// The most memory of a process, in bytes.
    pub peak_bytes: Option<u64>,
    /// Share of the requests that the semantic cache served.
    pub hit_rate: Option<f64>,
    /// Entries written or brought in.
    pub entries: u64,
}

/// Speed of the language model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inference {
    /// From a request to the first token of its reply, of all requests.
    pub first_token_ms: Latency,
    /// Of those, the first of each process: it reads the weights on the way. A command that asks once has no other.
    pub first_token_of_process_ms: Latency,
    /// The others, in a process that has answered before.
    pub first_token_warm_ms: Latency,
    /// From one token to the next.
    pub inter_token_ms: Latency,
    /// From the request to the step that begins to read it.
    pub queue_wait_ms: Latency,
    /// Tokens of a prompt read a second.
    pub prefill_tokens_per_s: Rate,
    /// Tokens written a second.
    pub decode_tokens_per_s: Rate,
    /// Texts that share a step.
    pub batch_texts: Spread,
    /// Tokens that a step reads.
    pub batch_tokens: Spread,
    /// Opening the model, where the disk was read for it.
    pub load_cold_ms: Latency,
    /// Opening the model, where it was in memory.
    pub load_warm_ms: Latency,
    /// Replies and scorings.
    pub replies: u64,
    /// Tokens of prompts that were read.
    pub tokens_read: u64,
    /// Tokens of prompts that were known from before.
    pub tokens_reused: u64,
    /// Tokens written.
    pub tokens_written: u64,
}

/// Speed of the instant tier.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EncoderFigures {
    /// One text alone.
    pub call_ms: Latency,
    /// One entry analysed, alone.
    pub analysis_ms: Latency,
    /// Texts that a call takes together.
    pub batch_texts: Spread,
    /// Texts.
    pub texts: u64,
    /// Texts a second while it worked.
    pub texts_per_s: Option<f64>,
    /// Opening it, where the disk was read for it.
    pub load_cold_ms: Latency,
    /// Opening it, where it was in memory.
    pub load_warm_ms: Latency,
}

/// Memory, in bytes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Memory {
    /// Of the Companion processes that run now, without the one that asks; `None` where none does.
    pub now_bytes: Option<u64>,
    /// The same with shared pages counted in parts (PSS); `None` where the system does not tell.
    pub now_proportional_bytes: Option<u64>,
    /// How many those are.
    pub now_processes: usize,
    /// The mean over all samples (RSS).
    pub average_bytes: Option<f64>,
    /// The most that any process had (RSS).
    pub peak_bytes: Option<u64>,
    /// Samples of the mean.
    pub n: u64,
    /// What processes had at their end, shared pages counted in parts (PSS).
    pub proportional: Spread,
    /// Keys and values of the language model.
    pub kv_cache: Spread,
    /// What the machine has.
    pub machine_bytes: Option<u64>,
}

/// The semantic cache.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CacheFigures {
    /// Requests for which it was asked.
    pub looked_up: u64,
    /// Served, by tier: exact, semantic, shipped, joined.
    pub hits: BTreeMap<&'static str, u64>,
    /// Computed.
    pub missed: u64,
    /// Not looked up.
    pub bypassed: u64,
    /// Share of the looked up that was served.
    pub hit_rate: Option<f64>,
    /// Candidates refused, by gate.
    pub refused: BTreeMap<&'static str, u64>,
    /// A request that was served.
    pub hit_ms: Latency,
    /// A request that had to be computed.
    pub miss_ms: Latency,
    /// Computations that did not have to be.
    pub calls_saved: u64,
    /// What they would have taken, by the mean of those of their kind that were computed before.
    pub seconds_saved: Option<f64>,
    /// Answers kept now.
    pub answers: Option<u64>,
    /// Their bytes.
    pub bytes: Option<u64>,
    /// The most bytes that are kept.
    pub max_bytes: Option<u64>,
}

/// Entries over time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mode {
    /// Entries.
    pub entries: u64,
    /// Entries a second while it worked.
    pub entries_per_s: Option<f64>,
}

/// How much was done in the span.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Throughput {
    /// Written one by one: saved and analysed.
    pub session: Mode,
    /// Brought in.
    pub import: Mode,
    /// Analysed many at a time.
    pub batch: Mode,
    /// An entry made durable.
    pub save_ms: Latency,
    /// Entries written or brought in, a day that had any.
    pub entries_a_day: Option<f64>,
    /// Bytes that the disk was read for; what was found in memory is not in them.
    pub disk_read_bytes: Option<u64>,
    /// Bytes that were handed to the disk.
    pub disk_written_bytes: Option<u64>,
    /// Energy of the processor's package while Companion ran, in joules; `None` where the machine does not tell.
    pub energy_joules: Option<f64>,
    /// That in the entries of the days on which it could be read; `None` without such entries.
    pub energy_joules_per_entry: Option<f64>,
}

/// Everything that `companion metrics` shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dashboard {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
    /// Processes that measured something.
    pub processes: u64,
    /// The language model.
    pub inference: Inference,
    /// The instant tier.
    pub encoder: EncoderFigures,
    /// Memory.
    pub memory: Memory,
    /// The semantic cache.
    pub cache: CacheFigures,
    /// Entries, disk, energy.
    pub throughput: Throughput,
    /// What to look after.
    pub health: Health,
    /// Day by day, those with measurements.
    pub days: Vec<Day>,
}

/// What is true now, beside what was measured.
#[derive(Debug, Clone, Default)]
pub struct Now {
    /// Memory of the Companion processes that run, in bytes each; `None` where they cannot be listed.
    pub running: Option<Vec<u64>>,
    /// Of all of them together, shared pages counted in parts (PSS); `None` where it cannot be read.
    pub proportional_bytes: Option<u64>,
    /// Memory of the machine, in bytes.
    pub machine_bytes: Option<u64>,
    /// What the semantic cache holds; `None` where it was not looked at.
    pub cache: Option<CacheNow>,
    /// Entries that wait for their analysis; `None` where there is no journal.
    pub queued: Option<u64>,
}

/// What the semantic cache holds, and what was said about its hits.
#[derive(Debug, Clone, Copy, Default)]
pub struct CacheNow {
    /// Answers.
    pub answers: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The most bytes that are kept.
    pub max_bytes: u64,
    /// Semantic hits with a verdict.
    pub judged: u64,
    /// Of those, wrong.
    pub wrong: u64,
}

impl Now {
    /// What is known of it, as Prometheus reads it.
    pub fn gauges(&self) -> Vec<(Gauge, u64)> {
        let known = [
            // That nothing runs is known, too: it takes no memory.
            (
                Gauge::Resident,
                self.running.as_ref().map(|all| all.iter().sum()),
            ),
            (Gauge::Proportional, self.proportional_bytes),
            (Gauge::KeptBytes, self.cache.map(|c| c.bytes)),
            (Gauge::KeptAnswers, self.cache.map(|c| c.answers)),
            (Gauge::Waiting, self.queued),
        ];
        let known = known.into_iter();
        known
            .filter_map(|(gauge, value)| Some((gauge, value?)))
            .collect()
    }
}

impl Dashboard {
    /// What `days` and `now` say about the time from `from` to `to`.
    pub fn new(from: Date, to: Date, days: &[(Date, Measured)], now: &Now) -> Dashboard {
        let mut all = Measured::default();
        days.iter().for_each(|(_, measured)| all.merge(measured));
        let mut dashboard = Dashboard {
            from,
            to,
            processes: all.count(Count::Processes),
            inference: inference(&all),
            encoder: encoder(&all),
            memory: memory(&all, now),
            cache: cache(&all, now),
            throughput: throughput(&all, days),
            health: Health::default(),
            days: days.iter().map(|(day, of)| history(*day, of)).collect(),
        };
        dashboard.health = Health::of(&dashboard, now);
        dashboard
    }
}

/// Whoever asks waits for either.
const FIRST_TOKENS: [Measure; 2] = [Measure::FirstTokenOfProcess, Measure::FirstToken];

fn inference(all: &Measured) -> Inference {
    Inference {
        first_token_ms: Latency::together(all, &FIRST_TOKENS),
        first_token_of_process_ms: Latency::of(all, Measure::FirstTokenOfProcess),
        first_token_warm_ms: Latency::of(all, Measure::FirstToken),
        inter_token_ms: Latency::of(all, Measure::InterToken),
        queue_wait_ms: Latency::of(all, Measure::QueueWait),
        prefill_tokens_per_s: Rate::of(all, Measure::PrefillRate),
        decode_tokens_per_s: Rate::of(all, Measure::DecodeRate),
        batch_texts: Spread::of(all, Measure::StepTexts),
        batch_tokens: Spread::of(all, Measure::StepTokens),
        load_cold_ms: Latency::of(all, Measure::DecoderLoadCold),
        load_warm_ms: Latency::of(all, Measure::DecoderLoadWarm),
        replies: all.count(Count::Replies),
        tokens_read: all.count(Count::TokensRead),
        tokens_reused: all.count(Count::TokensReused),
        tokens_written: all.count(Count::TokensWritten),
    }
}

fn encoder(all: &Measured) -> EncoderFigures {
    let texts = all.count(Count::EncoderTexts);
    EncoderFigures {
        call_ms: Latency::of(all, Measure::EncoderCall),
        analysis_ms: Latency::of(all, Measure::Analysis),
        batch_texts: Spread::of(all, Measure::EncoderBatch),
        texts,
        texts_per_s: figures::a_second(texts, all.count(Count::EncoderMicros)),
        load_cold_ms: Latency::of(all, Measure::EncoderLoadCold),
        load_warm_ms: Latency::of(all, Measure::EncoderLoadWarm),
    }
}

fn memory(all: &Measured, now: &Now) -> Memory {
    let samples = all.histogram(Measure::Resident);
    let peak = [Measure::Resident, Measure::Peak]
        .iter()
        .filter_map(|measure| all.histogram(*measure))
        .map(metrics::Histogram::max)
        .max();
    let running = now.running.as_deref().unwrap_or_default();
    Memory {
        now_bytes: (!running.is_empty()).then(|| running.iter().sum()),
        now_proportional_bytes: now.proportional_bytes,
        now_processes: running.len(),
        average_bytes: samples.and_then(metrics::Histogram::mean).map(f64::round),
        peak_bytes: peak,
        n: samples.map_or(0, metrics::Histogram::n),
        proportional: Spread::of(all, Measure::Proportional),
        kv_cache: Spread::of(all, Measure::KvCache),
        machine_bytes: now.machine_bytes,
    }
}

/// The counts whose name begins with `prefix`, by the rest of their name.
fn group(all: &Measured, prefix: &str) -> BTreeMap<&'static str, u64> {
    let of = Count::ALL.iter().filter_map(|count| {
        let rest = count.name().strip_prefix(prefix)?;
        Some((rest, all.count(*count)))
    });
    of.collect()
}

fn cache(all: &Measured, now: &Now) -> CacheFigures {
    let hits = group(all, "cache.hit_");
    let (served, looked_up) = (hits.values().sum::<u64>(), all.count(Count::LookedUp));
    let saved = Some(all.count(Count::CacheSavedMicros)).filter(|micros| *micros > 0);
    CacheFigures {
        looked_up,
        hit_rate: (looked_up > 0).then(|| figures::places(served as f64 / looked_up as f64, 4)),
        hits,
        missed: all.count(Count::Missed),
        bypassed: all.count(Count::Bypassed),
        refused: group(all, "cache.refused_"),
        hit_ms: Latency::of(all, Measure::CacheHit),
        miss_ms: Latency::of(all, Measure::CacheMiss),
        calls_saved: served,
        seconds_saved: saved.map(|micros| figures::places(micros as f64 / 1e6, 3)),
        answers: now.cache.map(|c| c.answers),
        bytes: now.cache.map(|c| c.bytes),
        max_bytes: now.cache.map(|c| c.max_bytes),
    }
}

fn entries_of(measured: &Measured) -> u64 {
    measured.count(Count::EntriesSaved) + measured.count(Count::EntriesImported)
}

fn throughput(all: &Measured, days: &[(Date, Measured)]) -> Throughput {
    let mode = |entries, micros| Mode {
        entries: all.count(entries),
        entries_per_s: figures::a_second(all.count(entries), all.count(micros)),
    };
    let with_entries = days.iter().filter(|(_, of)| entries_of(of) > 0).count();
    let any = all.count(Count::Processes) > 0;
    let joules = |of: &Measured| {
        let read = of.count(Count::EnergyMicros) > 0;
        read.then(|| of.count(Count::EnergyMicrojoules) as f64 / 1e6)
    };
    let told = days.iter().filter(|(_, of)| joules(of).is_some());
    let told: u64 = told.map(|(_, of)| entries_of(of)).sum();
    Throughput {
        session: mode(Count::SessionEntries, Count::SessionMicros),
        import: mode(Count::EntriesImported, Count::ImportMicros),
        batch: mode(Count::BatchEntries, Count::BatchMicros),
        save_ms: Latency::of(all, Measure::Save),
        entries_a_day: (with_entries > 0)
            .then(|| figures::places(entries_of(all) as f64 / with_entries as f64, 2)),
        disk_read_bytes: any.then(|| all.count(Count::DiskRead)),
        disk_written_bytes: any.then(|| all.count(Count::DiskWritten)),
        energy_joules: joules(all).map(|joules| figures::places(joules, 3)),
        energy_joules_per_entry: joules(all)
            .filter(|_| told > 0)
            .map(|joules| figures::places(joules / told as f64, 3)),
    }
}

fn history(day: Date, of: &Measured) -> Day {
    let median = |measure| Latency::of(of, measure).p50;
    let cache = cache(of, &Now::default());
    Day {
        day,
        first_token_ms: Latency::together(of, &FIRST_TOKENS).p50,
        decode_tokens_per_s: Rate::of(of, Measure::DecodeRate).p50,
        analysis_ms: median(Measure::Analysis),
        save_ms: median(Measure::Save),
        peak_bytes: memory(of, &Now::default()).peak_bytes,
        hit_rate: cache.hit_rate,
        entries: entries_of(of),
    }
}

#[cfg(test)]
mod tests;
