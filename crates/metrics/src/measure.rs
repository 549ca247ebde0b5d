//! Distributions: everything of which a percentile is asked.

use crate::names::closed_set;

/// What the whole numbers of a histogram are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds.
    Micros,
    /// Thousandths of a token a second.
    MilliPerSecond,
    /// Bytes.
    Bytes,
    /// Things.
    Things,
}

closed_set! {
    /// A distribution that is measured. The set is closed: no text can become the name of one.
    Measure {
        FirstToken = "inference.first_token", "From a request to its first token, in a process that has answered before";
        FirstTokenOfProcess = "inference.first_token_of_process", "From the first request of a process to its first token: the weights are read on the way";
        InterToken = "inference.inter_token", "From one token of a reply to the next";
        PrefillRate = "inference.prefill_rate", "Tokens of a prompt read a second, those known from before left out";
        DecodeRate = "inference.decode_rate", "Tokens of a reply written a second, after its first";
        QueueWait = "inference.queue_wait", "From a request to the step that begins to read it";
        StepTexts = "inference.step_texts", "Texts that share a step of the model";
        StepTokens = "inference.step_tokens", "Tokens that a step of the model reads";
        DecoderLoadCold = "inference.load_cold", "Opening a language model where the disk was read for it";
        DecoderLoadWarm = "inference.load_warm", "Opening a language model that was in memory already";
        EncoderCall = "encoder.call", "One text through the encoder, alone";
        EncoderBatch = "encoder.batch", "Texts that one call of the encoder takes together";
        EncoderLoadCold = "encoder.load_cold", "Opening the encoder where the disk was read for it";
        EncoderLoadWarm = "encoder.load_warm", "Opening the encoder where it was in memory already";
        Analysis = "encoder.analysis", "One entry analysed by the instant tier, alone";
        Resident = "memory.resident", "Memory of the process (RSS), sampled while it works";
        Peak = "memory.peak", "The most memory that a process had (RSS), once a process";
        Proportional = "memory.proportional", "Memory of the process without what others share (PSS), at its end";
        KvCache = "memory.kv_cache", "Keys and values of a language model, after each reply";
        CacheHit = "cache.hit", "A request that the semantic cache served";
        CacheMiss = "cache.miss", "A request that had to be computed";
        Save = "journal.save", "An entry made durable";
    }
}

impl Measure {
    /// What its numbers are.
    pub const fn unit(self) -> Unit {
        match self {
            Measure::PrefillRate | Measure::DecodeRate => Unit::MilliPerSecond,
            Measure::StepTexts | Measure::StepTokens | Measure::EncoderBatch => Unit::Things,
            Measure::Resident | Measure::Peak | Measure::Proportional | Measure::KvCache => {
                Unit::Bytes
            }
            _ => Unit::Micros,
        }
    }
}
