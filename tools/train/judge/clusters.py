"""The written clusters, their split, and the pairs that are made of them."""

import hashlib
import itertools
import json
import random
from dataclasses import dataclass

from rules import altered, altered_both
from surface import retyped

# One cluster in five of the training authors chooses the epoch, the floor and the threshold, and is never trained on.
DEV_PARTS, DEV_OF = {0}, 5


@dataclass
class Cluster:
    id: str
    author: str
    kind: str
    same: list
    different: list  # of (text, why)

    @property
    def held(self):
        return int(hashlib.sha256(self.id.encode()).hexdigest(), 16) % DEV_OF in DEV_PARTS


@dataclass(frozen=True)
class Pair:
    a: str
    b: str
    label: int
    why: str
    cluster: str


def load(path):
    """Clusters of one author's file."""
    rows = [json.loads(line) for line in open(path, encoding="utf-8") if line.strip()]
    author = path.stem.removeprefix("author-")
    return [Cluster(r["id"], author, r["kind"], r["same"], [(d["text"], d["why"]) for d in r["different"]]) for r in rows]


def paraphrases(cluster):
    """Every unordered pair of one cluster's phrasings."""
    return [Pair(a, b, 1, "same", cluster.id) for a, b in itertools.combinations(cluster.same, 2)]


def look_alikes(cluster):
    """Every phrasing beside every look-alike written for the cluster."""
    return [Pair(a, d, 0, why, cluster.id) for a in cluster.same for d, why in cluster.different]


def by_rule(cluster, per_text=None, rng=None):
    """Each phrasing beside what rules make of it."""
    out = []
    for text in cluster.same:
        made = altered(text)
        if per_text is not None and len(made) > per_text:
            made = rng.sample(made, per_text)
        out += [Pair(text, new, 0, f"rule: {rule}", cluster.id) for rule, new in made]
    return out


def neighbours(clusters, vectors, per_cluster=6):
    """Phrasings of the clusters of the same author that lie nearest: other intents by construction.

    `vectors` maps a text to its unit vector. Between authors nothing is said: both may have had the same thought.
    """
    import numpy as np

    out = []
    for author in sorted({c.author for c in clusters}):
        own = [c for c in clusters if c.author == author]
        means = np.stack([np.mean([vectors[t] for t in c.same], axis=0) for c in own])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        near = means @ means.T
        np.fill_diagonal(near, -1)
        for i, c in enumerate(own):
            for j in np.argsort(-near[i])[:3]:
                both = [(float(vectors[a] @ vectors[b]), a, b) for a in c.same for b in own[j].same]
                both.sort(reverse=True)
                out += [Pair(a, b, 0, "other cluster", c.id) for _, a, b in both[: per_cluster // 3]]
    return out


def between(cluster, rng, count=2):
    """Look-alikes beside each other: each asks for something else, and so do any two of different kinds."""
    both = [(a, b) for a, b in itertools.combinations(cluster.different, 2) if a[1] != b[1]]
    return [Pair(a[0], b[0], 0, "two look-alikes", cluster.id) for a, b in rng.sample(both, min(count, len(both)))]


def changed_pairs(good, rng, count=3):
    """Paraphrases with the same word changed on both sides, which stay paraphrases, and on one side, which do not."""
    out = []
    for p in rng.sample(good, min(2 * count, len(good))):
        both = altered_both(p.a, p.b)
        if both and len(out) < 2 * count:
            rule, a, b = rng.choice(both)
            out += [Pair(a, b, 1, "same", p.cluster), Pair(a, p.b, 0, f"rule: {rule}", p.cluster)]
    return out


def training_pairs(clusters, cross, rng, positives=10, negatives=12, rule=4, retype=0.25):
    """One epoch's sample of each cluster's paraphrases and look-alikes, in random order of the two texts."""
    pairs = rng.sample(cross, len(cross) // 2)
    for c in clusters:
        good, hand, made = paraphrases(c), look_alikes(c), by_rule(c)
        pairs += rng.sample(good, min(positives, len(good))) + changed_pairs(good, rng) + between(c, rng)
        # Every look-alike at least once.
        first = {p.b: p for p in rng.sample(hand, len(hand))}
        rest = [p for p in hand if first[p.b] is not p]
        pairs += list(first.values()) + rng.sample(rest, max(0, min(negatives - len(first), len(rest))))
        for p in rng.sample(made, min(rule, len(made))):
            # What a rule makes of one phrasing must not be answered for any other either.
            pairs.append(Pair(rng.choice([p.a, *c.same]), p.b, 0, p.why, p.cluster))
        text = rng.choice([t for t, _ in c.different] + c.same)
        pairs.append(Pair(text, retyped(text, rng), 1, "same", c.id))
    rng.shuffle(pairs)
    typed = lambda text: retyped(text, rng) if rng.random() < retype else text  # noqa: E731
    pairs = [Pair(typed(p.a), typed(p.b), p.label, p.why, p.cluster) for p in pairs]
    return [p if rng.random() < 0.5 else Pair(p.b, p.a, p.label, p.why, p.cluster) for p in pairs]


def mock_pairs(path, rng, count=753):
    """The one outside set with a clear licence: positives, and each beside the next one's paraphrase."""
    rows = [json.loads(line) for line in open(path, encoding="utf-8")]
    rows = [r for r in rows if r.get("split", "dev") != "holdout"][:count]
    pairs = [Pair(r["text_a"], r["text_b"], 1, "gptcache_mock", "mock") for r in rows]
    pairs += [Pair(r["text_a"], s["text_b"], 0, "gptcache_mock", "mock") for r, s in zip(rows[: count // 2], rows[1:])]
    return rng.sample(pairs, len(pairs))


def rng_of(seed):
    return random.Random(seed)
