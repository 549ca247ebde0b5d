//! The time, as somebody else tells it.

use jiff::ZonedDateTime;

/// Tells the time. Tests, and the command line with `COMPANION_NOW`, have their own.
pub trait Clock: Send + Sync {
    /// Now, in the zone of the user.
    fn now(&self) -> ZonedDateTime;
}

/// The clock of the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> ZonedDateTime {
        ZonedDateTime::now()
    }
}

impl<F: Fn() -> ZonedDateTime + Send + Sync> Clock for F {
    fn now(&self) -> ZonedDateTime {
        self()
    }
}
