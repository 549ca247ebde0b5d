"""What blind comparisons share: a journal of its own for some entries, the sheet beside its key, and the sign test."""

import contextlib
import json
import math
import os
import subprocess
import tempfile


def rows(path):
    return [json.loads(line) for line in open(path, encoding="utf-8") if line.strip()]


@contextlib.contextmanager
def journal(binary, models, now, entries):
    """A home that holds `entries` alone, at the time `now`; gives a function that runs a command there and reads its JSON."""
    with tempfile.TemporaryDirectory() as home:
        os.symlink(models.resolve(), f"{home}/models")
        env = os.environ | {"COMPANION_HOME": home, "COMPANION_NOW": now, "TZ": "UTC"}
        text = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
        command = [str(binary), "import", "-", "--format", "jsonl", "--quiet"]
        subprocess.run(command, input=text, text=True, env=env, check=True, stdout=subprocess.DEVNULL)

        def ask(*words):
            done = subprocess.run([str(binary), *words, "--json"], text=True, env=env, check=True, capture_output=True)
            return json.loads(done.stdout)

        yield ask


def write(folder, name, sheet, key):
    """The sheet `NAME.jsonl` and, apart, `NAME-key.jsonl`."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, lines in ((f"{name}.jsonl", sheet), (f"{name}-key.jsonl", key)):
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (folder / file).write_text(text, encoding="utf-8")
    print(f"{len(sheet)} rows in {folder / name}.jsonl; the key is apart")


def sign_test(k, n):
    """Two-sided: how often chance alone prefers one side at least as unevenly as `k` of `n`."""
    tail = sum(math.comb(n, i) for i in range(max(k, n - k), n + 1)) / 2**n
    return min(1.0, 2 * tail)
