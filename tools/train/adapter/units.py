"""Entries as windows of token ids, and batches of them."""

import numpy as np
import torch
from tokenizers import Tokenizer

from labelled_sets import sentences
from model import CONTEXT, WINDOW

CLS, SEP, MASK, NONE = 101, 102, 103, -1


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
        parts = []
        for sentence in sentences(text) if isinstance(text, str) else text:
            ids = tokenizer.encode(sentence, add_special_tokens=False).ids or [100]
            parts += [(sentence, ids[at : at + WINDOW]) for at in range(0, len(ids), WINDOW)]
        self.lay_out(parts)

    def lay_out(self, parts):
        """Fill windows with `parts`, pairs of a sentence and (some of) its ids."""
        self.parts, self.units = parts, [sentence for sentence, _ in parts]
        self.windows = []
        ids, owner = [], []
        for unit, (_, part) in enumerate(parts):
            if ids and len(ids) + len(part) > WINDOW:
                self.close(ids, owner)
                before = parts[unit - 1][1]
                fits = len(before) <= CONTEXT and len(before) + len(part) <= WINDOW
                ids, owner = (list(before), [NONE] * len(before)) if fits else ([], [])
            ids, owner = ids + part, owner + [unit] * len(part)
        self.close(ids, owner)
        self.tokens = sum(len(w[0]) for w in self.windows)

    def close(self, ids, owner):
        self.windows.append((np.array([CLS, *ids, SEP]), np.array([NONE, *owner, NONE])))

    def without(self, dropped):
        """The same entry without some of its units."""
        rest = Item.__new__(Item)
        rest.lay_out([part for unit, part in enumerate(self.parts) if unit not in dropped])
        return rest


def padded(arrays):
    """Token ids [n, longest] and the mask of what is there."""
    longest = max(len(a) for a in arrays)
    ids = torch.zeros(len(arrays), longest, dtype=torch.long)
    mask = torch.zeros(len(arrays), longest, dtype=torch.bool)
    for i, a in enumerate(arrays):
        ids[i, : len(a)] = torch.from_numpy(a)
        mask[i, : len(a)] = True
    return ids, mask


@torch.no_grad()
def batch_of(base, items, hidden_share=0.0):
    """The inputs of `Adapter.forward` for these items, in order; `base` reads the lower layers.

    `hidden_share`: the share of pieces that [MASK] stands for, in training.
    """
    units = sum(len(item.units) for item in items)
    windows = [window for item in items for window in item.windows]
    ids, mask = padded([ids for ids, _ in windows])
    unit_of = torch.full(ids.shape, units, dtype=torch.long)
    entry_of, place = torch.zeros(units, dtype=torch.long), torch.zeros(units, 2)
    window = first = 0
    for i, item in enumerate(items):
        for _, owner in item.windows:
            unit_of[window, : len(owner)] = torch.from_numpy(np.where(owner == NONE, units, owner + first))
            window += 1
        entry_of[first : first + len(item.units)] = i
        place[first, 0] = place[first + len(item.units) - 1, 1] = 1.0
        first += len(item.units)
    if hidden_share:
        ids[(torch.rand(ids.shape) < hidden_share) & (unit_of < units)] = MASK
    mask = mask[:, None, None, :]
    return {"x": base(ids, mask), "mask": mask, "unit_of": unit_of, "entry_of": entry_of, "place": place, "entries": len(items)}


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
