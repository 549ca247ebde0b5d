//! Quantized rows that are made a few columns at a time, by all threads: what a wide layer gives becomes bytes while it is in
//! the caches, and never goes to memory as floats.

use std::ops::Range;

use kernels::{QRows, QRowsMut};

use crate::pool::Team;

/// Bytes of floats that a thread works out at a time: a quarter of a second-level cache of 2 MB.
pub(super) const AT_ONCE: usize = 512 << 10;

/// Groups that each thread has at least, unless all have the same number of them.
const GROUPS_A_THREAD: usize = 4;

/// Whether shares of whole groups are even enough. (Those of a product alone, by panels, always are.)
pub(super) fn share_evenly(team: Team<'_>, groups: usize) -> bool {
    let threads = team.threads();
    groups >= GROUPS_A_THREAD * threads || groups.is_multiple_of(threads)
}

/// Gives each thread an even share of the groups of `to`, and those to `make` in parts of about `most` inputs: which inputs
/// they are, and the part of every row that they make.
pub(super) fn by_groups(
    team: Team<'_>,
    most: usize,
    to: &mut QRows,
    make: impl Fn(Range<usize>, QRowsMut<'_>) + Sync,
) {
    let (width, group) = (to.k(), to.group());
    let mut rest = to.as_mut();
    let mut tasks = Vec::new();
    for groups in team.split(width.div_ceil(group), 1) {
        let columns = groups.start * group..(groups.end * group).min(width);
        let (part, others) = rest.split_inputs(columns.len());
        rest = others;
        tasks.push((columns, part));
    }
    team.for_each(tasks, |(columns, mut to)| {
        let steps = columns.len().div_ceil(most.max(group));
        let step = columns.len().div_ceil(steps).next_multiple_of(group);
        for start in columns.clone().step_by(step) {
            let columns = start..(start + step).min(columns.end);
            let (part, others) = to.split_inputs(columns.len());
            to = others;
            make(columns, part);
        }
    });
}
