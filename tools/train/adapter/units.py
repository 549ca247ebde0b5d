"""Entries as windows of token ids, batches of them, and their states after the frozen lower layers."""

import numpy as np
import torch
from tokenizers import Tokenizer

from labelled_sets import sentences
from model import CONTEXT, DIM, WINDOW

CLS, SEP, NONE = 101, 102, -1


def open_tokenizer(model_dir):
    """The tokenizer without the truncation and padding that its file asks for."""
    tokenizer = Tokenizer.from_file(str(model_dir / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


class Item:
    """One entry: its units (texts) and its windows (ids, and for each id the unit that it belongs to or NONE)."""

    def __init__(self, tokenizer, text):
        """`text`: the entry, or its sentences as a list."""
        pieces, self.units = [], []
        for sentence in sentences(text) if isinstance(text, str) else text:
            ids = tokenizer.encode(sentence, add_special_tokens=False).ids or [100]
            for at in range(0, len(ids), WINDOW):
                pieces.append(ids[at : at + WINDOW])
                self.units.append(sentence)
        self.windows = []
        ids, owner = [], []
        for unit, part in enumerate(pieces):
            if ids and len(ids) + len(part) > WINDOW:
                self.close(ids, owner)
                before = pieces[unit - 1]
                fits = len(before) <= CONTEXT and len(before) + len(part) <= WINDOW
                ids, owner = (list(before), [NONE] * len(before)) if fits else ([], [])
            ids, owner = ids + part, owner + [unit] * len(part)
        self.close(ids, owner)
        self.tokens = sum(len(w[0]) for w in self.windows)
        self.states = None

    def close(self, ids, owner):
        self.windows.append((np.array([CLS, *ids, SEP]), np.array([NONE, *owner, NONE])))


@torch.no_grad()
def fill_states(base, items, tokens=6000):
    """Give every item the states of its windows after the lower layers, bf16 [length, 384] each."""
    jobs = [(item, k) for item in items if item.states is None for k in range(len(item.windows))]
    jobs.sort(key=lambda job: len(job[0].windows[job[1]][0]))
    for item in items:
        item.states = item.states or [None] * len(item.windows)
    at = 0
    while at < len(jobs):
        end = at + 1
        while end < len(jobs) and (end + 1 - at) * len(jobs[end][0].windows[jobs[end][1]][0]) <= tokens:
            end += 1
        arrays = [item.windows[k][0] for item, k in jobs[at:end]]
        ids, mask = padded(arrays)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = base(ids, mask[:, None, None, :]).bfloat16()
        for (item, k), row, array in zip(jobs[at:end], states, arrays):
            item.states[k] = row[: len(array)].clone()
        at = end


def padded(arrays):
    """Token ids [n, longest] and the mask of what is there."""
    longest = max(len(a) for a in arrays)
    ids = torch.zeros(len(arrays), longest, dtype=torch.long)
    mask = torch.zeros(len(arrays), longest, dtype=torch.bool)
    for i, a in enumerate(arrays):
        ids[i, : len(a)] = torch.from_numpy(a)
        mask[i, : len(a)] = True
    return ids, mask


def batch_of(items):
    """The inputs of `Adapter.forward` for these items, in order."""
    units = sum(len(item.units) for item in items)
    count = sum(len(item.windows) for item in items)
    longest = max(len(ids) for item in items for ids, _ in item.windows)
    x = torch.zeros(count, longest, DIM, dtype=torch.bfloat16)
    mask = torch.zeros(count, longest, dtype=torch.bool)
    unit_of = torch.full((count, longest), units, dtype=torch.long)
    entry_of, place = torch.zeros(units, dtype=torch.long), torch.zeros(units, 2)
    window = first = 0
    for i, item in enumerate(items):
        for (ids, owner), states in zip(item.windows, item.states):
            x[window, : len(ids)], mask[window, : len(ids)] = states, True
            unit_of[window, : len(ids)] = torch.from_numpy(np.where(owner == NONE, units, owner + first))
            window += 1
        entry_of[first : first + len(item.units)] = i
        place[first, 0] = place[first + len(item.units) - 1, 1] = 1.0
        first += len(item.units)
    return {"x": x, "mask": mask[:, None, None, :], "unit_of": unit_of, "entry_of": entry_of, "place": place, "entries": len(items)}


def batches(items, order, tokens=3000):
    """Indices in batches of like length, at most `tokens` padded; `order` breaks ties, so shuffle it for training."""
    size = [max(len(ids) for ids, _ in item.windows) for item in items]
    rank = sorted(order, key=lambda i: size[i] // 8)
    out, now, count = [], [], 0
    for i in rank:
        windows = len(items[i].windows)
        if now and (count + windows) * size[i] > tokens:
            out.append(now)
            now, count = [], 0
        now.append(i)
        count += windows
    return out + [now]
