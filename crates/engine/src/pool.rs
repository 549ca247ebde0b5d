//! The one thread pool: workers that stay, spin briefly for the next phase of a forward pass, then sleep.
//!
//! A forward pass on a short text is some fifty phases of a few microseconds, so a wake-up through the
//! system a phase would cost more than the second core brings. Workers therefore spin for
//! [`SPIN`] after their last task before they park. Tasks are claimed one by one, also by the
//! caller, so a worker that wakes late or is not scheduled never holds up a phase that it has no part in.
#![allow(unsafe_code)] // Lending a borrowed closure to threads that outlive the borrow: see `Job`.

use std::cell::UnsafeCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use crate::{Error, Result};

/// More threads than this are refused: no machine that Companion is for has them.
pub const MAX_THREADS: usize = 256;

/// How long a worker looks for the next task before it parks.
pub const SPIN: Duration = Duration::from_micros(100);

/// What [`prefer_threads`] was told; 0 for nothing.
static PREFERRED: AtomicUsize = AtomicUsize::new(0);

/// Sets the thread count for pools made from now on where nobody asks for another one and `COMPANION_THREADS` is not
/// set: the program's own setting. 0 takes it back.
pub fn prefer_threads(count: usize) {
    PREFERRED.store(count.min(MAX_THREADS), Ordering::Relaxed);
}

/// The thread count to use: `asked`, else `COMPANION_THREADS`, else the preferred one, else what the system offers (16
/// at most: beyond that the encoder's phases are too short to share).
pub fn thread_count(asked: Option<usize>) -> Result<usize> {
    let parse = |value: String| {
        value
            .trim()
            .parse()
            .ok()
            .filter(|count| (1..=MAX_THREADS).contains(count))
            .ok_or(Error::Threads { value })
    };
    if let Some(count) = asked {
        return parse(count.to_string());
    }
    match std::env::var("COMPANION_THREADS") {
        Ok(value) if !value.is_empty() => parse(value),
        Err(std::env::VarError::NotUnicode(value)) => Err(Error::Threads {
            value: value.to_string_lossy().into_owned(),
        }),
        _ => Ok(match PREFERRED.load(Ordering::Relaxed) {
            0 => std::thread::available_parallelism().map_or(1, |n| n.get().min(16)),
            preferred => preferred,
        }),
    }
}

/// Threads that run the phases of forward passes together with the caller.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Held by the caller whose phase runs; another caller meanwhile works alone.
    in_use: Mutex<()>,
}

/// What workers and caller share.
struct Shared {
    /// Tasks of the current job not claimed yet.
    unclaimed: AtomicUsize,
    /// Tasks of the current job not finished yet.
    unfinished: AtomicUsize,
    /// The current job. Written only while `unclaimed` and `unfinished` are zero.
    job: UnsafeCell<Job>,
    panicked: AtomicBool,
    stop: AtomicBool,
    /// Counts calls of `wake`, so that a woken worker spins although no task is there yet.
    wakes: AtomicU64,
    sleepers: Vec<Sleeper>,
}

struct Sleeper {
    asleep: AtomicBool,
    thread: Mutex<Option<Thread>>,
}

/// A borrowed closure without its lifetime.
#[derive(Clone, Copy)]
struct Job {
    task: *const (dyn Fn(usize) + Sync),
}

// SAFETY: `job` is written by the one caller that holds `in_use`, before it publishes `unclaimed`
// with a release store and only when no task is unclaimed or unfinished; it is read by workers only
// after they claimed a task (acquire) and before they report it finished.
unsafe impl Sync for Shared {}
// SAFETY: the closure behind the pointer is `Sync`, and no use of it is tied to one thread.
unsafe impl Send for Shared {}

impl Pool {
    /// A pool of `threads` threads, the caller's included: `threads - 1` workers are started.
    pub fn new(threads: usize) -> Pool {
        let threads = threads.clamp(1, MAX_THREADS);
        let shared = Arc::new(Shared {
            unclaimed: AtomicUsize::new(0),
            unfinished: AtomicUsize::new(0),
            job: UnsafeCell::new(Job { task: &|_| () }),
            panicked: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            wakes: AtomicU64::new(0),
            sleepers: (1..threads)
                .map(|_| Sleeper {
                    asleep: AtomicBool::new(false),
                    thread: Mutex::new(None),
                })
                .collect(),
        });
        let workers = (0..threads - 1)
            .filter_map(|index| {
                let shared = Arc::clone(&shared);
                // A thread that the system refuses is done without.
                std::thread::Builder::new()
                    .name(format!("companion-{index}"))
                    .spawn(move || shared.work(index))
                    .ok()
            })
            .collect();
        Pool {
            shared,
            workers,
            in_use: Mutex::new(()),
        }
    }

    /// Threads that take part, the caller's included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Wakes the workers, so that they are there when the first phase comes a few microseconds later.
    pub fn wake(&self) {
        self.shared.wakes.fetch_add(1, Ordering::SeqCst);
        self.shared.rouse(usize::MAX);
    }

    /// Runs `task(0)`, …, `task(tasks - 1)`, each once, on whichever threads are free, and returns when
    /// all are done. Within a task, and while another caller's phase runs, all of it runs on the
    /// caller's thread.
    ///
    /// # Panics
    /// If a task panics, after all others have ended.
    pub fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let guard = match self.in_use.try_lock() {
            Ok(guard) => Some(guard),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        };
        if tasks <= 1 || self.workers.is_empty() || guard.is_none() {
            drop(guard);
            return (0..tasks).for_each(task);
        }
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes. This function does not return (and does not unwind:
        // panics are caught) before `unfinished` is zero, and a worker uses the closure only between
        // claiming a task and reporting it finished.
        let task: *const (dyn Fn(usize) + Sync) = unsafe {
            std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(task)
        };
        // SAFETY: `in_use` is held, and the last job's tasks are all claimed and finished, so nobody
        // else reads or writes the cell now.
        unsafe { *shared.job.get() = Job { task } };
        shared.unfinished.store(tasks, Ordering::Relaxed);
        shared.unclaimed.store(tasks, Ordering::SeqCst);
        shared.rouse(tasks - 1);
        while shared.claim_and_run() {}
        let mut spins = 0_u32;
        while shared.unfinished.load(Ordering::Acquire) != 0 {
            spins += 1;
            if spins.is_multiple_of(4096) {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
        let panicked = shared.panicked.swap(false, Ordering::Relaxed);
        drop(guard);
        if panicked {
            resume_unwind(Box::new("a task of the thread pool panicked"));
        }
    }

    /// Gives each of `items` to `task`, in any order, on whichever threads are free.
    pub fn for_each<T: Send>(&self, items: Vec<T>, task: impl Fn(T) + Sync) {
        if items.len() <= 1 || self.workers.is_empty() {
            return items.into_iter().for_each(task);
        }
        let items: Vec<Mutex<Option<T>>> = items
            .into_iter()
            .map(|item| Mutex::new(Some(item)))
            .collect();
        self.run(items.len(), &|index| {
            let item = items[index]
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            if let Some(item) = item {
                task(item);
            }
        });
    }
}

/// Who does the work of a forward pass: the calling thread, or all of a pool.
#[derive(Clone, Copy)]
pub enum Team<'a> {
    /// The calling thread.
    Alone,
    /// The calling thread and the pool's workers.
    All(&'a Pool),
}

impl Team<'_> {
    /// Threads that take part.
    pub fn threads(self) -> usize {
        match self {
            Team::Alone => 1,
            Team::All(pool) => pool.threads(),
        }
    }

    /// Gives each of `items` to `task`, in any order.
    pub fn for_each<T: Send>(self, items: Vec<T>, task: impl Fn(T) + Sync) {
        match self {
            Team::Alone => items.into_iter().for_each(task),
            Team::All(pool) => pool.for_each(items, task),
        }
    }

    /// Cuts `0..total` into ranges that are worth a task each: `least` items or more, and a few ranges for
    /// each thread, so that one that is late does not keep the others waiting.
    pub fn split(self, total: usize, least: usize) -> impl Iterator<Item = Range<usize>> {
        let most = match self {
            Team::Alone => 1,
            Team::All(pool) => TASKS_A_THREAD * pool.threads(),
        };
        let parts = (total / least.max(1)).clamp(1, most);
        (0..parts).map(move |part| total * part / parts..total * (part + 1) / parts)
    }

    /// Cuts `0..total` into ranges whose sizes are multiples of `unit` and fall, the largest at the end, where
    /// [`Pool::for_each`] begins: threads that share what limits them all, as memory, then end at one time, although
    /// neither starts when the other does nor goes as fast.
    pub fn split_falling(self, total: usize, unit: usize) -> Vec<Range<usize>> {
        let whole = 0..total;
        let Team::All(pool) = self else {
            return vec![whole];
        };
        let units = total.div_ceil(unit);
        let (shares, least) = (TASKS_A_THREAD * pool.threads(), (units / 64).max(1));
        let mut ranges = Vec::new();
        let mut left = units;
        while left > 0 {
            let size = left.div_ceil(shares).max(least).min(left);
            ranges.push((left - size) * unit..(left * unit).min(total));
            left -= size;
        }
        ranges.reverse();
        ranges
    }
}

/// Ranges for each thread.
const TASKS_A_THREAD: usize = 2;

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.shared.rouse(usize::MAX);
        for worker in self.workers.drain(..) {
            // A worker catches the panics of its tasks, so it ends in order.
            let _ = worker.join();
        }
    }
}

impl Shared {
    /// Claims one task and runs it; false where none is left.
    fn claim_and_run(&self) -> bool {
        let claimed = self
            .unclaimed
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        let Ok(left) = claimed else { return false };
        // SAFETY: a task is claimed and not yet finished, so the caller of `run` waits, the job is the
        // one it published before the claim, and the closure it borrowed is alive.
        let task = unsafe { &*(*self.job.get()).task };
        if catch_unwind(AssertUnwindSafe(|| task(left - 1))).is_err() {
            self.panicked.store(true, Ordering::Relaxed);
        }
        self.unfinished.fetch_sub(1, Ordering::Release);
        true
    }

    /// A worker's life.
    fn work(&self, index: usize) {
        let me = &self.sleepers[index];
        *me.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::thread::current());
        let mut seen_wakes = 0;
        loop {
            self.spin(&mut seen_wakes);
            me.asleep.store(true, Ordering::SeqCst);
            // Looked at again after `asleep` is set: whoever publishes later sees it and unparks.
            let idle = || {
                self.unclaimed.load(Ordering::SeqCst) == 0
                    && self.wakes.load(Ordering::SeqCst) == seen_wakes
            };
            while me.asleep.load(Ordering::SeqCst) && idle() && !self.stop.load(Ordering::SeqCst) {
                std::thread::park();
            }
            me.asleep.store(false, Ordering::SeqCst);
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
        }
    }

    /// Runs tasks until none came for [`SPIN`].
    fn spin(&self, seen_wakes: &mut u64) {
        let mut idle_since = Instant::now();
        let mut spins = 0_u32;
        loop {
            if self.unclaimed.load(Ordering::Relaxed) != 0 && self.claim_and_run() {
                idle_since = Instant::now();
                continue;
            }
            std::hint::spin_loop();
            spins = spins.wrapping_add(1);
            if spins.is_multiple_of(64) {
                let wakes = self.wakes.load(Ordering::Relaxed);
                if wakes != *seen_wakes {
                    *seen_wakes = wakes;
                    idle_since = Instant::now();
                }
                if idle_since.elapsed() > SPIN {
                    return;
                }
            }
        }
    }

    /// Unparks up to `count` workers that sleep.
    fn rouse(&self, count: usize) {
        let asleep = self
            .sleepers
            .iter()
            .filter(|s| s.asleep.load(Ordering::SeqCst) && s.asleep.swap(false, Ordering::SeqCst));
        for sleeper in asleep.take(count) {
            if let Some(thread) = &*sleeper
                .thread
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
            {
                thread.unpark();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_every_task_once_however_often_it_is_called() {
        for threads in [1, 2, 3, 8] {
            let pool = Pool::new(threads);
            for tasks in (0..40).chain([1000]) {
                let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                pool.run(tasks, &|i| {
                    counts[i].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn runs_tasks_after_its_workers_went_to_sleep() {
        let pool = Pool::new(3);
        for _ in 0..5 {
            std::thread::sleep(Duration::from_millis(2));
            let sum = AtomicUsize::new(0);
            pool.run(10, &|i| {
                sum.fetch_add(i, Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), 45);
        }
    }

    #[test]
    fn works_alone_when_called_from_within_a_task_or_by_several_callers() {
        let pool = Pool::new(2);
        let sum = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    pool.run(8, &|_| {
                        pool.run(4, &|_| {
                            sum.fetch_add(1, Ordering::Relaxed);
                        });
                    });
                });
            }
        });
        assert_eq!(sum.into_inner(), 128);
    }

    #[test]
    fn survives_a_task_that_panics() {
        let pool = Pool::new(2);
        let result = catch_unwind(AssertUnwindSafe(|| {
            pool.run(6, &|i| assert!(i != 3, "on purpose"));
        }));
        assert!(result.is_err());
        let sum = AtomicUsize::new(0);
        pool.for_each(vec![1, 2, 3], |n| {
            sum.fetch_add(n, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 6);
    }

    #[test]
    fn ranges_that_fall_cover_all_of_it_and_end_with_the_largest() {
        let pool = Pool::new(2);
        for (total, unit) in [
            (0, 8),
            (1, 8),
            (8, 8),
            (96, 8),
            (100, 8),
            (1120, 8),
            (9496, 8),
        ] {
            let ranges = Team::All(&pool).split_falling(total, unit);
            let mut at = 0;
            for range in &ranges {
                assert_eq!(range.start, at, "{total}");
                assert!(range.start.is_multiple_of(unit));
                at = range.end;
            }
            assert_eq!(at, total);
            let sizes: Vec<usize> = ranges.iter().map(|r| r.len().div_ceil(unit)).collect();
            assert!(sizes.is_sorted(), "{total}: {sizes:?}");
            assert!(ranges.len() <= 24, "{total}: {sizes:?}");
        }
        assert_eq!(Team::Alone.split_falling(100, 8).first(), Some(&(0..100)));
    }

    #[test]
    fn refuses_thread_counts_that_make_no_sense() {
        assert_eq!(thread_count(Some(3)).ok(), Some(3));
        let error = thread_count(Some(0)).expect_err("zero threads");
        assert_eq!(
            error.to_string(),
            "\"0\" is not a thread count; use a whole number from 1 to 256"
        );
    }
}
