"""The judge of pairs, written so that the Rust engine can do the same.

**Input.** Both texts as one sequence, `[CLS] a [SEP] b [SEP]`, at most 125 word pieces of each; the text that sorts first by
its bytes stands first, so that the verdict does not depend on the order. Embedding: word + position + the first segment's
embedding as published, and `segment` [384] more for the pieces of b and its [SEP]; then the published layer norm.

**Layers.** From `first_layer` on as `adapter/model.py` has them: `y = W x + b + B (A x)`, norms of their own.

**Head.** `c` the state of [CLS], `u`, `v` the means over the pieces of a and of b (without special ones), `s` the cosine of the
two texts' plain embeddings: `x = [c, u, v, |u - v|, u * v, s]` (5 * 384 + 1), `g = gelu(W_g x + b_g)` [hidden],
logit `= w g + b`. Above the threshold, the answer to one serves the other.
"""

import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "adapter"))

from model import DIM, LAYERS, Layer  # noqa: E402

EACH = 125


class Embeddings(nn.Module):
    """The published table, `word + position + first segment`, before its norm."""

    def __init__(self, weights):
        super().__init__()
        for name in ("word", "position", "token_type"):
            self.register_buffer(name, weights[f"embeddings.{name}_embeddings.weight"], persistent=False)
        self.register_buffer("norm_w", weights["embeddings.LayerNorm.weight"], persistent=False)
        self.register_buffer("norm_b", weights["embeddings.LayerNorm.bias"], persistent=False)

    def forward(self, ids, second=None, mark=None):
        x = self.word[ids] + self.position[: ids.shape[1]] + self.token_type[0]
        if second is not None:
            x = x + second[..., None] * mark
        return F.layer_norm(x, (DIM,), self.norm_w, self.norm_b, 1e-12)


class Judge(nn.Module):
    """What is trained and exported."""

    def __init__(self, weights, first=3, rank=32, hidden=64, dropout=0.1):
        super().__init__()
        self.config = {"first_layer": first, "rank": rank, "hidden": hidden}
        self.embeddings = Embeddings(weights)
        self.lower = nn.ModuleList(Layer(weights, i) for i in range(first))
        self.layers = nn.ModuleList(Layer(weights, i, rank) for i in range(first, LAYERS))
        types = weights["embeddings.token_type_embeddings.weight"]
        self.register_buffer("segment", (types[1] - types[0]).clone())
        self.dropout = nn.Dropout(dropout)
        self.hidden, self.out = nn.Linear(5 * DIM + 1, hidden), nn.Linear(hidden, 1)

    def in_bf16(self):
        """Computes the layers in bf16 from now on: for training, and for looking at many texts."""
        for layer in [*self.lower, *self.layers]:
            for name, weight in layer.named_buffers():
                setattr(layer, name, weight.bfloat16())
        return self

    @torch.no_grad()
    def below(self, ids, second, mask):
        """States [pairs, length, 384] after the layers that are not trained: worked out once for a pair.

        `segment` is what the published segments differ by; it is not trained either.
        """
        x = self.embeddings(ids, second, self.segment).to(self.layers[0].output_dense_w.dtype)
        for layer in self.lower:
            x = layer(x, mask.bool()[:, None, None, :])
        return x

    def forward(self, ids, second, first_pieces, second_pieces, mask, cosine):
        """ids int [pairs, length]; second, *_pieces, mask f32 [pairs, length]; cosine [pairs]. Gives logits [pairs]."""
        keep = mask.bool()[:, None, None, :]
        x = self.below(ids, second, mask)
        for layer in self.layers:
            x = layer(x, keep)
        x = x.float()
        u, v = (self.mean(x, part) for part in (first_pieces, second_pieces))
        features = torch.cat([x[:, 0], u, v, (u - v).abs(), u * v, cosine[:, None]], dim=1)
        return self.out(self.dropout(F.gelu(self.hidden(self.dropout(features)))))[:, 0]

    @staticmethod
    def mean(x, part):
        return (x * part[..., None]).sum(1) / part.sum(1, keepdim=True).clamp(min=1)
