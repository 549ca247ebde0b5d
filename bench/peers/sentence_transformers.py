#!/usr/bin/env python3
"""Peer: sentence-transformers, f32 on PyTorch, as its documentation says to use it."""

import pathlib
import sys

# This file is named like the library that it measures: without its own folder in front, the library is found.
HERE = str(pathlib.Path(__file__).resolve().parent)
sys.path = [p for p in sys.path if p != HERE] + [HERE]

import peer  # noqa: E402


class SentenceTransformers:
    """`SentenceTransformer.encode` with normalised embeddings."""

    name = "sentence-transformers"

    def import_libraries(self):
        import sentence_transformers
        import torch

        self.torch, self.library = torch, sentence_transformers

    def version(self):
        return f"{self.library.__version__} (torch {self.torch.__version__.split('+')[0]})"

    def about(self):
        return {"arithmetic": "f32"}

    def prepare(self, model_dir, threads):
        """Nothing to make beforehand."""

    def load(self, model_dir, threads):
        self.torch.set_num_threads(threads)
        self.model = self.library.SentenceTransformer(model_dir, device="cpu")

    def embed(self, texts):
        return self.model.encode(texts, batch_size=peer.BULK_BATCH, normalize_embeddings=True, show_progress_bar=False)


if __name__ == "__main__":
    peer.main(SentenceTransformers)
