"""The published shapes of Qwen2.5, so that peers and Companion run networks of the same size (weights are random)."""

SHAPES = {
    "qwen2.5-0.5b": dict(hidden=896, layers=24, heads=14, kv_heads=2, inner=4864, vocab=151936, tied=True),
    "qwen2.5-1.5b": dict(hidden=1536, layers=28, heads=12, kv_heads=2, inner=8960, vocab=151936, tied=True),
    "qwen2.5-3b": dict(hidden=2048, layers=36, heads=16, kv_heads=2, inner=11008, vocab=151936, tied=True),
    "qwen2.5-7b": dict(hidden=3584, layers=28, heads=28, kv_heads=4, inner=18944, vocab=152064, tied=False),
}
CONTEXT = 32768
ROPE_THETA = 1_000_000.0
NORM_EPS = 1e-6



def parameters(shape):
    """Weights of the matrices, the embeddings among them."""
    s = SHAPES[shape]
    kv = s["hidden"] // s["heads"] * s["kv_heads"]
    layer = s["hidden"] * (2 * s["hidden"] + 2 * kv + 3 * s["inner"])
    return s["layers"] * layer + s["vocab"] * s["hidden"] * (1 if s["tied"] else 2)
