//! Which pages hold which tokens: a radix tree whose edges are pages.
//!
//! A node is a page with the tokens it holds; the path from the root is a whole prefix. Only full pages have
//! children, so a prefix is found page by page, and its last page may be shared in part: its first
//! tokens are right for anyone who begins with the same ones.

use std::sync::Arc;

use kernels::KV_TOKENS;

use super::Page;

/// The pages of finished and running sequences, by their tokens.
#[derive(Default)]
pub(super) struct Tree {
    roots: Vec<Node>,
    /// Counts uses; a node remembers its last one.
    clock: u64,
}

struct Node {
    /// 1 to [`KV_TOKENS`]; fewer only in a leaf.
    tokens: Vec<u32>,
    page: Arc<Page>,
    used: u64,
    children: Vec<Node>,
}

impl Tree {
    /// The pages of the longest known prefix of `tokens`, and its length in tokens. All pages but the last
    /// are full.
    pub(super) fn find(&mut self, tokens: &[u32]) -> (Vec<Arc<Page>>, usize) {
        self.clock += 1;
        let (mut pages, mut length) = (Vec::new(), 0);
        let mut nodes = &mut self.roots;
        loop {
            let rest = &tokens[length..];
            let best = (nodes.iter_mut())
                .map(|node| (common(&node.tokens, rest), node))
                .max_by_key(|(common, _)| *common);
            let Some((shared @ 1.., node)) = best else {
                break;
            };
            node.used = self.clock;
            pages.push(Arc::clone(&node.page));
            length += shared;
            if shared < KV_TOKENS {
                break;
            }
            nodes = &mut node.children;
        }
        (pages, length)
    }

    /// Takes in `pages`, which hold `tokens`; what is known already stays as it is. Gives back the pages that it
    /// had and no longer needs.
    pub(super) fn insert(&mut self, tokens: &[u32], pages: &[Arc<Page>]) -> Vec<Arc<Page>> {
        self.clock += 1;
        let mut freed = Vec::new();
        let mut nodes = &mut self.roots;
        for (chunk, page) in tokens.chunks(KV_TOKENS).zip(pages) {
            let holds = |node: &Node| node.tokens.starts_with(chunk);
            let ends_within = |node: &Node| chunk.starts_with(&node.tokens);
            let known = nodes.iter().position(holds);
            let index = known.or_else(|| nodes.iter().position(ends_within));
            let index = index.unwrap_or_else(|| {
                nodes.push(Node {
                    tokens: chunk.to_vec(),
                    page: Arc::clone(page),
                    used: 0,
                    children: Vec::new(),
                });
                nodes.len() - 1
            });
            let node = &mut nodes[index];
            node.used = self.clock;
            if node.tokens.len() < chunk.len() {
                // A leaf that this page continues.
                node.tokens = chunk.to_vec();
                let old = std::mem::replace(&mut node.page, Arc::clone(page));
                freed.push(old);
            }
            if node.tokens.len() < KV_TOKENS {
                break;
            }
            nodes = &mut node.children;
        }
        freed
    }

    /// Drops the leaf that was used longest ago and whose page nobody else holds.
    pub(super) fn evict(&mut self) -> Option<Arc<Page>> {
        let oldest = oldest(&self.roots)?;
        remove(&mut self.roots, oldest)
    }

    /// Pages in the tree that nobody else holds.
    pub(super) fn idle(&self) -> usize {
        fn count(nodes: &[Node]) -> usize {
            nodes
                .iter()
                .map(|node| usize::from(Arc::strong_count(&node.page) == 1) + count(&node.children))
                .sum()
        }
        count(&self.roots)
    }

    /// Empties the tree.
    pub(super) fn clear(&mut self) -> Vec<Arc<Page>> {
        fn drain(nodes: Vec<Node>, pages: &mut Vec<Arc<Page>>) {
            for node in nodes {
                pages.push(node.page);
                drain(node.children, pages);
            }
        }
        let mut pages = Vec::new();
        drain(std::mem::take(&mut self.roots), &mut pages);
        pages
    }
}

/// Tokens that both begin with.
fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// When the leaf that may go was last used.
fn oldest(nodes: &[Node]) -> Option<u64> {
    nodes
        .iter()
        .filter_map(|node| {
            if node.children.is_empty() {
                (Arc::strong_count(&node.page) == 1).then_some(node.used)
            } else {
                oldest(&node.children)
            }
        })
        .min()
}

/// Removes a leaf that nobody else holds and that was last used at `used`.
fn remove(nodes: &mut Vec<Node>, used: u64) -> Option<Arc<Page>> {
    let may_go = |node: &Node| {
        node.used == used && node.children.is_empty() && Arc::strong_count(&node.page) == 1
    };
    if let Some(index) = nodes.iter().position(may_go) {
        return Some(nodes.swap_remove(index).page);
    }
    nodes
        .iter_mut()
        // A child is never used later than its parent.
        .filter(|node| node.used >= used)
        .find_map(|node| remove(&mut node.children, used))
}
