"""llama.cpp's Q8_0, Q4_0, Q4_K and Q6_K in torch: what a matrix becomes under them, without an importance matrix.

Written after the quantizers in llama.cpp's ggml-quants.c (`quantize_row_*_ref`): the same searches over the same
candidates, in whole matrices. For comparisons where llama.cpp itself is not at hand; `quantization_kl.py --llama-cpp`
takes the real one.
"""

import torch

BITS = {"Q8_0": 8.5, "Q4_0": 4.5, "Q4_K": 4.5, "Q6_K": 6.5625}


def half(x):
    return x.half().float()


def safe(x):
    return torch.where(x == 0, 1, x)


def q8_0(w):
    x = w.unflatten(-1, (-1, 32))
    d = x.abs().amax(-1, keepdim=True) / 127
    return (torch.round(x / safe(d)) * half(d)).flatten(-2)


def q4_0(w):
    x = w.unflatten(-1, (-1, 32))
    d = x.gather(-1, x.abs().argmax(-1, keepdim=True)) / -8
    return ((torch.floor(x / safe(d) + 8.5).clamp(max=15) - 8) * half(d)).flatten(-2)


def q4_k(w):
    """Scales and minima of 32 weights in six bits, under two halves for 256."""
    x = w.unflatten(-1, (-1, 8, 32))
    scale, low = scale_and_minimum(x, (x * x).mean(-1, keepdim=True).sqrt() + x.abs(), 15)
    most, lowest = scale.amax(-2, keepdim=True), low.amax(-2, keepdim=True)
    scale = half(most / 63) * torch.round(scale * 63 / safe(most)).clamp(0, 63)
    low = half(lowest / 63) * torch.round(low * 63 / safe(lowest)).clamp(0, 63)
    codes = torch.round((x + low) / safe(scale)).clamp(0, 15)
    return (torch.where(scale > 0, scale * codes, 0) - low).flatten(-3)


def scale_and_minimum(x, weight, most):
    """The best of 21 steps around the range, by weighted squared error (`make_qkx2_quants`)."""
    low, high = x.amin(-1, keepdim=True).clamp(max=0), x.amax(-1, keepdim=True)
    span = (high - low).clamp_min(1e-30)
    of_weight, of_x = weight.sum(-1, keepdim=True), (weight * x).sum(-1, keepdim=True)
    scale, start = span / most, low
    best = (weight * (scale * torch.round((x - low) / scale).clamp(0, most) + low - x) ** 2).sum(-1, keepdim=True)
    for step in range(21):
        codes = torch.round((-1 + 0.1 * step + most) / span * (x - low)).clamp(0, most)
        of_l, of_l2, of_xl = ((weight * v).sum(-1, keepdim=True) for v in (codes, codes * codes, codes * x))
        determinant = of_weight * of_l2 - of_l * of_l
        this = (of_weight * of_xl - of_x * of_l) / safe(determinant)
        least = (of_l2 * of_x - of_l * of_xl) / safe(determinant)
        this, least = torch.where(least > 0, of_xl / safe(of_l2), this), least.clamp(max=0)
        error = (weight * (this * codes + least - x) ** 2).sum(-1, keepdim=True)
        better = (determinant > 0) & (error < best)
        best, scale, start = (torch.where(better, a, b) for a, b in ((error, best), (this, scale), (least, start)))
    return torch.where(high <= low, 0, scale), -start


def q6_k(w):
    """Scales of 16 weights in eight bits, under one half for 256."""
    x = w.unflatten(-1, (-1, 16, 16))
    extreme = safe(x.gather(-1, x.abs().argmax(-1, keepdim=True)))
    weight, best, scale = x * x, None, None
    for step in range(-9, 10):
        codes = torch.round(-(32 + 0.1 * step) / extreme * x).clamp(-32, 31)
        cross, square = (weight * x * codes).sum(-1, keepdim=True), (weight * codes * codes).sum(-1, keepdim=True)
        value, this = cross * cross / safe(square), cross / safe(square)
        better = torch.ones_like(value, dtype=torch.bool) if best is None else value > best
        best = value if best is None else torch.where(better, value, best)
        scale = this if scale is None else torch.where(better, this, scale)
    d = half(scale.gather(-2, scale.abs().argmax(-2, keepdim=True)) / -128)
    scale = d * torch.round(scale / safe(d)).clamp(-128, 127)
    return (scale * torch.round(x / safe(scale)).clamp(-32, 31)).flatten(-3)


def mixture(name, format, layers):
    """The type of a tensor of a model with tied embeddings in the mixture `format`, as llama.cpp chooses them."""
    if format == "Q8_0":
        return "Q8_0"
    if "embed_tokens" in name:
        return "Q6_K"
    if format == "Q4_0":
        return "Q4_0"
    layer = int(name.split(".")[2])
    more = layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2
    return "Q6_K" if more and ("v_proj" in name or "down_proj" in name) else "Q4_K"


def quantize(w, type):
    """What `w` becomes, and the width of the blocks in which activations are rounded beside it."""
    made = {"Q8_0": q8_0, "Q4_0": q4_0, "Q4_K": q4_k, "Q6_K": q6_k}[type](w)
    return made, 256 if type.endswith("K") else 32
