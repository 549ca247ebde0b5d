"""The adapted encoder with its heads, written so that the Rust engine can do the same, step by step.

**Units.** An entry is cut into sentences (`engine::text::sentences`); each is tokenized alone, without [CLS] and [SEP]; one
of more than 254 pieces is cut into units of 254. Units fill windows in order: a unit joins while the window stays within
254 pieces, else it opens the next. A later window begins with the last unit of the one before as context (where that has at
most 64 pieces and there is room); its states there are not used. Each window is [CLS] pieces [SEP], positions from 0.

**Encoder.** Layers below `first` (none, as shipped) are the base encoder's, unchanged: where the plain embedding of the same
window is wanted too, they are computed once. In layers first to 5 every linear map has a low-rank addition,
`y = W x + b + B (A x)`, A [rank, in], B [out, rank] (the scale is folded into B on export), and the layer has its own two
LayerNorms. A reader may merge `W + B A` once, at load, or apply it aside of the INT8 product.

**Sentence vectors.** `h_i` [384]: the mean of the last layer's states over the pieces of unit i (never [CLS], [SEP]).

**Mood.** `a_i = w_a · tanh(W_a h_i + b_a) + f · (is first, is last)`; `alpha = softmax(a)` over all units of the entry;
`m = sum alpha_i h_i`; `g = gelu(W_g m + b_g)` [hidden]; from g linearly: sentiment [3], valence (tanh) [1],
emotions (sigmoid) [29], mixed (sigmoid) [1]. The same g-map on a single `h_i` gives the mood of that sentence.

**Themes.** For theme t: `z_it = T h_i + b`, `beta_it = softmax_i(Q h_i)_t`, logit `= sum_i beta_it z_it`.

**Evidence.** For the sentiment s: the unit with the largest `(E h_i)_s`; for theme t: the unit with the largest `z_it`.
"""

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

DIM, HEADS, LAYERS, WINDOW, CONTEXT = 384, 12, 6, 254, 64
LINEARS = {
    "attention.self.query": (DIM, DIM),
    "attention.self.key": (DIM, DIM),
    "attention.self.value": (DIM, DIM),
    "attention.output.dense": (DIM, DIM),
    "intermediate.dense": (DIM, 4 * DIM),
    "output.dense": (4 * DIM, DIM),
}
NORMS = ["attention.output.LayerNorm", "output.LayerNorm"]


def key(name):
    """A module name without dots, as torch wants it."""
    return name.replace(".", "_")


class Layer(nn.Module):
    """One BERT layer, post-norm. With `rank`, its linear maps carry low-rank additions and its norms are trained."""

    def __init__(self, weights, index, rank=0, scale=2.0):
        super().__init__()
        prefix = f"encoder.layer.{index}."
        self.rank, self.scale = rank, scale
        for name, (size_in, size_out) in LINEARS.items():
            self.register_buffer(key(name) + "_w", weights[f"{prefix}{name}.weight"], persistent=False)
            self.register_buffer(key(name) + "_b", weights[f"{prefix}{name}.bias"], persistent=False)
            if rank:
                self.register_parameter(key(name) + "_A", nn.Parameter(torch.randn(rank, size_in) / size_in**0.5))
                self.register_parameter(key(name) + "_B", nn.Parameter(torch.zeros(size_out, rank)))
        for name in NORMS:
            for part in ("weight", "bias"):
                parameter = nn.Parameter(weights[f"{prefix}{name}.{part}"].clone(), requires_grad=bool(rank))
                self.register_parameter(f"{key(name)}_{part}", parameter)

    def merged(self, name):
        """`W + B A`, [out, in], in the precision of the frozen W."""
        frozen = getattr(self, key(name) + "_w")
        if not self.rank:
            return frozen
        return frozen + (self.scale * getattr(self, key(name) + "_B") @ getattr(self, key(name) + "_A")).to(frozen.dtype)

    def linear(self, names, x):
        """x [..., in] to [..., out], for some maps side by side."""
        w = torch.cat([self.merged(name) for name in names])
        return F.linear(x.to(w.dtype), w, torch.cat([getattr(self, key(name) + "_b") for name in names]))

    def norm(self, name, x):
        weight, bias = getattr(self, key(name) + "_weight"), getattr(self, key(name) + "_bias")
        return F.layer_norm(x, (DIM,), weight.to(x.dtype), bias.to(x.dtype), 1e-12)

    def forward(self, x, mask):
        """x [windows, length, 384]; mask bool [windows, 1, 1, length], true where there is a piece."""
        windows, length, _ = x.shape
        qkv = self.linear([f"attention.self.{part}" for part in ("query", "key", "value")], x)
        q, k, v = qkv.view(windows, length, 3, HEADS, DIM // HEADS).permute(2, 0, 3, 1, 4)
        # Written out: torch's fused attention is slower than this on the CPU, backwards above all.
        scores = (q * (DIM // HEADS) ** -0.5) @ k.transpose(2, 3)
        weights = torch.softmax(scores.masked_fill(~mask, -1e4), dim=-1)
        attended = (weights @ v).transpose(1, 2).reshape(windows, length, DIM)
        x = self.norm("attention.output.LayerNorm", x + self.linear(["attention.output.dense"], attended))
        inner = F.gelu(self.linear(["intermediate.dense"], x))
        return self.norm("output.LayerNorm", x + self.linear(["output.dense"], inner))


class Base(nn.Module):
    """The embeddings and the unchanged lower layers."""

    def __init__(self, weights_file, first):
        super().__init__()
        weights = load_file(weights_file)
        for name in ("word", "position", "token_type"):
            self.register_buffer(name, weights[f"embeddings.{name}_embeddings.weight"])
        self.register_buffer("norm_w", weights["embeddings.LayerNorm.weight"])
        self.register_buffer("norm_b", weights["embeddings.LayerNorm.bias"])
        self.layers = nn.ModuleList(Layer(weights, i) for i in range(first))
        self.weights = weights

    @torch.no_grad()
    def forward(self, ids, mask):
        """ids int [windows, length] to the states after the lower layers [windows, length, 384]."""
        x = self.word[ids] + self.position[: ids.shape[1]] + self.token_type[0]
        x = F.layer_norm(x, (DIM,), self.norm_w, self.norm_b, 1e-12)
        for layer in self.layers:
            x = layer(x, mask)
        return x


class Adapter(nn.Module):
    """The adapted upper layers and all heads: what is trained and exported."""

    def __init__(self, weights, first=2, rank=32, hidden=128, attention=64, dropout=0.1, themes=20, emotions=29):
        super().__init__()
        self.config = {"first_layer": first, "rank": rank, "hidden": hidden, "attention": attention}
        self.layers = nn.ModuleList(Layer(weights, i, rank) for i in range(first, LAYERS))
        self.dropout = nn.Dropout(dropout)
        self.attend_in, self.attend_out = nn.Linear(DIM, attention), nn.Linear(attention, 1, bias=False)
        self.attend_place = nn.Parameter(torch.zeros(2))
        self.mood_hidden = nn.Linear(DIM, hidden)
        self.sentiment, self.valence = nn.Linear(hidden, 3), nn.Linear(hidden, 1)
        self.emotions, self.mixed = nn.Linear(hidden, emotions), nn.Linear(hidden, 1)
        self.themes, self.theme_attend = nn.Linear(DIM, themes), nn.Linear(DIM, themes, bias=False)
        self.evidence = nn.Linear(DIM, 3)
        nn.init.constant_(self.themes.bias, -2.0)  # most themes are absent from most entries
        nn.init.constant_(self.emotions.bias, -2.5)

    def in_bf16(self):
        """Computes the layers in bf16 from now on: for training, and for looking at many texts."""
        for layer in self.layers:
            for name, weight in layer.named_buffers():
                setattr(layer, name, weight.bfloat16())
        return self

    def sentence_vectors(self, x, mask, unit_of, units):
        """States [windows, length, 384] to [units, 384]. `unit_of` int [windows, length]; `units` and above: no unit."""
        x = x.to(self.layers[0].output_dense_w.dtype)
        for layer in self.layers:
            x = layer(x, mask)
        flat = unit_of.reshape(-1)
        sums = torch.zeros(units + 1, DIM).index_add(0, flat, x.reshape(-1, DIM).float())
        counts = torch.zeros(units + 1).index_add(0, flat, torch.ones(len(flat)))
        return sums[:units] / counts[:units, None].clamp(min=1)

    def mood(self, m):
        """[n, 384] to sentiment logits, valence, emotion logits, mixed logit."""
        g = F.gelu(self.mood_hidden(m))
        return self.sentiment(g), torch.tanh(self.valence(g))[:, 0], self.emotions(g), self.mixed(g)[:, 0]

    def forward(self, x, mask, unit_of, entry_of, place, entries):
        """All heads for a batch of entries. `entry_of` int [units], `place` f32 [units, 2] (is first, is last)."""
        h = self.dropout(self.sentence_vectors(x, mask, unit_of, len(entry_of)))
        return self.read(h, entry_of, place, entries)  # the layers may train in bf16, the heads do not

    def read(self, h, entry_of, place, entries):
        """The heads over sentence vectors h f32 [units, 384]."""
        a = self.attend_out(torch.tanh(self.attend_in(h)))[:, 0] + place @ self.attend_place
        alpha = segment_softmax(a[:, None], entry_of, entries)
        m = torch.zeros(entries, DIM).index_add(0, entry_of, alpha * h)
        sentiment, valence, emotions, mixed = self.mood(self.dropout(m))
        z = self.themes(h)
        beta = segment_softmax(self.theme_attend(h), entry_of, entries)
        return {
            "sentiment": sentiment,
            "valence": valence,
            "emotions": emotions,
            "mixed": mixed,
            "themes": torch.zeros(entries, z.shape[1]).index_add(0, entry_of, beta * z),
            "unit_sentiment": self.mood(h)[0],
            "unit_themes": z,
            "unit_evidence": self.evidence(h),
            "unit_weight": alpha[:, 0],
        }


def segment_softmax(z, owner, count):
    """Softmax of z [n, k] over the rows of each owner."""
    top = torch.full((count, z.shape[1]), -1e9).scatter_reduce(0, owner[:, None].expand_as(z), z.detach(), "amax")
    e = torch.exp(z - top[owner])
    total = torch.zeros(count, z.shape[1]).index_add(0, owner, e)
    return e / total[owner].clamp(min=1e-9)
