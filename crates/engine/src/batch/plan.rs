//! What the next step does.

use std::time::Duration;

use super::Class;
use super::request::RequestId;
use super::state::{ATTENDED, Scheduler, Standing, load_of};
use crate::decoder::even_part;

/// A request's part of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Whose.
    pub id: RequestId,
    /// Tokens that it reads; of a chore, units that it may do.
    pub count: usize,
}

/// A step: texts that lose their slot, and then what is read in one pass over the weights, and a piece of a chore.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// Texts whose sequences are to be dropped before; they are started again later.
    pub stopped: Vec<RequestId>,
    /// Texts, each with at least one token.
    pub pieces: Vec<Piece>,
    /// A chore, after the texts.
    pub chore: Option<Piece>,
    /// How much the pieces of texts weigh.
    pub(super) load: f64,
}

impl Step {
    /// Tokens of all pieces of texts.
    pub fn rows(&self) -> usize {
        self.pieces.iter().map(|piece| piece.count).sum()
    }
}

/// What there is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Nothing.
    Idle,
    /// Nothing before then (time since the worker's start), unless a request comes: bulk work gathers.
    Gather(Duration),
    /// A step.
    Run(Step),
}

/// The smallest part of a prompt that is worth a place in somebody else's step, where there is room for any.
const MIN_CHUNK: usize = 4;

/// What a class that was passed over for long is given of a prompt, even where it slows the others; where the machine is
/// attended it is [`MIN_CHUNK`], and where somebody listens a token: late in a long prompt that costs two.
const DUE_CHUNK: usize = 16;

/// Rows of lower classes beside a prompt of a higher one: one in so many.
const RIDERS: usize = 16;

/// Seconds of a chore at a time where nobody decodes.
const CHORE_SECONDS: f64 = 0.1;

impl Scheduler {
    /// The next step. `start` is asked for each text that gets a slot how many of its tokens the cache knows; `None`
    /// where it should wait for a step, because another text is about to read the same.
    pub fn plan(
        &mut self,
        now: Duration,
        start: &mut dyn FnMut(RequestId) -> Option<usize>,
    ) -> Plan {
        if self.requests.is_empty() {
            return Plan::Idle;
        }
        if let Some(until) = self.gathers(now) {
            return Plan::Gather(until);
        }
        let somebody_waits = |request: &Standing| request.spec.class >= Class::Interactive;
        if self.requests.values().any(somebody_waits) {
            self.attended = Some(now);
        }
        let attended = (self.attended).is_some_and(|then| now.saturating_sub(then) < ATTENDED);
        let order = self.order(now);
        let mut step = Step::default();
        let texts = self.give_slots(&order, &mut step, start);
        let waited_for = |id: &RequestId| {
            let request = &self.requests[id];
            request.is_decoding() && request.spec.class >= Class::Interactive
        };
        let mut room = Room {
            rows: self.limits.max_rows,
            somebody_listens: texts.iter().any(waited_for),
            attended,
            bulk_step: if attended {
                self.limits.attended_step
            } else {
                self.limits.bulk_step
            },
            higher_decodes: false,
            higher_reads: 0,
        };
        for rank in order.chunk_by(|a, b| a.rank == b.rank) {
            self.fill(rank, &texts, &mut room, &mut step);
        }
        if step.pieces.is_empty() && step.chore.is_none() {
            // Whatever the caps say, somebody gets on.
            let first = order.iter().find(|turn| texts.contains(&turn.id));
            match first {
                Some(turn) => push(&mut step, turn.id, &self.requests[&turn.id], 1),
                None => {
                    let chore = order.iter().find(|turn| self.requests[&turn.id].is_chore());
                    step.chore = chore.map(|turn| Piece {
                        id: turn.id,
                        count: 1,
                    });
                }
            }
        }
        Plan::Run(step)
    }

    /// Until when bulk work waits for company, if it does.
    fn gathers(&self, now: Duration) -> Option<Duration> {
        let mut oldest = Duration::MAX;
        let mut texts = 0;
        for request in self.requests.values() {
            if request.spec.class != Class::Bulk || request.running || request.is_chore() {
                return None;
            }
            oldest = oldest.min(request.admitted);
            texts += 1;
        }
        let until = oldest.saturating_add(self.limits.gather);
        (texts < self.limits.max_size && now < until).then_some(until)
    }

    /// All requests, those first that go first.
    fn order(&self, now: Duration) -> Vec<Turn> {
        let due: Vec<RequestId> = Class::ALL
            .into_iter()
            .filter(|class| self.clocks.is_due(*class, now, self.limits.ageing))
            .filter_map(|class| self.oldest(class))
            .collect();
        let rank = |id: &RequestId, request: &Standing| {
            if due.contains(id) {
                Rank::Due
            } else {
                Rank::Of(request.spec.class)
            }
        };
        let mut order: Vec<Turn> = (self.requests.iter())
            .map(|(id, request)| Turn {
                id: *id,
                rank: rank(id, request),
            })
            .collect();
        // Stable: within a rank the order of ids stays.
        order.sort_by_key(|turn| std::cmp::Reverse(turn.rank));
        order
    }

    /// Gives the slots to the first texts that fit, and takes them from all others. Gives the texts that can read.
    fn give_slots(
        &mut self,
        order: &[Turn],
        step: &mut Step,
        start: &mut dyn FnMut(RequestId) -> Option<usize>,
    ) -> Vec<RequestId> {
        let (mut slots, mut tokens) = (self.limits.max_size, self.limits.kv_tokens);
        let mut chosen = Vec::new();
        // First who is due, then who was, but after the highest class, which is never due; all others by their class.
        let mut for_slots: Vec<Turn> = (order.iter())
            .filter(|turn| !self.requests[&turn.id].is_chore())
            .copied()
            .collect();
        for_slots.sort_by_key(|turn| {
            let request = &self.requests[&turn.id];
            let keeps = request.pinned || request.spec.class == Class::Typing;
            (turn.rank != Rank::Due, !keeps)
        });
        for turn in for_slots {
            let request = &self.requests[&turn.id];
            let needed = self.limits.held_by(request.spec.size);
            if slots == 0 || needed > tokens {
                // Nobody overtakes one that needs more room than is left.
                break;
            }
            slots -= 1;
            tokens -= needed;
            chosen.push(turn.id);
            if turn.rank == Rank::Due
                && let Some(request) = self.requests.get_mut(&turn.id)
            {
                request.pinned = true;
            }
        }
        let lost = |id: &RequestId, request: &Standing| request.running && !chosen.contains(id);
        step.stopped = (self.requests.iter())
            .filter_map(|(id, request)| lost(id, request).then_some(*id))
            .collect();
        for id in &step.stopped {
            self.stop(*id);
        }
        chosen.retain(|id| {
            if self.requests[id].running {
                return true;
            }
            let found = start(*id);
            if let Some(found) = found {
                self.start(*id, found);
            }
            found.is_some()
        });
        chosen
    }

    /// Adds what the requests of one rank may do.
    fn fill(&self, rank: &[Turn], texts: &[RequestId], room: &mut Room, step: &mut Step) {
        let due = rank[0].rank == Rank::Due;
        let lone = self.cost.lone();
        let can_read = |turn: &&Turn| texts.contains(&turn.id);
        let (mut decodes, mut reads) = (false, 0);
        let of_decoding = |decoding: bool| {
            (rank.iter().filter(can_read)).filter_map(move |turn| {
                let request = &self.requests[&turn.id];
                (request.is_decoding() == decoding).then_some((turn.id, request))
            })
        };
        for (id, request) in of_decoding(true) {
            let mut count = request.unread.min(room.rows);
            if !due && room.higher_decodes {
                let limit = self.limits.slowdown * lone;
                count = count.min(self.cost.room(step.load, request.read, limit));
            } else if !due && room.higher_reads > 0 && request.spec.class < Class::Interactive {
                count = count.min(room.higher_reads / RIDERS);
                room.higher_reads -= count * RIDERS;
            }
            if count > 0 {
                push(step, id, request, count);
                room.rows -= count;
                decodes = true;
            }
        }
        for (id, request) in of_decoding(false) {
            let limit = if room.higher_decodes || (due && room.somebody_listens) {
                self.limits.slowdown
            } else if due || (room.attended && request.spec.class < Class::Interactive) {
                room.bulk_step
            } else if decodes || room.somebody_listens {
                self.limits.mixed_step
            } else if request.spec.class < Class::Interactive {
                room.bulk_step
            } else {
                f64::INFINITY
            };
            let wish = match limit.is_finite() {
                true => request.unread,
                false => even_part(request.unread, self.limits.max_rows),
            };
            let wish = wish.min(room.rows);
            let mut count = wish;
            if room.higher_reads > 0 {
                count = 0;
            } else if limit.is_finite() {
                count = count.min(self.cost.room(step.load, request.read, limit * lone));
                // The rest of a prompt is worth a step's while however short it is.
                if count < MIN_CHUNK.min(wish) {
                    count = 0;
                }
            }
            // The first of a rank that nothing slows down for gets on, whatever the caps say.
            let goes_first = reads == 0 && !room.higher_decodes && room.higher_reads == 0;
            if due || goes_first {
                let least = match (room.somebody_listens, room.attended) {
                    (true, _) => 1,
                    (false, true) => MIN_CHUNK,
                    (false, false) => DUE_CHUNK,
                };
                count = count.max(least.min(wish));
            }
            if count == 0 {
                break;
            }
            push(step, id, request, count);
            room.rows -= count;
            reads += count;
        }
        if step.chore.is_none() {
            self.add_chore(rank, due, room, step);
        }
        if due {
            // One piece, and the others go on as if it were not there.
            return;
        }
        room.higher_decodes |= decodes;
        room.higher_reads = room.higher_reads.max(reads);
    }

    /// Adds a piece of the first chore of the rank, if there is time for one.
    fn add_chore(&self, rank: &[Turn], due: bool, room: &Room, step: &mut Step) {
        let chore = rank.iter().find(|turn| self.requests[&turn.id].is_chore());
        let Some(turn) = chore else { return };
        let lone = self.cost.lone();
        let texts = if step.load > 0.0 {
            self.cost.seconds(step.load)
        } else {
            0.0
        };
        let seconds = if room.higher_decodes {
            self.limits.slowdown * lone - texts
        } else if room.higher_reads > 0 {
            texts / RIDERS as f64
        } else if step.pieces.is_empty() {
            CHORE_SECONDS
        } else {
            room.bulk_step * lone - texts
        };
        let mut count = self.cost.chore_room(seconds);
        if seconds <= 0.0 {
            count = 0;
        }
        let goes_first = !room.higher_decodes && room.higher_reads == 0;
        if due || goes_first {
            count = count.max(1);
        }
        if count > 0 {
            step.chore = Some(Piece { id: turn.id, count });
        }
    }
}

fn push(step: &mut Step, id: RequestId, request: &Standing, count: usize) {
    step.load += load_of(request, count);
    step.pieces.push(Piece { id, count });
}

/// A request's place in the order.
#[derive(Debug, Clone, Copy)]
struct Turn {
    id: RequestId,
    rank: Rank,
}

/// What the order is by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Of(Class),
    /// The oldest of a class that was passed over for too long.
    Due,
}

/// What is left of a step.
struct Room {
    rows: usize,
    /// Whether a text decodes that somebody waits for.
    somebody_listens: bool,
    /// Whether somebody was waited for a moment ago.
    attended: bool,
    /// How many lone ones a step may take in which nobody listens.
    bulk_step: f64,
    /// Whether a text of a higher rank decodes in this step.
    higher_decodes: bool,
    /// Tokens of prompts of a higher rank in this step, so far as nobody rides along yet.
    higher_reads: usize,
}
