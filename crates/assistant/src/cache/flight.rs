//! Two equal requests at once run one inference: the first computes, the others wait for its answer.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Served;

/// What makes two requests equal.
pub(super) type FlightKey = ([u8; 32], String);

/// The requests that are being computed.
#[derive(Default)]
pub(super) struct Flights {
    under_way: Mutex<HashMap<FlightKey, Arc<Flight>>>,
}

#[derive(Default)]
struct Flight {
    /// `None`: under way. `Some(None)`: it failed, somebody else may try.
    landed: Mutex<Option<Option<Served>>>,
    changed: Condvar,
}

/// The part that a request has.
pub(super) enum Part<'a> {
    /// It computes, and tells the others.
    Leader(Leader<'a>),
    /// Another one computed this answer meanwhile; `None` where that failed.
    Joined(Option<Box<Served>>),
}

/// Whoever computes. Dropped without an answer (an error, a panic) it lets the next one try.
pub(super) struct Leader<'a> {
    flights: &'a Flights,
    key: FlightKey,
    flight: Arc<Flight>,
}

impl Flights {
    /// Takes part in the computation of `key`: as its leader, or by waiting for the one who is.
    pub(super) fn join(&self, key: &FlightKey) -> Part<'_> {
        let flight = {
            let mut under_way = lock(&self.under_way);
            match under_way.get(key) {
                Some(flight) => Arc::clone(flight),
                None => {
                    let flight = Arc::new(Flight::default());
                    under_way.insert(key.clone(), Arc::clone(&flight));
                    return Part::Leader(Leader {
                        flights: self,
                        key: key.clone(),
                        flight,
                    });
                }
            }
        };
        let mut landed = lock(&flight.landed);
        while landed.is_none() {
            landed = flight
                .changed
                .wait(landed)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Part::Joined(landed.clone().flatten().map(Box::new))
    }
}

impl Leader<'_> {
    /// Gives the answer to those who wait.
    pub(super) fn land(self, served: &Served) {
        *lock(&self.flight.landed) = Some(Some(served.clone()));
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        lock(&self.flights.under_way).remove(&self.key);
        lock(&self.flight.landed).get_or_insert(None);
        self.flight.changed.notify_all();
    }
}

/// A thread that panicked left nothing half-done here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
