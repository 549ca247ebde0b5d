//! The scheduler: which requests there are, where each of them stands, and what the next step does.
//!
//! A plain state machine (admit, plan, ran, more, finish, cancel, expire) without a thread, a model or a clock. Time
//! is what the caller says it is.
//!
//! **Starvation.** Within a class, who came first goes first. Between classes, the oldest request of a class that
//! was not served for `ageing × (classes above it)` goes before everything else, once, by at least one token
//! or one piece of a chore; if it had no slot it keeps the one it gets. So the oldest request of a class gets
//! on at least once in `3 × ageing` and [`DUE_STEPS`] steps, and a request that needs `n` pieces, with `m`
//! pieces of its class before it, ends within `n + m` times that.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Class;
use super::class::Clocks;
use super::cost::{Cost, load};
use super::plan::{Piece, Step};
use super::request::{Refused, RequestId, Size, Spec};
use crate::decoder::MAX_ROWS;

/// The scheduler's limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Texts that are worked on at once.
    pub max_size: usize,
    /// How long bulk work may wait for company, while there is nothing else to do.
    pub gather: Duration,
    /// Requests that may wait.
    pub queue: usize,
    /// Tokens that the cache of keys and values holds.
    pub kv_tokens: usize,
    /// Tokens of one of its pages; 1: it is not cut into pages. The worker sets it to the model's.
    pub kv_page: usize,
    /// Tokens of a step at most.
    pub max_rows: usize,
    /// After how long a class goes before the one above it, once.
    pub ageing: Duration,
    /// While a higher class decodes, a step may take so many times a lone row's, with what lower classes add. What
    /// is promised is 1.5; what is planned for is less, since steps vary.
    pub slowdown: f64,
    /// A step in which nobody decodes for a waiting person may take so many lone ones: what somebody who comes
    /// meanwhile waits at most.
    pub bulk_step: f64,
    /// The same, prompts beside decoding texts included, for half a minute after somebody was waited for: who asked a moment ago is
    /// likely to ask again.
    pub attended_step: f64,
    /// A step with both a prompt and decoding texts of one class may take so many lone ones.
    pub mixed_step: f64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_size: 8,
            gather: Duration::from_millis(100),
            queue: 1024,
            kv_tokens: usize::MAX,
            kv_page: 1,
            max_rows: MAX_ROWS,
            ageing: Duration::from_secs(1),
            slowdown: 1.25,
            bulk_step: 4.0,
            attended_step: 1.5,
            mixed_step: 5.0,
        }
    }
}

impl Limits {
    /// Tokens of the cache that a request may hold: whole pages, and one more where there are pages, since one that it
    /// shares is copied before it is written to. One that is as large as the cache has it for itself.
    pub(super) fn held_by(&self, size: Size) -> usize {
        let tokens = size.tokens();
        if self.kv_page <= 1 || tokens == 0 {
            return tokens;
        }
        let pages = tokens.div_ceil(self.kv_page).saturating_add(1);
        pages.saturating_mul(self.kv_page).min(self.kv_tokens)
    }
}

/// How long after the last request that somebody waited for the machine counts as attended.
pub(super) const ATTENDED: Duration = Duration::from_secs(30);

/// Steps within which a request that is due gets on: up to three classes can be due, and the cache of keys and values
/// need not hold them together.
pub const DUE_STEPS: u32 = 4;

/// Tokens that a decoding text reads at once at most: a format may leave it no choice for more than one.
const MAX_DECODED: usize = 8;

/// Where a request stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub(super) spec: Spec,
    /// Whether it has a slot; never a chore.
    pub(super) running: bool,
    /// Tokens that its sequence has read; of a chore, units that are done.
    pub(super) read: usize,
    /// Tokens (units) that are known and not read; at least one.
    pub(super) unread: usize,
    /// Whether it has heard the model: what it reads from then on is decoding.
    pub(super) decodes: bool,
    /// Whether it was due once, and keeps its slot therefore.
    pub(super) pinned: bool,
    pub(super) admitted: Duration,
}

impl Standing {
    pub(super) fn is_chore(&self) -> bool {
        matches!(self.spec.size, Size::Chore { .. })
    }

    /// Whether it goes on by a few tokens. One that lost its slot, and whose tokens the cache lost, is a prompt again.
    pub(super) fn is_decoding(&self) -> bool {
        self.decodes && self.unread <= MAX_DECODED
    }
}

/// The requests and their order. See the module.
#[derive(Debug, Clone)]
pub struct Scheduler {
    pub(super) limits: Limits,
    pub(super) requests: BTreeMap<RequestId, Standing>,
    pub(super) clocks: Clocks,
    pub(super) cost: Cost,
    /// When somebody was last seen to wait.
    pub(super) attended: Option<Duration>,
    next: u64,
}

impl Scheduler {
    /// One without requests.
    pub fn new(limits: Limits) -> Scheduler {
        let limits = Limits {
            max_size: limits.max_size.max(1),
            max_rows: limits.max_rows.max(1),
            ..limits
        };
        Scheduler {
            limits,
            requests: BTreeMap::new(),
            clocks: Clocks::default(),
            cost: Cost::default(),
            attended: None,
            next: 0,
        }
    }

    /// Takes a request in, or says why not.
    pub fn admit(&mut self, spec: Spec, now: Duration) -> Result<RequestId, Refused> {
        let unread = match spec.size {
            Size::Text { prompt, .. } => prompt,
            Size::Chore { units } => units,
        };
        if unread == 0 {
            return Err(Refused::Empty);
        }
        let (tokens, capacity) = (spec.size.tokens(), self.limits.kv_tokens);
        if tokens > capacity {
            return Err(Refused::TooLarge { tokens, capacity });
        }
        let waiting = self.waiting();
        if waiting >= self.limits.queue {
            return Err(Refused::Full { waiting });
        }
        if !self.requests.values().any(|r| r.spec.class == spec.class) {
            self.clocks.serve(spec.class, now);
        }
        let id = RequestId(self.next);
        self.next += 1;
        let standing = Standing {
            spec,
            running: false,
            read: 0,
            unread,
            decodes: false,
            pinned: false,
            admitted: now,
        };
        self.requests.insert(id, standing);
        Ok(id)
    }

    /// Takes in that the texts of `step` were read, and how long that took (zero: unknown). Gives those that have
    /// read all they know, in order: each needs [`Scheduler::more`] or [`Scheduler::finish`] before the next plan.
    pub fn ran(&mut self, step: &Step, took: Duration, now: Duration) -> Vec<RequestId> {
        if step.load > 0.0 && !took.is_zero() {
            self.cost.learn(step.load, took);
        }
        let mut through = Vec::new();
        for &Piece { id, count } in &step.pieces {
            if self.advance(id, count, now) {
                through.push(id);
            }
        }
        through
    }

    /// Takes in that a chore did `units` of its units in `took`. Gives true if that were the last; it is finished
    /// then. A chore that did nothing is finished, too.
    pub fn ran_chore(
        &mut self,
        id: RequestId,
        units: usize,
        took: Duration,
        now: Duration,
    ) -> bool {
        if units > 0 {
            self.cost.learn_chore(units, took);
        }
        let through = self.advance(id, units, now) || units == 0;
        through && self.finish(id)
    }

    /// A request got on by `count`. Gives true if it has nothing left; one that was cancelled meanwhile has not.
    fn advance(&mut self, id: RequestId, count: usize, now: Duration) -> bool {
        let Some(request) = self.requests.get_mut(&id) else {
            return false;
        };
        let count = count.min(request.unread);
        request.read += count;
        request.unread -= count;
        let (class, through) = (request.spec.class, request.unread == 0);
        if self.oldest(class) == Some(id) {
            self.clocks.serve(class, now);
        }
        through
    }

    /// A text forgets what it read after the first `keep` tokens and has `tokens` more to read. Gives false, and
    /// changes nothing, if that is more than it asked for.
    #[must_use]
    pub fn more(&mut self, id: RequestId, keep: usize, tokens: usize) -> bool {
        let Some(request) = self.requests.get_mut(&id) else {
            return false;
        };
        if keep > request.read || tokens == 0 || keep + tokens > request.spec.size.tokens() {
            return false;
        }
        request.read = keep;
        request.unread = tokens;
        request.decodes = true;
        true
    }

    /// Removes a request; its slot and its room in the cache are free. The same whether it is done, cancelled or
    /// failed. Gives false if there is none of that name any more.
    pub fn finish(&mut self, id: RequestId) -> bool {
        self.requests.remove(&id).is_some()
    }

    /// Removes the requests whose deadline has passed, and gives them.
    pub fn expire(&mut self, now: Duration) -> Vec<RequestId> {
        let late = |request: &Standing| request.spec.deadline.is_some_and(|at| at <= now);
        let ids: Vec<_> = (self.requests.iter())
            .filter_map(|(id, request)| late(request).then_some(*id))
            .collect();
        self.requests.retain(|id, _| !ids.contains(id));
        ids
    }

    /// The first deadline of all requests.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.requests.values().filter_map(|r| r.spec.deadline).min()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Requests that have no slot.
    pub fn waiting(&self) -> usize {
        self.requests.values().filter(|r| !r.running).count()
    }

    /// Texts that have a slot.
    pub fn running(&self) -> usize {
        self.requests.values().filter(|r| r.running).count()
    }

    /// Requests of `class`.
    pub fn of_class(&self, class: Class) -> usize {
        let of = |r: &&Standing| r.spec.class == class;
        self.requests.values().filter(of).count()
    }

    /// Tokens of the cache that running texts may fill.
    pub fn kv_reserved(&self) -> usize {
        let running = self.requests.values().filter(|r| r.running);
        running.map(|r| self.limits.held_by(r.spec.size)).sum()
    }

    /// Tokens that a running text has read.
    pub fn read_so_far(&self, id: RequestId) -> usize {
        self.requests.get(&id).map_or(0, |request| request.read)
    }

    /// What steps cost, as far as is known.
    pub fn cost(&self) -> &Cost {
        &self.cost
    }

    /// The request of `class` that came first.
    pub(super) fn oldest(&self, class: Class) -> Option<RequestId> {
        let mut requests = self.requests.iter();
        requests
            .find(|(_, request)| request.spec.class == class)
            .map(|(id, _)| *id)
    }

    /// A text without a slot keeps what it knows, and reads it again when it gets one.
    pub(super) fn stop(&mut self, id: RequestId) {
        if let Some(request) = self.requests.get_mut(&id) {
            request.running = false;
            request.unread += request.read;
            request.read = 0;
        }
    }

    /// A text gets a slot; `found` of its tokens are in the cache.
    pub(super) fn start(&mut self, id: RequestId, found: usize) {
        if let Some(request) = self.requests.get_mut(&id) {
            let known = request.read + request.unread;
            request.running = true;
            // The last token is always read: what comes after it is what is asked for.
            request.read = found.min(known - 1);
            request.unread = known - request.read;
        }
    }
}

/// The load that a piece of `count` tokens is.
pub(super) fn load_of(request: &Standing, count: usize) -> f64 {
    load(count, request.read)
}
