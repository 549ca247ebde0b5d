//! The scheduler under random schedules: nothing is lost, nobody starves, nobody waits for gathering alone.

use std::collections::BTreeMap;
use std::time::Duration;

use super::state::ATTENDED;
use super::*;

const MS: Duration = Duration::from_millis(1);

/// A generator whose numbers a seed names.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn chance(&mut self, in_hundred: usize) -> bool {
        self.below(100) < in_hundred
    }
}

/// What a test knows of a request.
#[derive(Debug, Clone, Copy)]
struct Known {
    class: Class,
    is_chore: bool,
    /// Tokens that are still to be written (units to be done).
    left: usize,
    /// All tokens so far, read or not.
    tokens: usize,
    /// Tokens that a cache remembers.
    cached: usize,
    running: bool,
    deadline: Option<Duration>,
}

/// A world with a scheduler, a clock and a machine whose steps take a time that depends on their rows.
struct World {
    scheduler: Scheduler,
    limits: Limits,
    now: Duration,
    known: BTreeMap<RequestId, Known>,
    /// When the oldest request of a class last got on, or became the oldest.
    oldest: [Option<(RequestId, Duration)>; 4],
    longest_step: Duration,
    steps: usize,
}

fn took(rows: usize, chore: usize) -> Duration {
    MS * (20 + rows as u32 / 8 * 4) + MS / 10 * chore as u32
}

impl World {
    fn new(limits: Limits) -> World {
        World {
            scheduler: Scheduler::new(limits),
            limits,
            now: Duration::ZERO,
            known: BTreeMap::new(),
            oldest: [None; 4],
            longest_step: Duration::ZERO,
            steps: 0,
        }
    }

    fn admit(
        &mut self,
        class: Class,
        size: Size,
        deadline: Option<Duration>,
    ) -> Result<RequestId, Refused> {
        let spec = Spec {
            class,
            size,
            deadline,
        };
        let id = self.scheduler.admit(spec, self.now)?;
        let (is_chore, left, tokens) = match size {
            Size::Text { prompt, reply } => (false, reply, prompt),
            Size::Chore { units } => (true, units, 0),
        };
        let known = Known {
            class,
            is_chore,
            left,
            tokens,
            cached: 0,
            running: false,
            deadline,
        };
        self.known.insert(id, known);
        self.note_oldest(None);
        Ok(id)
    }

    fn end(&mut self, id: RequestId) {
        assert!(self.scheduler.finish(id), "{id:?} was lost");
        self.known.remove(&id);
        self.note_oldest(None);
    }

    /// Keeps the clocks of the oldest; `served` got on.
    fn note_oldest(&mut self, served: Option<RequestId>) {
        for class in Class::ALL {
            let oldest = self.known.iter().find(|(_, known)| known.class == class);
            let oldest = oldest.map(|(id, _)| *id);
            let slot = &mut self.oldest[class as usize];
            if slot.map(|(id, _)| id) != oldest || (oldest.is_some() && served == oldest) {
                *slot = oldest.map(|id| (id, self.now));
            }
        }
    }

    /// One step, checked. Gives what the plan was.
    fn step(&mut self) -> Plan {
        let known = &self.known;
        let mut started = Vec::new();
        let plan = self.scheduler.plan(self.now, &mut |id| {
            started.push(id);
            Some(known[&id].cached)
        });
        let Plan::Run(step) = &plan else {
            return plan;
        };
        for id in &step.stopped {
            let known = self.known.get_mut(id).expect("a stopped request is there");
            assert!(known.running, "only a running text is stopped");
            known.running = false;
        }
        for id in started {
            let known = self
                .known
                .get_mut(&id)
                .expect("only one that is there gets a slot");
            assert!(!known.running && !known.is_chore);
            known.running = true;
        }
        let mut seen = std::collections::BTreeSet::new();
        assert!(
            !step.pieces.is_empty() || step.chore.is_some(),
            "a step does something"
        );
        assert!(step.rows() <= self.limits.max_rows);
        for piece in &step.pieces {
            assert!(piece.count > 0 && seen.insert(piece.id), "one piece a text");
            let known = self
                .known
                .get_mut(&piece.id)
                .expect("no piece of one that ended");
            assert!(known.running, "only a text with a slot reads");
        }
        assert!(self.scheduler.running() <= self.limits.max_size, "slots");
        assert!(
            self.scheduler.kv_reserved() <= self.limits.kv_tokens,
            "tokens of the cache"
        );
        let chore = step
            .chore
            .map_or(0, |piece| piece.count.min(self.known[&piece.id].left));
        let time = took(step.rows(), 0);
        self.now += took(step.rows(), chore);
        self.longest_step = self.longest_step.max(took(step.rows(), chore));
        self.steps += 1;
        for piece in &step.pieces {
            self.note_oldest(Some(piece.id));
        }
        let through = self.scheduler.ran(step, time, self.now);
        for id in through {
            let known = self.known.get_mut(&id).expect("a text that read is there");
            known.cached = known.tokens;
            if known.left == 0 {
                self.end(id);
            } else {
                known.left -= 1;
                known.tokens += 1;
                let keep = known.tokens - 1;
                assert!(
                    self.scheduler.more(id, keep, 1),
                    "what it asked for, it gets"
                );
            }
        }
        // What was read of a prompt is remembered, too.
        for piece in &step.pieces {
            if let Some(known) = self.known.get_mut(&piece.id) {
                known.cached = known.tokens.min(known.cached + piece.count);
            }
        }
        if let Some(piece) = step.chore {
            self.note_oldest(Some(piece.id));
            let known = self
                .known
                .get_mut(&piece.id)
                .expect("a chore that ran is there");
            known.left -= chore;
            let over = known.left == 0;
            assert_eq!(
                self.scheduler
                    .ran_chore(piece.id, chore, MS / 10 * chore as u32, self.now),
                over
            );
            if over {
                self.known.remove(&piece.id);
                self.note_oldest(None);
            }
        }
        let late = self.scheduler.expire(self.now);
        for id in late {
            let known = self.known.remove(&id).expect("one that is late was there");
            assert!(known.deadline.is_some_and(|at| at <= self.now));
            self.note_oldest(None);
        }
        plan
    }

    /// The bound that the module states.
    fn check_starvation(&self) {
        for class in Class::ALL {
            if let Some((id, since)) = self.oldest[class as usize] {
                let bound =
                    self.limits.ageing * class.above() + self.longest_step * (DUE_STEPS + 1);
                let waited = self.now - since;
                assert!(
                    waited <= bound,
                    "{class:?} {id:?} waited {waited:?}, more than {bound:?}"
                );
            }
        }
    }

    /// Runs until nothing is left.
    fn drain(&mut self) {
        for _ in 0..1_000_000 {
            match self.step() {
                Plan::Idle => return,
                Plan::Gather(until) => {
                    assert!(until > self.now);
                    self.now = until;
                }
                Plan::Run(_) => self.check_starvation(),
            }
        }
        panic!("it does not come to an end: {:?}", self.known);
    }
}

fn limits() -> Limits {
    Limits {
        queue: 40,
        kv_tokens: 3000,
        max_rows: 64,
        ageing: MS * 300,
        ..Limits::default()
    }
}

#[test]
fn ten_thousand_random_schedules_with_cancellations_lose_nothing_and_starve_nobody() {
    let mut admitted = 0;
    for seed in 0..10_000 {
        let mut random = Random(seed);
        let mut world = World::new(Limits {
            max_size: 1 + random.below(8),
            kv_tokens: 200 + random.below(3000),
            queue: 1 + random.below(30),
            ..limits()
        });
        for _ in 0..20 + random.below(40) {
            for _ in 0..random.below(4) {
                let class = Class::ALL[random.below(4)];
                let longest = if random.chance(5) { 2000 } else { 150 };
                let size = if random.chance(15) {
                    Size::Chore {
                        units: 1 + random.below(400),
                    }
                } else {
                    Size::Text {
                        prompt: 1 + random.below(longest),
                        reply: random.below(20),
                    }
                };
                let deadline = random
                    .chance(10)
                    .then(|| world.now + MS * random.below(2000) as u32);
                match world.admit(class, size, deadline) {
                    Ok(_) => admitted += 1,
                    Err(Refused::Full { waiting }) => assert!(waiting >= world.limits.queue),
                    Err(Refused::TooLarge { tokens, capacity }) => assert!(tokens > capacity),
                    Err(other) => panic!("{other}"),
                }
            }
            if random.chance(25)
                && let Some(id) = world
                    .known
                    .keys()
                    .nth(random.below(world.known.len().max(1)))
            {
                world.end(*id);
            }
            match world.step() {
                Plan::Idle => world.now += MS * random.below(50) as u32,
                Plan::Gather(until) => {
                    // Only bulk work waits, and no longer than it may.
                    assert!(world.known.values().all(|known| known.class == Class::Bulk));
                    assert!(until <= world.now + world.limits.gather);
                    world.now = until;
                }
                Plan::Run(_) => world.check_starvation(),
            }
        }
        world.drain();
        assert!(world.scheduler.is_empty() && world.known.is_empty());
        assert_eq!(world.scheduler.running(), 0, "every slot is free");
        assert_eq!(
            world.scheduler.kv_reserved(),
            0,
            "every token of the cache is free"
        );
    }
    assert!(admitted > 300_000, "{admitted}");
}

#[test]
fn a_lone_request_that_somebody_waits_for_runs_at_once_and_bulk_gathers() {
    for class in [Class::Typing, Class::Interactive, Class::Summary] {
        let mut world = World::new(limits());
        let size = Size::Text {
            prompt: 40,
            reply: 2,
        };
        world.admit(class, size, None).unwrap();
        assert!(matches!(world.step(), Plan::Run(_)), "{class:?}");
    }
    let mut world = World::new(limits());
    let size = Size::Text {
        prompt: 40,
        reply: 2,
    };
    world.admit(Class::Bulk, size, None).unwrap();
    assert_eq!(world.step(), Plan::Gather(MS * 100));
    world.now = MS * 40;
    for _ in 0..7 {
        world.admit(Class::Bulk, size, None).unwrap();
    }
    assert!(
        matches!(world.step(), Plan::Run(_)),
        "eight are company enough"
    );
    let mut world = World::new(limits());
    world.admit(Class::Bulk, size, None).unwrap();
    assert_eq!(world.step(), Plan::Gather(MS * 100));
    world.admit(Class::Interactive, size, None).unwrap();
    assert!(
        matches!(world.step(), Plan::Run(_)),
        "somebody who waits ends the gathering"
    );
}

/// Runs the machine until it knows what steps cost.
fn practised(limits: Limits) -> World {
    let mut world = World::new(limits);
    for _ in 0..12 {
        let size = Size::Text {
            prompt: 200,
            reply: 12,
        };
        world.admit(Class::Interactive, size, None).unwrap();
        world.drain();
        for _ in 0..8 {
            world.admit(Class::Bulk, size, None).unwrap();
        }
        world.drain();
    }
    world
}

#[test]
fn bulk_work_and_a_long_prompt_do_not_slow_down_a_stream() {
    let mut world = practised(limits());
    let lone = took(1, 0);
    let stream = Size::Text {
        prompt: 30,
        reply: 200,
    };
    let stream = world.admit(Class::Interactive, stream, None).unwrap();
    while world.known[&stream].left > 190 {
        world.step();
    }
    let long = Size::Text {
        prompt: 2000,
        reply: 5,
    };
    world.admit(Class::Bulk, long, None).unwrap();
    for _ in 0..20 {
        world
            .admit(
                Class::Bulk,
                Size::Text {
                    prompt: 100,
                    reply: 10,
                },
                None,
            )
            .ok();
    }
    world
        .admit(Class::Bulk, Size::Chore { units: 2000 }, None)
        .unwrap();
    let mut gaps = Vec::new();
    let mut others = 0;
    while world.known.contains_key(&stream) {
        let before = world.now;
        let Plan::Run(step) = world.step() else {
            panic!("there is work")
        };
        assert!(
            step.pieces.iter().any(|piece| piece.id == stream),
            "no step without the stream"
        );
        others += step.rows() - 1;
        gaps.push(world.now - before);
    }
    gaps.sort();
    let p99 = gaps[gaps.len() * 99 / 100];
    assert!(p99 <= lone * 3 / 2, "{p99:?} of {lone:?}");
    assert!(others > 300, "bulk work got on meanwhile: {others} tokens");
}

#[test]
fn somebody_who_comes_while_bulk_work_fills_every_slot_is_in_the_next_step() {
    let mut world = practised(limits());
    for _ in 0..20 {
        let size = Size::Text {
            prompt: 100,
            reply: 50,
        };
        world.admit(Class::Bulk, size, None).unwrap();
    }
    for _ in 0..30 {
        world.step();
    }
    let before = world.now;
    world.step();
    assert!(
        world.now - before <= took(1, 0) * 3,
        "a step of bulk work is short"
    );
    let size = Size::Text {
        prompt: 60,
        reply: 3,
    };
    let id = world.admit(Class::Interactive, size, None).unwrap();
    let Plan::Run(step) = world.step() else {
        panic!("there is work")
    };
    let own = step
        .pieces
        .iter()
        .find(|piece| piece.id == id)
        .expect("it has a place");
    assert_eq!(
        own.count,
        60 - (60usize.saturating_sub(world.limits.max_rows)),
        "all of its prompt"
    );
    assert!(step.rows() <= 60 + 60 / 10, "with few beside it");
    assert_eq!(step.stopped.len(), 1, "one bulk text gave up its slot");
    world.drain();
}

#[test]
fn a_prompt_that_nobody_else_waits_for_is_read_in_even_steps() {
    let mut world = World::new(Limits {
        max_rows: 64,
        ..limits()
    });
    let size = Size::Text {
        prompt: 150,
        reply: 1,
    };
    world.admit(Class::Interactive, size, None).unwrap();
    for _ in 0..3 {
        let Plan::Run(step) = world.step() else {
            panic!("there is work")
        };
        assert_eq!(step.rows(), 50, "and not 64, 64 and 22");
    }
    world.drain();
}

#[test]
fn bulk_steps_are_shorter_for_a_while_after_somebody_was_waited_for() {
    let mut world = practised(limits());
    let long = Size::Text {
        prompt: 2000,
        reply: 5,
    };
    world.admit(Class::Bulk, long, None).unwrap();
    let step_after = |world: &mut World, pause: Duration| {
        world.now += pause;
        let Plan::Run(step) = world.step() else {
            panic!("there is work")
        };
        step.rows()
    };
    let unattended = step_after(&mut world, ATTENDED);
    let size = Size::Text {
        prompt: 10,
        reply: 1,
    };
    let asked = world.admit(Class::Interactive, size, None).unwrap();
    while world.known.contains_key(&asked) {
        world.step();
    }
    let attended = step_after(&mut world, Duration::ZERO);
    assert!(
        0 < attended && attended < unattended,
        "{attended} rows, {unattended} before"
    );
    let later = step_after(&mut world, ATTENDED);
    assert!(later > attended, "{later} rows, {attended} while attended");
}

#[test]
fn texts_that_begin_alike_wait_for_the_first_of_them() {
    let mut scheduler = Scheduler::new(limits());
    let spec = Spec {
        class: Class::Interactive,
        size: Size::Text {
            prompt: 50,
            reply: 1,
        },
        deadline: None,
    };
    let first = scheduler.admit(spec, MS).unwrap();
    let second = scheduler.admit(spec, MS).unwrap();
    let Plan::Run(step) = scheduler.plan(MS, &mut |id| (id == first).then_some(0)) else {
        panic!("there is work")
    };
    assert_eq!(
        step.pieces,
        [Piece {
            id: first,
            count: 50
        }]
    );
    assert_eq!(scheduler.ran(&step, MS, MS * 2), [first]);
    assert!(scheduler.more(first, 50, 1));
    let Plan::Run(step) = scheduler.plan(MS * 2, &mut |_| Some(50)) else {
        panic!("there is work")
    };
    assert_eq!(
        step.pieces,
        [
            Piece {
                id: first,
                count: 1
            },
            Piece {
                id: second,
                count: 1
            }
        ]
    );
}

#[test]
fn what_can_never_run_is_refused_and_nothing_stays_behind() {
    let mut scheduler = Scheduler::new(Limits {
        queue: 2,
        ..limits()
    });
    let text = |prompt| Spec {
        class: Class::Bulk,
        size: Size::Text { prompt, reply: 1 },
        deadline: None,
    };
    assert_eq!(scheduler.admit(text(0), MS), Err(Refused::Empty));
    let tokens = 3001;
    let capacity = 3000;
    assert_eq!(
        scheduler.admit(text(3000), MS),
        Err(Refused::TooLarge { tokens, capacity })
    );
    scheduler.admit(text(1), MS).unwrap();
    scheduler.admit(text(1), MS).unwrap();
    assert_eq!(
        scheduler.admit(text(1), MS),
        Err(Refused::Full { waiting: 2 })
    );
    assert_eq!(scheduler.waiting(), 2);
}
