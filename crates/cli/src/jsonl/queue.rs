//! A queue between one reader and one worker, bounded in bytes, that hands over what there is.
//!
//! `std::sync::mpsc` bounds the number of items; here a line may have 20 bytes or 16 MB, so bytes are
//! what counts.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};

/// See the module.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    max_bytes: usize,
}

struct State<T> {
    /// Each with its size in bytes.
    items: VecDeque<(T, usize)>,
    bytes: usize,
    closed: bool,
}

impl<T> Queue<T> {
    /// A queue that holds `max_bytes`, or one item that is larger.
    pub(super) fn new(max_bytes: usize) -> Queue<T> {
        Queue {
            state: Mutex::new(State {
                items: VecDeque::new(),
                bytes: 0,
                closed: false,
            }),
            changed: Condvar::new(),
            max_bytes,
        }
    }

    /// Waits for room and puts `item` in; `false` when the queue was closed in the meantime.
    pub(super) fn push(&self, item: T, size_bytes: usize) -> bool {
        let mut state = self.lock();
        while !state.closed && !state.items.is_empty() && state.bytes + size_bytes > self.max_bytes
        {
            state = self.wait(state);
        }
        if state.closed {
            return false;
        }
        state.bytes += size_bytes;
        state.items.push_back((item, size_bytes));
        self.changed.notify_all();
        true
    }

    /// Waits for one item and takes what is there: at least one, at most `max_items`, no more than
    /// `max_bytes` unless the first alone is larger. `None` when the queue is closed and empty.
    pub(super) fn pop(&self, max_items: usize, max_bytes: usize) -> Option<Vec<T>> {
        let mut state = self.lock();
        while state.items.is_empty() {
            if state.closed {
                return None;
            }
            state = self.wait(state);
        }
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some((_, size)) = state.items.front()
            && taken.len() < max_items
            && (taken.is_empty() || bytes + size <= max_bytes)
        {
            bytes += size;
            let (item, _) = state.items.pop_front().expect("the front was just seen");
            taken.push(item);
        }
        state.bytes -= bytes;
        self.changed.notify_all();
        Some(taken)
    }

    /// No more will come.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// A thread that panicked left whole items behind, so its poison means nothing.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        self.changed
            .wait(state)
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_what_is_there_within_both_limits() {
        let queue = Queue::new(100);
        for (item, size) in [(1, 10), (2, 10), (3, 30), (4, 1)] {
            assert!(queue.push(item, size));
        }
        queue.close();
        assert_eq!(queue.pop(10, 25), Some(vec![1, 2]));
        assert_eq!(
            queue.pop(10, 25),
            Some(vec![3]),
            "larger than the limit, so alone"
        );
        assert_eq!(queue.pop(10, 25), Some(vec![4]));
        assert_eq!(queue.pop(10, 25), None);
        assert!(!queue.push(5, 1), "closed");
    }

    #[test]
    fn reader_waits_while_the_worker_is_behind() {
        let queue = Queue::new(10);
        assert!(queue.push(0, 1000), "an empty queue takes any size");
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| queue.push(1, 1));
            std::thread::sleep(std::time::Duration::from_millis(30));
            assert!(!reader.is_finished());
            assert_eq!(queue.pop(9, 9), Some(vec![0]));
            assert!(reader.join().unwrap());
        });
        assert_eq!(queue.pop(9, 9), Some(vec![1]));
    }
}
