"""Texts to word pieces, plain embeddings, and batches of pairs."""

import numpy as np
import torch
from judge import EACH
from model import Base, LAYERS
from units import open_tokenizer


class Texts:
    """Word pieces and plain embeddings of every text that occurs."""

    def __init__(self, model_dir, texts):
        self.tokenizer = open_tokenizer(model_dir)
        self.cls, self.sep, self.unknown = (self.tokenizer.token_to_id(t) for t in ("[CLS]", "[SEP]", "[UNK]"))
        self.pieces, self.vectors = {}, {}
        self.base = None
        self.add(model_dir, texts)

    def add(self, model_dir, texts):
        texts = sorted(set(texts) - self.pieces.keys())
        encoded = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        self.pieces |= {t: (e.ids or [self.unknown]) for t, e in zip(texts, encoded)}
        self.vectors |= self.embed(model_dir, texts)

    @torch.no_grad()
    def embed(self, model_dir, texts):
        self.base = base = self.base or Base(str(model_dir / "model.safetensors"), LAYERS)
        vectors = {}
        order = sorted(texts, key=lambda t: len(self.pieces[t]))
        for at in range(0, len(order), 128):
            group = order[at : at + 128]
            rows = [[self.cls, *self.pieces[t][:254], self.sep] for t in group]
            ids, mask = padded(rows)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                states = base(ids, mask.bool()[:, None, None, :]).float()
            mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            mean = torch.nn.functional.normalize(mean, dim=1).numpy()
            vectors |= dict(zip(group, mean))
        return vectors

    def length(self, pair):
        return min(EACH, len(self.pieces[pair.a])) + min(EACH, len(self.pieces[pair.b])) + 3

    def batch(self, pairs):
        rows, second, first_pieces, second_pieces = [], [], [], []
        for pair in pairs:
            a, b = self.pieces[pair.a][:EACH], self.pieces[pair.b][:EACH]
            rows.append([self.cls, *a, self.sep, *b, self.sep])
            second.append([0.0] * (len(a) + 2) + [1.0] * (len(b) + 1))
            first_pieces.append([0.0] + [1.0] * len(a))
            second_pieces.append([0.0] * (len(a) + 2) + [1.0] * len(b))
        ids, mask = padded(rows)
        width = ids.shape[1]
        cosine = [float(self.vectors[p.a] @ self.vectors[p.b]) for p in pairs]
        return {
            "ids": ids,
            "second": floats(second, width),
            "first_pieces": floats(first_pieces, width),
            "second_pieces": floats(second_pieces, width),
            "mask": mask,
            "cosine": torch.tensor(cosine),
        }


def padded(rows):
    width = max(map(len, rows))
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask = torch.zeros(len(rows), width)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1.0
    return ids, mask


def floats(rows, width):
    return torch.tensor([row + [0.0] * (width - len(row)) for row in rows])


def batches(texts, pairs, tokens, rng=None):
    """Indices in groups of like length of at most `tokens` padded pieces."""
    order = list(range(len(pairs)))
    if rng:
        rng.shuffle(order)
    order.sort(key=lambda i: texts.length(pairs[i]) // 4)
    out, now = [], []
    for i in order:
        if now and (len(now) + 1) * texts.length(pairs[i]) > tokens:
            out.append(now)
            now = []
        now.append(i)
    out.append(now)
    if rng:
        rng.shuffle(out)
    return out


@torch.no_grad()
def judge_all(judge, texts, pairs, tokens=8000):
    """Logit of every pair; the text that sorts first stands first."""
    from clusters import Pair

    pairs = [p if p.a.encode() <= p.b.encode() else Pair(p.b, p.a, p.label, p.why, p.cluster) for p in pairs]
    judge.eval()
    out = np.zeros(len(pairs), dtype=np.float32)
    for group in batches(texts, pairs, tokens):
        out[group] = judge(**texts.batch([pairs[i] for i in group])).float().numpy()
    return out
