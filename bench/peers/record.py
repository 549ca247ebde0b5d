"""The one shape in which every script here tells what it measured; `companion benchmark --peers` and `ratios.py` read it.

    {"when", "commit", "cpu", "cores", "threads", "load", "packages": {name: version}, "work": {"kind", "title", ...}, "notes": [...],
     "contestants": [{"name", "version", "ours", "about": {...},
                      "figures": {name: {"median", "min", "max", "n", "samples", "more_is_better"}}}]}

Samples stand in the order of the rounds, so that a ratio can be taken round by round. A figure may have a `note` (its recall).
"""

import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys


def figure(samples, more_is_better, note=None):
    """A figure over the rounds."""
    told = {"median": statistics.median(samples), "min": min(samples), "max": max(samples), "n": len(samples)}
    return told | {"samples": list(samples), "more_is_better": more_is_better} | ({"note": note} if note else {})


def contestant(name, version, figures, ours=False, **about):
    return {"name": name, "version": version, "ours": ours, "about": about, "figures": figures}


def record(work, contestants, threads, packages=(), notes=()):
    """The whole of a comparison. `packages` are names of what is installed here; what is not is left out."""
    return {
        "when": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commit": commit(),
        "cpu": cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": threads,
        "load": round(os.getloadavg()[0], 2),
        "packages": versions(packages),
        "work": work,
        "notes": list(notes),
        "contestants": contestants,
    }


def tell(told, path=None):
    """Into the file `path`, whole or not at all; without one onto standard output."""
    text = json.dumps(told, indent=1) + "\n"
    if path is None:
        sys.stdout.write(text)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.replace(path)


def commit():
    """As `build.rs` names the commit that the program was built from."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        done = subprocess.run(command, cwd=pathlib.Path(__file__).parent, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def cpu():
    """The processor's name, as the program itself tells it."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def versions(packages):
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
