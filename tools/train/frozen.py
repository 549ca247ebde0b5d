"""Sentence embeddings of the unadapted encoder, kept between runs in a folder that is never committed."""

import hashlib
import pathlib

import numpy as np
import torch
from sentence_transformers import SentenceTransformer


def embed(model_dir, texts):
    """`texts` (list of str) to f32 [len(texts), 384], L2-normalised, in full f32 arithmetic."""
    model = SentenceTransformer(str(model_dir), device="cpu")
    return model.encode(texts, normalize_embeddings=True, show_progress_bar=False).astype(np.float32)


def embed_fast(model_dir, texts, cache_dir):
    """The same in bf16 arithmetic (cosine to f32 at least 0.9999) for the thousands of training sentences.

    Known texts come from the cache.
    """
    cache = pathlib.Path(cache_dir) / "frozen.npz"
    cache.parent.mkdir(parents=True, exist_ok=True)
    keys = [hashlib.sha256(text.encode()).hexdigest()[:24] for text in texts]
    known = {}
    if cache.exists():
        with np.load(cache) as stored:
            known = dict(zip(stored["keys"].tolist(), stored["vectors"]))
    missing = {key: text for key, text in zip(keys, texts) if key not in known}
    if missing:
        model = SentenceTransformer(str(model_dir), device="cpu")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            vectors = model.encode(
                list(missing.values()), batch_size=64, normalize_embeddings=True, show_progress_bar=False
            )
        known.update(zip(missing, vectors.astype(np.float32)))
        np.savez(cache, keys=np.array(list(known)), vectors=np.stack(list(known.values())))
    return np.stack([known[key] for key in keys])
