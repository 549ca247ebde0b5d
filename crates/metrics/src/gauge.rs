//! What is true at the moment of asking: nothing is recorded of it.

use crate::names::closed_set;

closed_set! {
    /// A size or number as it is now, for those who ask regularly. The set is closed, as the others are.
    Gauge {
        Resident = "memory.now_resident", "Memory of the Companion processes that run (RSS), without the one that asks";
        Proportional = "memory.now_proportional", "The same with what is shared counted in parts (PSS)";
        KeptBytes = "cache.kept", "Bytes of the answers that the semantic cache keeps";
        KeptAnswers = "cache.answers", "Answers that the semantic cache keeps";
        Waiting = "entries.waiting", "Entries that wait for their analysis";
    }
}

impl Gauge {
    /// Its name for Prometheus, with the unit.
    pub(crate) fn exposed(self) -> String {
        let unit = match self {
            Gauge::Resident | Gauge::Proportional | Gauge::KeptBytes => "_bytes",
            Gauge::KeptAnswers | Gauge::Waiting => "",
        };
        format!("companion_{}{unit}", self.name().replace('.', "_"))
    }
}
