"""Running the product's own binary over JSON lines."""

import json
import subprocess

import numpy as np


def run_lines(command, items):
    """Feed `items` (dicts) as JSON lines to `command`; return one dict a line. Error lines are kept where they stand."""
    lines = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
    done = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE)
    out = [json.loads(line) for line in done.stdout.decode().splitlines()]
    if len(out) != len(items):
        raise SystemExit(f"{' '.join(command)}: {len(items)} lines in, {len(out)} out, exit code {done.returncode}")
    return out


def embed(binary, model, texts):
    """`companion embed` of `texts` with the model of that name, f32 [len(texts), dim]."""
    command = [binary, "embed", "--jsonl", "-"] + (["--model", model] if model else [])
    answers = run_lines(command, [{"text": text} for text in texts])
    failed = [a for a in answers if "error" in a]
    if failed:
        raise SystemExit(f"{len(failed)} texts were refused, first: {failed[0]}")
    return np.array([a["embedding"] for a in answers], dtype=np.float32)


def analyze(binary, texts, extra=()):
    """`companion analyze` of `texts`: one dict each, as the product prints it (an `error` line for blank text)."""
    return run_lines([binary, "analyze", "--jsonl", "-", *extra], [{"text": text} for text in texts])
