//! The worker thread: owns the model, and does what the scheduler says.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::Measure;

use super::batcher::{Job, Shared, State};
use super::forks::Forks;
use super::plan::{Piece, Plan, Step};
use super::request::{Chore, Driver, End, Next, RequestId};
use super::{Class, Model, Part};
use crate::measure::Clock;
use crate::memory;

/// How long a step that may not begin yet, and an idle worker, sleep at most before they look again.
const NAP: Duration = Duration::from_secs(2);

/// Tokens that are worth a wait of a step or a few, where another text is about to read the same.
const WORTH_WAITING: usize = 8;

/// The worker's own part of a request.
pub(super) struct Own<S> {
    class: Class,
    pub(super) what: What<S>,
    end: Sender<End>,
    /// Where to note what the cache knew of the prompt; once.
    found: Option<Arc<AtomicUsize>>,
}

pub(super) enum What<S> {
    Text {
        /// All tokens that are known, read or not.
        tokens: Vec<u32>,
        /// What has read the first of them; absent while the text has no slot.
        sequence: Option<S>,
        /// Absent where the text is only to be read.
        driver: Option<Box<dyn Driver>>,
        /// What is read behind the tokens, where the driver asked for it.
        forks: Option<Forks>,
        clock: Clock,
    },
    Chore(Box<dyn Chore>),
}

/// Runs until the handle closes it.
pub(super) fn run<M: Model>(model: &M, shared: &Shared) {
    let mut worker = Worker {
        model,
        shared,
        own: BTreeMap::new(),
        shrunk: false,
    };
    while worker.turn() {}
    for own in worker.own.into_values() {
        // Nobody may listen any more.
        let _ = own.end.send(End::Cancelled);
    }
}

pub(super) struct Worker<'a, M: Model> {
    model: &'a M,
    pub(super) shared: &'a Shared,
    pub(super) own: BTreeMap<RequestId, Own<M::Sequence>>,
    /// Whether memory was given back since the last step.
    shrunk: bool,
}

impl<M: Model> Worker<'_, M> {
    /// One step, or one nap. Gives false when it is over.
    fn turn(&mut self) -> bool {
        let mut state = self.shared.lock();
        self.take_in(&mut state);
        if state.closed {
            return false;
        }
        let now = self.shared.now();
        for id in state.scheduler.expire(now) {
            self.end(id, End::Late);
        }
        let mut failed = Vec::new();
        let plan = {
            let (own, model) = (&mut self.own, self.model);
            let mut start = |id| match start(own, model, id) {
                Ok(found) => found,
                Err(reason) => {
                    failed.push((id, reason));
                    None
                }
            };
            state.scheduler.plan(now, &mut start)
        };
        for (id, reason) in failed {
            state.scheduler.finish(id);
            self.end(id, End::Failed(reason));
        }
        match plan {
            Plan::Idle => self.nap(state, NAP),
            Plan::Gather(until) => {
                let first = (state.scheduler.next_deadline()).map_or(until, |at| at.min(until));
                self.nap(state, first.saturating_sub(now).min(NAP));
            }
            Plan::Run(step) => {
                state.stats.note(&step);
                drop(state);
                note(&step);
                self.shrunk = false;
                self.step(&step);
            }
        }
        true
    }

    /// Waits until something comes, and gives memory back if the machine is short of it.
    fn nap(&mut self, state: MutexGuard<'_, State>, time: Duration) {
        let waited = self.shared.wake.wait_timeout(state, time);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.scheduler.is_empty() && state.inbox.is_empty() && !self.shrunk {
            drop(state);
            if memory::is_short() {
                self.model.shrink();
                self.shrunk = true;
            }
        }
    }

    /// Takes in what came and drops what was cancelled.
    fn take_in(&mut self, state: &mut State) {
        for arrival in state.inbox.drain(..) {
            let what = match arrival.job {
                Job::Text { tokens, driver } => What::Text {
                    tokens,
                    sequence: None,
                    driver,
                    forks: None,
                    clock: Clock::new(arrival.at),
                },
                Job::Chore(chore) => What::Chore(chore),
            };
            let own = Own {
                class: arrival.class,
                what,
                end: arrival.end,
                found: Some(arrival.found),
            };
            self.own.insert(arrival.id, own);
        }
        for id in state.cancelled.drain(..) {
            self.end(id, End::Cancelled);
        }
    }

    fn end(&mut self, id: RequestId, end: End) {
        if let Some(own) = self.own.remove(&id) {
            if let What::Text { clock, .. } = &own.what {
                clock.end(self.model.kv_bytes());
            }
            // Whoever hears of the end finds the sequence's pages in the cache, and its room free.
            drop(own.what);
            // Nobody may listen any more.
            let _ = own.end.send(end);
        }
    }

    fn fail(&mut self, id: RequestId, reason: String) {
        self.shared.lock().scheduler.finish(id);
        self.end(id, End::Failed(reason));
    }

    fn step(&mut self, step: &Step) {
        for id in &step.stopped {
            if let Some(What::Text {
                sequence, forks, ..
            }) = self.own.get_mut(id).map(|own| &mut own.what)
            {
                *sequence = None;
                forks.iter_mut().for_each(Forks::restart);
            }
        }
        if !step.pieces.is_empty() {
            self.read(step);
        }
        if let Some(piece) = step.chore {
            self.chore(piece);
        }
    }

    /// Reads the pieces of texts, and lets those that are through say how they go on.
    fn read(&mut self, step: &Step) {
        let begun = Instant::now();
        let step = &self.fitted(step);
        let (mut logits, mut clean) = (BTreeMap::new(), true);
        match self.pass(&step.pieces) {
            Ok(found) => logits.extend(step.pieces.iter().map(|piece| piece.id).zip(found)),
            Err(reason) => {
                clean = false;
                // Whoever it was, the others are not to suffer: each alone.
                for piece in &step.pieces {
                    let alone = match step.pieces.len() {
                        1 => Err(reason.clone()),
                        _ => self.pass(std::slice::from_ref(piece)),
                    };
                    match alone {
                        Ok(mut found) => {
                            logits.insert(piece.id, found.pop().flatten());
                        }
                        Err(reason) => self.fail(piece.id, reason),
                    }
                }
            }
        }
        // What an accident took says nothing about steps.
        let took = if clean {
            begun.elapsed()
        } else {
            Duration::ZERO
        };
        let now = self.shared.now();
        let through = self.shared.lock().scheduler.ran(step, took, now);
        for id in through {
            self.go_on(id, logits.remove(&id).flatten());
        }
    }

    /// One pass of the model over `pieces`; the error is a text. Sequences that an accident may have left in any
    /// state are made anew.
    fn pass(&mut self, pieces: &[Piece]) -> Result<Vec<Option<Vec<f32>>>, String> {
        let mut sequences = Vec::with_capacity(pieces.len());
        for piece in pieces {
            sequences.push(self.open(piece.id)?);
        }
        let mut forked: Vec<Vec<M::Sequence>> = Vec::with_capacity(pieces.len());
        for (piece, sequence) in pieces.iter().zip(&sequences) {
            let next = self.next_forks(piece, M::length(sequence));
            forked.push(next.iter().map(|_| M::fork(sequence)).collect());
        }
        let mut parts = Vec::with_capacity(pieces.len());
        for ((piece, sequence), forked) in pieces.iter().zip(&mut sequences).zip(&mut forked) {
            let Some(What::Text {
                tokens,
                driver,
                forks,
                ..
            }) = self.own.get(&piece.id).map(|own| &own.what)
            else {
                return Err("it has no text".to_owned());
            };
            let begin = M::length(sequence);
            let texts = self.next_forks(piece, begin);
            parts.extend(forked.iter_mut().zip(texts).map(|(sequence, tokens)| Part {
                sequence,
                tokens,
                logits: true,
            }));
            if texts.is_empty() {
                let end = (begin + piece.count).min(tokens.len());
                parts.push(Part {
                    sequence,
                    tokens: &tokens[begin..end],
                    logits: driver.is_some() && forks.is_none() && end == tokens.len(),
                });
            }
        }
        let model = self.model;
        let read = catch_unwind(AssertUnwindSafe(|| model.read(&mut parts)));
        drop(parts);
        let counts: Vec<usize> = forked.iter().map(Vec::len).collect();
        drop(forked);
        let result = match read {
            Ok(Ok(logits)) => Ok(self.sorted(pieces, &counts, logits)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(panic) => {
                // Their state is unknown: they are started again from their tokens.
                sequences.clear();
                Err(said(&*panic))
            }
        };
        for (piece, sequence) in pieces.iter().zip(sequences) {
            if let Some(What::Text { sequence: slot, .. }) =
                self.own.get_mut(&piece.id).map(|own| &mut own.what)
            {
                *slot = Some(sequence);
            }
        }
        result
    }

    /// Takes the sequence of a text out of its place. One that was lost is read again up to where it stood.
    fn open(&mut self, id: RequestId) -> Result<M::Sequence, String> {
        let read = self.shared.lock().scheduler.read_so_far(id);
        let Some(What::Text {
            tokens, sequence, ..
        }) = self.own.get_mut(&id).map(|own| &mut own.what)
        else {
            return Err("it has no text".to_owned());
        };
        if let Some(sequence) = sequence.take() {
            return Ok(sequence);
        }
        let mut sequence = self
            .model
            .start(tokens)
            .map_err(|error| error.to_string())?;
        let found = M::length(&sequence);
        // Its forks are no part of it.
        let read = read.min(tokens.len());
        if found > read {
            M::truncate(&mut sequence, read);
        } else if found < read {
            let part = Part {
                sequence: &mut sequence,
                tokens: &tokens[found..read],
                logits: false,
            };
            let result = catch_unwind(AssertUnwindSafe(|| self.model.read(&mut [part])));
            (result.map_err(|panic| said(&*panic))?).map_err(|error| error.to_string())?;
        }
        Ok(sequence)
    }

    /// Asks a text that has read all it knows how it goes on.
    fn go_on(&mut self, id: RequestId, logits: Option<Vec<f32>>) {
        let Some(Own {
            what:
                What::Text {
                    tokens,
                    sequence: Some(sequence),
                    driver,
                    forks,
                    clock,
                },
            ..
        }) = self.own.get_mut(&id)
        else {
            return;
        };
        clock.read(tokens.len());
        if driver.as_ref().is_some_and(|driver| driver.writes()) {
            clock.token();
        }
        let next = match (driver, logits) {
            (Some(driver), None) if forks.is_some() => {
                let heard = forks.as_mut().map(Forks::take_heard).unwrap_or_default();
                let done = catch_unwind(AssertUnwindSafe(|| driver.forks(heard)));
                done.map(|()| Next::Done).map_err(|panic| said(&*panic))
            }
            (Some(driver), Some(mut logits)) => {
                let length = tokens.len();
                let next = catch_unwind(AssertUnwindSafe(|| driver.next(&mut logits, length)));
                next.map_err(|panic| said(&*panic))
            }
            _ => Ok(Next::Done),
        };
        let mut state = self.shared.lock();
        let end = match next {
            Ok(Next::Read { keep, tokens: more }) => {
                if state.scheduler.more(id, keep, more.len()) {
                    M::truncate(sequence, keep);
                    tokens.truncate(keep);
                    tokens.extend(more);
                    return;
                }
                // It was cancelled while it was asked, or it breaks its word.
                End::Failed("it asked for more tokens than it had announced".to_owned())
            }
            Ok(Next::Forks(texts)) => {
                let asked = Forks::new(texts);
                if asked.are_sound() && state.scheduler.more(id, tokens.len(), asked.rows()) {
                    *forks = Some(asked);
                    return;
                }
                End::Failed("it asked for more tokens than it had announced".to_owned())
            }
            Ok(Next::Done) => End::Done,
            Err(reason) => End::Failed(reason),
        };
        // Whoever cancelled it meanwhile is answered by `take_in`.
        let still_here = state.scheduler.finish(id);
        drop(state);
        if still_here {
            self.end(id, end);
        }
    }

    fn chore(&mut self, piece: Piece) {
        let Some(What::Chore(chore)) = self.own.get_mut(&piece.id).map(|own| &mut own.what) else {
            return;
        };
        let begun = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(|| chore.work(piece.count)));
        let took = begun.elapsed();
        match done {
            Ok(done) => {
                let now = self.shared.now();
                let mut state = self.shared.lock();
                let through = state.scheduler.ran_chore(piece.id, done, took, now);
                drop(state);
                if through {
                    self.end(piece.id, End::Done);
                }
            }
            Err(panic) => self.fail(piece.id, said(&*panic)),
        }
    }
}

/// Starts the sequence of a text that got a slot. Gives how many of its tokens are known, or nothing where another
/// text is about to read the same beginning.
fn start<M: Model>(
    own: &mut BTreeMap<RequestId, Own<M::Sequence>>,
    model: &M,
    id: RequestId,
) -> Result<Option<usize>, String> {
    let Some(Own {
        class,
        what: What::Text { tokens, .. },
        ..
    }) = own.get(&id)
    else {
        return Err("it has no text".to_owned());
    };
    let sequence = catch_unwind(AssertUnwindSafe(|| model.start(tokens)));
    let sequence = (sequence.map_err(|panic| said(&*panic))?).map_err(|error| error.to_string())?;
    let found = M::length(&sequence);
    let reads_the_same = own.iter().any(|(other, theirs)| match &theirs.what {
        What::Text {
            tokens: others,
            sequence: Some(reader),
            ..
        } if *other != id && theirs.class >= *class => {
            let common = tokens
                .iter()
                .zip(others)
                .take_while(|(a, b)| a == b)
                .count();
            common >= found + WORTH_WAITING && M::length(reader) < common
        }
        _ => false,
    });
    if reads_the_same {
        return Ok(None);
    }
    if let Some(own) = own.get_mut(&id) {
        if let Some(note) = own.found.take() {
            note.store(found, Ordering::Relaxed);
        }
        if let What::Text {
            sequence: slot,
            clock,
            ..
        } = &mut own.what
        {
            clock.begin(found);
            *slot = Some(sequence);
        }
    }
    Ok(Some(found))
}

/// Notes what shares a step of the model.
fn note(step: &Step) {
    if !step.pieces.is_empty() {
        metrics::record(Measure::StepTexts, step.pieces.len() as u64);
        metrics::record(Measure::StepTokens, step.rows() as u64);
    }
}

/// What a panic said, where it was a text.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = (panic.downcast_ref::<&str>().copied())
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!(
        "a part of the engine gave up: {}",
        text.unwrap_or("no reason given")
    )
}

/// Starts the thread.
pub(super) fn spawn<M: Model>(
    model: M,
    shared: &Arc<Shared>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let shared = Arc::clone(shared);
    std::thread::Builder::new()
        .name("companion-batch".to_owned())
        .spawn(move || run(&model, &shared))
}
