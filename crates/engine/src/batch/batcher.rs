//! The handle that everybody else holds: what is asked goes in here, from any thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::plan::Step;
use super::request::{Chore, Driver, End, Refused, RequestId, Size, Spec};
use super::state::{Limits, Scheduler};
use super::{Class, Model, worker};

/// The engine's queue: one worker thread with a model. Dropping it ends all requests as cancelled.
#[derive(Debug)]
pub struct Batcher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A text for the language model.
pub struct Text {
    /// Whom it goes before.
    pub class: Class,
    /// What is read first; at least one token.
    pub prompt: Vec<u32>,
    /// Tokens that the driver may have beyond the prompt at any time.
    pub reply: usize,
    /// What hears the model. Absent: the prompt is read, so that whoever begins with it finds it read.
    pub driver: Option<Box<dyn Driver>>,
    /// After how long nobody wants the answer.
    pub timeout: Option<Duration>,
}

/// What became of the work so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct BatchStats {
    /// Steps that read text.
    pub steps: u64,
    /// Texts in them, counted once a step.
    pub texts: u64,
    /// Tokens in them.
    pub rows: u64,
    /// Pieces of chores.
    pub chores: u64,
    /// Texts that gave up their slot to a higher class.
    pub stopped: u64,
    /// Requests that were refused.
    pub refused: u64,
}

impl BatchStats {
    pub(super) fn note(&mut self, step: &Step) {
        self.steps += u64::from(!step.pieces.is_empty());
        self.texts += step.pieces.len() as u64;
        self.rows += step.rows() as u64;
        self.chores += u64::from(step.chore.is_some());
        self.stopped += step.stopped.len() as u64;
    }
}

/// What handle and worker share. The lock is never held while the model runs.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) wake: Condvar,
    begun: Instant,
}

pub(super) struct State {
    pub(super) scheduler: Scheduler,
    /// Admitted and not yet known to the worker.
    pub(super) inbox: Vec<Arrival>,
    /// Finished by their owners; the worker drops their sequences.
    pub(super) cancelled: Vec<RequestId>,
    pub(super) closed: bool,
    pub(super) stats: BatchStats,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What is in the inbox is text: it goes into no log.
        f.debug_struct("State")
            .field("waiting", &self.scheduler.waiting())
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

/// A request on its way to the worker.
pub(super) struct Arrival {
    pub(super) id: RequestId,
    pub(super) class: Class,
    pub(super) job: Job,
    /// When it was asked for.
    pub(super) at: Instant,
    pub(super) end: Sender<End>,
    /// Where the worker notes how many tokens of the prompt the cache knew.
    pub(super) found: Arc<AtomicUsize>,
}

/// What the worker is given of a request.
pub(super) enum Job {
    Text {
        tokens: Vec<u32>,
        driver: Option<Box<dyn Driver>>,
    },
    Chore(Box<dyn Chore>),
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Time since the worker's start.
    pub(super) fn now(&self) -> Duration {
        self.begun.elapsed()
    }
}

impl Batcher {
    /// Starts the worker with `model`. `limits.kv_tokens` is lowered to what the model holds, and `limits.kv_page` is its own.
    ///
    /// # Errors
    /// Where the system refuses a thread.
    pub fn start<M: Model>(model: M, limits: Limits) -> std::io::Result<Batcher> {
        let limits = Limits {
            kv_tokens: limits.kv_tokens.min(model.capacity()),
            kv_page: model.page(),
            ..limits
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                scheduler: Scheduler::new(limits),
                inbox: Vec::new(),
                cancelled: Vec::new(),
                closed: false,
                stats: BatchStats::default(),
            }),
            wake: Condvar::new(),
            begun: Instant::now(),
        });
        let thread = worker::spawn(model, &shared)?;
        Ok(Batcher {
            shared,
            thread: Some(thread),
        })
    }

    /// Asks for a text to be read, and continued by its driver.
    pub fn submit(&self, text: Text) -> Result<Ticket, Refused> {
        let size = Size::Text {
            prompt: text.prompt.len(),
            reply: text.reply,
        };
        let job = Job::Text {
            tokens: text.prompt,
            driver: text.driver,
        };
        self.admit(text.class, size, text.timeout, job)
    }

    /// Asks for a chore to be done.
    pub fn submit_chore(&self, class: Class, chore: Box<dyn Chore>) -> Result<Ticket, Refused> {
        let units = chore.units();
        self.admit(class, Size::Chore { units }, None, Job::Chore(chore))
    }

    fn admit(
        &self,
        class: Class,
        size: Size,
        timeout: Option<Duration>,
        job: Job,
    ) -> Result<Ticket, Refused> {
        let now = self.shared.now();
        let spec = Spec {
            class,
            size,
            deadline: timeout.map(|timeout| now.saturating_add(timeout)),
        };
        let (sender, end) = mpsc::channel();
        let mut state = self.shared.lock();
        if state.closed || self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(Refused::Closed);
        }
        let admitted = state.scheduler.admit(spec, now);
        let id = admitted.inspect_err(|_| state.stats.refused += 1)?;
        let found = Arc::new(AtomicUsize::new(0));
        state.inbox.push(Arrival {
            id,
            class,
            job,
            at: Instant::now(),
            end: sender,
            found: Arc::clone(&found),
        });
        drop(state);
        self.shared.wake.notify_one();
        Ok(Ticket {
            released: false,
            found,
            id,
            end,
            shared: Arc::clone(&self.shared),
        })
    }

    /// What was done so far.
    pub fn stats(&self) -> BatchStats {
        self.shared.lock().stats
    }

    /// Requests that are not done.
    pub fn open(&self) -> usize {
        let state = self.shared.lock();
        state.scheduler.waiting() + state.scheduler.running()
    }

    /// How long a step of one row takes, as far as is known.
    pub fn lone_step(&self) -> Duration {
        Duration::from_secs_f64(self.shared.lock().scheduler.cost().lone())
    }
}

impl Drop for Batcher {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // The worker catches what its requests do; its own panic would have been printed.
            let _ = thread.join();
        }
    }
}

/// A request that was taken. Dropping it cancels the request.
#[derive(Debug)]
pub struct Ticket {
    released: bool,
    found: Arc<AtomicUsize>,
    id: RequestId,
    end: Receiver<End>,
    shared: Arc<Shared>,
}

impl Ticket {
    /// Lets the request go on without anybody who waits for it.
    pub fn release(mut self) {
        self.released = true;
    }

    /// Waits until the request has ended.
    pub fn wait(self) -> End {
        self.end.recv().unwrap_or(End::Cancelled)
    }

    /// How the request ended, if it did within `time`.
    pub fn wait_for(&self, time: Duration) -> Option<End> {
        match self.end.recv_timeout(time) {
            Ok(end) => Some(end),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(End::Cancelled),
        }
    }

    /// Tokens of the prompt that the cache knew when it was begun.
    pub fn found(&self) -> usize {
        self.found.load(Ordering::Relaxed)
    }

    /// Ends the request. Its slot is free in the next step.
    pub fn cancel(&self) {
        let mut state = self.shared.lock();
        if state.scheduler.finish(self.id) {
            state.cancelled.push(self.id);
            drop(state);
            self.shared.wake.notify_one();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.released {
            self.cancel();
        }
    }
}
