//! SQLite's B-trees, read page by page so that a damaged page costs only what is on it
//! ([format](https://www.sqlite.org/fileformat2.html#b_tree_pages)).

use std::collections::HashSet;

use rusqlite::types::Value;

use super::pages::{Pages, USABLE};
use crate::Result;

/// Deeper than any tree of 2^31 pages.
const MAX_DEPTH: usize = 24;

/// A page that could not be read, with the row ids that were on or below it, where that is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hole {
    pub(super) page: u32,
    /// Rows above the first and up to the second number.
    pub(super) rows: (i64, i64),
}

/// One row of a table, or an index record with row id 0.
pub(super) type Row = (i64, Vec<Value>);

/// Walks trees and remembers which pages it has seen.
pub(super) struct Walker<'a> {
    pages: &'a Pages,
    /// Every page that belongs to something, damaged ones included.
    pub(super) seen: HashSet<u32>,
}

impl<'a> Walker<'a> {
    pub(super) fn new(pages: &'a Pages) -> Walker<'a> {
        Walker {
            pages,
            seen: HashSet::new(),
        }
    }

    /// Hands every readable row of the tree at `root` to `on_row`; gives the holes.
    pub(super) fn walk(&mut self, root: u32, on_row: &mut dyn FnMut(Row)) -> Result<Vec<Hole>> {
        let mut holes = Vec::new();
        self.page(root, (i64::MIN, i64::MAX), 0, on_row, &mut holes)?;
        Ok(holes)
    }

    fn page(
        &mut self,
        number: u32,
        rows: (i64, i64),
        depth: usize,
        on_row: &mut dyn FnMut(Row),
        holes: &mut Vec<Hole>,
    ) -> Result<()> {
        let fresh = number >= 1 && number <= self.pages.count && self.seen.insert(number);
        let page = if fresh && depth < MAX_DEPTH {
            self.pages.read(number)?
        } else {
            None
        };
        let Some(node) = page.as_deref().and_then(|page| Node::parse(number, page)) else {
            holes.push(Hole { page: number, rows });
            return Ok(());
        };
        let mut after = rows.0;
        for cell in &node.cells {
            if let Some(child) = cell.child {
                let upto = if node.is_table { cell.key } else { rows.1 };
                self.page(child, (after, upto), depth + 1, on_row, holes)?;
                after = if node.is_table { cell.key } else { after };
            }
            if cell.payload_size > 0 {
                let read = self.payload(cell)?;
                match read.as_deref().map(decode_record) {
                    Ok(Some(values)) => on_row((cell.key, values)),
                    unread => holes.push(Hole {
                        page: unread.err().copied().unwrap_or(number),
                        rows: (cell.key.saturating_sub(1), cell.key),
                    }),
                }
            }
        }
        if let Some(right) = node.right {
            self.page(right, (after, rows.1), depth + 1, on_row, holes)?;
        }
        Ok(())
    }

    /// The rows of a page that nothing leads to any more, if it is a leaf of a table.
    pub(super) fn carve(&mut self, number: u32) -> Result<Vec<Row>> {
        let Some(page) = self.pages.read(number)? else {
            return Ok(Vec::new());
        };
        let Some(node) =
            Node::parse(number, &page).filter(|node| node.is_table && node.right.is_none())
        else {
            return Ok(Vec::new());
        };
        let mut rows = Vec::new();
        for cell in &node.cells {
            if let Some(values) = self.payload(cell)?.ok().as_deref().and_then(decode_record) {
                rows.push((cell.key, values));
            }
        }
        Ok(rows)
    }

    /// Marks the pages of the free list; what is on them is of no use to anybody.
    pub(super) fn mark_free(&mut self) -> Result<()> {
        let Some(first) = self.pages.read(1)? else {
            return Ok(());
        };
        let mut trunk = word(&first, 32).unwrap_or(0);
        while trunk >= 1 && trunk <= self.pages.count && self.seen.insert(trunk) {
            let Some(page) = self.pages.read(trunk)? else {
                return Ok(());
            };
            let leaves = word(&page, 4).unwrap_or(0).min((USABLE / 4 - 2) as u32) as usize;
            self.seen
                .extend((0..leaves).filter_map(|at| word(&page, 8 + at * 4)));
            trunk = word(&page, 0).unwrap_or(0);
        }
        Ok(())
    }

    /// The whole record of a cell, from its overflow pages too, or the page on which it breaks off.
    fn payload(&mut self, cell: &Cell) -> Result<std::result::Result<Vec<u8>, u32>> {
        let mut payload = cell.local.clone();
        let mut next = cell.overflow.unwrap_or(0);
        while payload.len() < cell.payload_size {
            let valid = next >= 1 && next <= self.pages.count && self.seen.insert(next);
            let Some(page) = (if valid { self.pages.read(next)? } else { None }) else {
                return Ok(Err(next));
            };
            let wanted = (cell.payload_size - payload.len()).min(USABLE - 4);
            payload.extend(&page[4..4 + wanted]);
            next = word(&page, 0).unwrap_or(0);
        }
        Ok(Ok(payload))
    }
}

struct Node {
    is_table: bool,
    cells: Vec<Cell>,
    /// The right-most child, in an interior page.
    right: Option<u32>,
}

struct Cell {
    child: Option<u32>,
    key: i64,
    payload_size: usize,
    local: Vec<u8>,
    overflow: Option<u32>,
}

impl Node {
    /// `None` where the page is no page of a B-tree.
    fn parse(number: u32, page: &[u8]) -> Option<Node> {
        let start = if number == 1 { 100 } else { 0 };
        let kind = *page.get(start)?;
        let (is_table, is_leaf) = match kind {
            0x0d => (true, true),
            0x05 => (true, false),
            0x0a => (false, true),
            0x02 => (false, false),
            _ => return None,
        };
        let count = half(page, start + 3)?;
        let pointers = start + if is_leaf { 8 } else { 12 };
        let cells = (0..count)
            .map(|at| Cell::parse(page, half(page, pointers + at * 2)?, is_table, is_leaf))
            .collect::<Option<Vec<_>>>()?;
        let right = if is_leaf {
            None
        } else {
            Some(word(page, start + 8)?)
        };
        Some(Node {
            is_table,
            cells,
            right,
        })
    }
}

impl Cell {
    fn parse(page: &[u8], mut at: usize, is_table: bool, is_leaf: bool) -> Option<Cell> {
        let child = if is_leaf { None } else { Some(word(page, at)?) };
        at += if is_leaf { 0 } else { 4 };
        if is_table && !is_leaf {
            let (key, _) = varint(page, at)?;
            return Some(Cell {
                child,
                key,
                payload_size: 0,
                local: Vec::new(),
                overflow: None,
            });
        }
        let (size, length) = varint(page, at)?;
        at += length;
        let (key, length) = if is_table { varint(page, at)? } else { (0, 0) };
        at += length;
        // No value can be larger than the limit SQLite was built with.
        let payload_size = usize::try_from(size)
            .ok()
            .filter(|size| *size <= 1_000_000_000)?;
        let local_size = local_size(payload_size, is_table);
        let local = page.get(at..at + local_size)?.to_vec();
        let overflow = if local_size < payload_size {
            Some(word(page, at + local_size)?)
        } else {
            None
        };
        Some(Cell {
            child,
            key,
            payload_size,
            local,
            overflow,
        })
    }
}

/// How many bytes of a record are on the page itself.
fn local_size(payload: usize, is_table: bool) -> usize {
    let most = if is_table {
        USABLE - 35
    } else {
        (USABLE - 12) * 64 / 255 - 23
    };
    if payload <= most {
        return payload;
    }
    let least = (USABLE - 12) * 32 / 255 - 23;
    let wanted = least + (payload - least) % (USABLE - 4);
    if wanted <= most { wanted } else { least }
}

/// The values of a [record](https://www.sqlite.org/fileformat2.html#record_format).
fn decode_record(record: &[u8]) -> Option<Vec<Value>> {
    let (header, mut at) = varint(record, 0)?;
    let header = usize::try_from(header)
        .ok()
        .filter(|header| *header <= record.len())?;
    let mut body = header;
    let mut values = Vec::new();
    while at < header {
        let (kind, length) = varint(record, at)?;
        at += length;
        let (value, size) = decode_value(kind, record.get(body..)?)?;
        values.push(value);
        body += size;
    }
    Some(values)
}

fn decode_value(kind: i64, bytes: &[u8]) -> Option<(Value, usize)> {
    let integer = |size: usize| -> Option<(Value, usize)> {
        let bytes = bytes.get(..size)?;
        let negative = bytes[0] & 0x80 != 0;
        let start = if negative { -1i64 } else { 0 };
        Some((
            Value::Integer(
                bytes
                    .iter()
                    .fold(start, |sum, byte| (sum << 8) | i64::from(*byte)),
            ),
            size,
        ))
    };
    match kind {
        0 => Some((Value::Null, 0)),
        1..=4 => integer(kind as usize),
        5 => integer(6),
        6 => integer(8),
        7 => Some((
            Value::Real(f64::from_be_bytes(bytes.get(..8)?.try_into().ok()?)),
            8,
        )),
        8 => Some((Value::Integer(0), 0)),
        9 => Some((Value::Integer(1), 0)),
        12.. => {
            let size = usize::try_from((kind - 12) / 2).ok()?;
            let content = bytes.get(..size)?.to_vec();
            let text = kind % 2 == 1;
            Some((
                if text {
                    Value::Text(String::from_utf8(content).ok()?)
                } else {
                    Value::Blob(content)
                },
                size,
            ))
        }
        _ => None,
    }
}

fn varint(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let mut value = 0u64;
    for length in 1..=9 {
        let byte = *bytes.get(at + length - 1)?;
        if length == 9 {
            return Some((((value << 8) | u64::from(byte)) as i64, 9));
        }
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value as i64, length));
        }
    }
    None
}

fn half(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes(
        bytes.get(at..at + 2)?.try_into().ok()?,
    )))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
