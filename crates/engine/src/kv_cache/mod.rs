//! The memory of language models: keys and values of the tokens read so far.
//!
//! They lie in pages of [`KV_TOKENS`] tokens, of which there are only as many as a given
//! number of bytes holds. Sequences that begin alike share pages: a tree remembers which tokens each full
//! page holds (`KvCache::start`), and a fork shares all of its origin's. A shared page is never written
//! to: whoever continues it copies it first. Where pages run out, the tree gives up those that were used
//! longest ago and that no sequence holds.
//!
//! A page holds what the network computed for its tokens and all before them, which does not depend on how they
//! were cut into steps. So a sequence that found its prefix here continues with the same bits as one that
//! did not.

mod page;
mod tree;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernels::KV_TOKENS;

pub(crate) use page::Page;
pub use page::{KvKind, PageShape};
use tree::Tree;

use crate::{Error, Result};

/// The pages of a model. Sequences keep it alive.
pub(crate) struct KvCache {
    shape: PageShape,
    /// Pages that there may be.
    limit: usize,
    /// Pages of these that are kept when no sequence holds them.
    kept: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Pages there are, in use or not.
    made: usize,
    free: Vec<Page>,
    tree: Tree,
    tokens_asked: u64,
    tokens_found: u64,
}

/// How much a cache may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Bytes in all.
    pub(crate) bytes: usize,
    /// Bytes up to which prefixes are kept for later texts. Beyond them a page is made only where sequences hold all
    /// the others, and is given back to the system when they end.
    pub(crate) kept_bytes: usize,
}

impl Room {
    /// Room for `bytes`, all of which may be kept.
    pub(crate) fn of(bytes: usize) -> Room {
        Room {
            bytes,
            kept_bytes: bytes,
        }
    }
}

/// What a cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct KvStats {
    /// Bytes that it may hold.
    pub limit_bytes: usize,
    /// Bytes of the pages that sequences or the tree of prefixes hold.
    pub used_bytes: usize,
    /// Bytes of those that the tree holds alone, and would give up.
    pub idle_bytes: usize,
    /// Tokens of all prompts so far.
    pub tokens_asked: u64,
    /// Tokens of them that were found here and not computed again.
    pub tokens_found: u64,
}

impl KvCache {
    /// A cache with this much room, in whole pages.
    pub(crate) fn new(shape: PageShape, room: Room) -> Arc<KvCache> {
        Arc::new(KvCache {
            shape,
            limit: room.bytes / shape.bytes(),
            kept: room.kept_bytes / shape.bytes(),
            state: Mutex::default(),
        })
    }

    /// Tokens that fit at most.
    pub(crate) fn capacity(&self) -> usize {
        self.limit * KV_TOKENS
    }

    pub(crate) fn stats(&self) -> KvStats {
        let state = self.lock();
        let bytes = self.shape.bytes();
        KvStats {
            limit_bytes: self.limit * bytes,
            used_bytes: (state.made - state.free.len()) * bytes,
            idle_bytes: state.tree.idle() * bytes,
            tokens_asked: state.tokens_asked,
            tokens_found: state.tokens_found,
        }
    }

    /// Forgets every prefix that no sequence holds.
    pub(crate) fn clear(&self) {
        let mut state = self.lock();
        let pages = state.tree.clear();
        pages.into_iter().for_each(|page| state.release(page));
    }

    /// A sequence that has read as much of `prompt` as is known here, but not its last token.
    pub(crate) fn start(self: &Arc<Self>, prompt: &[u32]) -> Sequence {
        let mut state = self.lock();
        let (pages, length) = state.tree.find(&prompt[..prompt.len().saturating_sub(1)]);
        state.tokens_asked += prompt.len() as u64;
        state.tokens_found += length as u64;
        Sequence {
            cache: Arc::clone(self),
            tokens: prompt[..length].to_vec(),
            pages,
            keep: true,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What the state holds is whole between any two statements that could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A page to write to, if there is one.
    fn take(&mut self, cache: &KvCache) -> Option<Page> {
        if let Some(page) = self.free.pop() {
            return Some(page);
        }
        if self.made < cache.kept {
            return Some(self.make(cache));
        }
        match self.evict() {
            None if self.made < cache.limit => Some(self.make(cache)),
            page => page,
        }
    }

    fn make(&mut self, cache: &KvCache) -> Page {
        self.made += 1;
        Page::new(cache.shape)
    }

    /// The page that the tree can do without most easily.
    fn evict(&mut self) -> Option<Page> {
        loop {
            // The page that was evicted may have found a holder meanwhile, on another thread.
            match Arc::into_inner(self.tree.evict()?) {
                Some(page) => return Some(page),
                None => continue,
            }
        }
    }

    /// Gives pages back to the system until no more than `kept` are left, or sequences hold them all.
    fn trim(&mut self, kept: usize) {
        while self.made > kept {
            let Some(page) = self.free.pop().or_else(|| self.evict()) else {
                break;
            };
            drop(page);
            self.made -= 1;
        }
    }

    fn release(&mut self, page: Arc<Page>) {
        if let Some(page) = Arc::into_inner(page) {
            self.free.push(page);
        }
    }
}

/// A text that a model has read: its tokens, and the pages with their keys and values.
pub struct Sequence {
    cache: Arc<KvCache>,
    /// The tokens that the pages hold.
    tokens: Vec<u32>,
    /// Enough for `tokens`; more of them while a step runs.
    pages: Vec<Arc<Page>>,
    /// Whether others may find its pages when it ends.
    keep: bool,
}

impl std::fmt::Debug for Sequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Tokens are text: they go into no log.
        write!(f, "Sequence({} tokens)", self.tokens.len())
    }
}

impl Sequence {
    /// Tokens read so far.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether nothing was read yet.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The tokens read so far.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Another sequence that has read the same. Pages are shared until one of the two continues them.
    #[must_use]
    pub fn fork(&self) -> Sequence {
        Sequence {
            cache: Arc::clone(&self.cache),
            tokens: self.tokens.clone(),
            pages: self.pages.clone(),
            keep: self.keep,
        }
    }

    /// A fork for a try whose pages are not worth keeping.
    #[must_use]
    pub(crate) fn fork_for_a_try(&self) -> Sequence {
        let mut fork = self.fork();
        fork.keep = false;
        fork
    }

    /// Whether others may find the pages that are filled from now on; returns what held before. What is filled unseen is
    /// shown with the next page that is not, or at the end, as far as it was not forgotten by then.
    pub(crate) fn show(&mut self, keep: bool) -> bool {
        std::mem::replace(&mut self.keep, keep)
    }

    /// Forgets what was read after the first `length` tokens.
    pub fn truncate(&mut self, length: usize) {
        self.tokens.truncate(length);
        self.shrink();
    }

    /// Gives back the pages that hold no token.
    fn shrink(&mut self) {
        let needed = self.tokens.len().div_ceil(KV_TOKENS);
        if self.pages.len() > needed {
            let mut state = self.cache.lock();
            self.pages
                .drain(needed..)
                .for_each(|page| state.release(page));
        }
    }

    /// Makes room for `more` tokens: pages that nobody else holds. On an error nothing has changed.
    pub(crate) fn reserve(&mut self, more: usize) -> Result<()> {
        let cache = Arc::clone(&self.cache);
        let mut state = cache.lock();
        let needed = (self.tokens.len() + more).div_ceil(KV_TOKENS);
        let mut missing = 0;
        if more > 0
            && !self.tokens.len().is_multiple_of(KV_TOKENS)
            && let Some(last) = self.pages.get_mut(self.tokens.len() / KV_TOKENS)
            && Arc::get_mut(last).is_none()
        {
            match state.take(&cache) {
                Some(mut page) => {
                    page.copy_from(last);
                    let shared = std::mem::replace(last, Arc::new(page));
                    state.release(shared);
                }
                None => missing += 1,
            }
        }
        while missing == 0 && self.pages.len() < needed {
            match state.take(&cache) {
                Some(page) => self.pages.push(Arc::new(page)),
                None => missing = needed - self.pages.len(),
            }
        }
        drop(state);
        if missing == 0 {
            return Ok(());
        }
        self.shrink();
        Err(Error::KvFull {
            tokens: self.tokens.len() + more,
            needed_bytes: needed * cache.shape.bytes(),
            limit_bytes: cache.limit * cache.shape.bytes(),
        })
    }

    /// The pages to write to, as [`Sequence::reserve`] left them.
    pub(crate) fn pages_mut(&mut self) -> &mut [Arc<Page>] {
        &mut self.pages
    }

    /// Takes back what [`Sequence::reserve`] gave and no step filled.
    pub(crate) fn unreserve(&mut self) {
        self.shrink();
    }

    /// Notes that the pages hold `tokens` now, and shows full pages to others.
    pub(crate) fn extend(&mut self, tokens: &[u32]) {
        let full = self.tokens.len() / KV_TOKENS;
        self.tokens.extend_from_slice(tokens);
        if self.keep && self.tokens.len() / KV_TOKENS > full {
            let full = self.tokens.len() / KV_TOKENS;
            let mut state = self.cache.lock();
            let old = state
                .tree
                .insert(&self.tokens[..full * KV_TOKENS], &self.pages[..full]);
            old.into_iter().for_each(|page| state.release(page));
        }
    }
}

impl Drop for Sequence {
    fn drop(&mut self) {
        let cache = Arc::clone(&self.cache);
        let mut state = cache.lock();
        if self.keep {
            let old = state.tree.insert(&self.tokens, &self.pages);
            old.into_iter().for_each(|page| state.release(page));
        }
        self.pages.drain(..).for_each(|page| state.release(page));
        state.trim(cache.kept);
    }
}

#[cfg(test)]
mod tests;
