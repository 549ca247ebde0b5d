#!/usr/bin/env python3
"""Keeps a report of `companion benchmark --save FILE` as a dated record, and sums up the newest record in docs/performance.md.

    python3 tools/bench/record.py keep REPORT     # crates/bench/record/YYYY-MM-DD-MACHINE-KERNEL.json
    python3 tools/bench/record.py peers REPORT    # the newest gets the peers of REPORT, which were measured after it
    python3 tools/bench/record.py sum             # the newest of them, between the markers of docs/performance.md

A record keeps at most 60 samples of a figure, evenly chosen in their order, so that it stays below 300 kB; percentiles and
counts are those of all samples. Nothing but Python's own library.
"""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDS = ROOT / "crates/bench/record"
PAGE = ROOT / "docs/performance.md"
MARKERS = ("<!-- record: begin -->", "<!-- record: end -->")
KEPT = 60


def thinned(value):
    """The same, with few samples of each figure."""
    if isinstance(value, dict):
        return {k: v[:: -(-len(v) // KEPT)] if k == "samples_ms" and len(v) > KEPT else thinned(v) for k, v in value.items()}
    return [thinned(v) for v in value] if isinstance(value, list) else value


def keep(path):
    report = json.loads(pathlib.Path(path).read_text())
    machine = re.sub(r"[^a-z0-9]+", "-", report["machine"]["cpu"].lower().split("@")[0]).strip("-")
    # The name of a processor does not tell what a virtual machine shows of it.
    kernel = next((model["kernel"].split("-")[-1] for model in report.get("inference") or []), "no-model")
    to = RECORDS / f"{report['date'][:10]}-{machine[:40].strip('-')}-{report['machine']['cores']}-cores-{kernel}.json"
    RECORDS.mkdir(parents=True, exist_ok=True)
    to.write_text(json.dumps(thinned(report), separators=(",", ":")) + "\n")
    print(f"{to.relative_to(ROOT)}, {to.stat().st_size / 1000:.0f} kB", file=sys.stderr)


def newest():
    # Not gates.json, which lies there too.
    records = sorted(RECORDS.glob("20*.json"), key=lambda path: json.loads(path.read_text())["date"])
    if not records:
        raise SystemExit(f"no record in {RECORDS.relative_to(ROOT)}; `make benchmark` makes one")
    return records[-1]


def take_peers(path):
    """`make benchmark-peers` comes after `make benchmark`, so a record has the peers of before, or none, and warns of them."""
    record, report = newest(), json.loads(pathlib.Path(path).read_text())
    kept = json.loads(record.read_text())
    of_peers = {file["file"] for file in kept.get("peers") or []}
    kept["warnings"] = [warning for warning in kept.get("warnings") or [] if warning.split(" ")[0] not in of_peers]
    kept["warnings"] += [warning for warning in report.get("warnings") or [] if warning not in kept["warnings"]]
    kept["peers"] = report["peers"]
    record.write_text(json.dumps(kept, separators=(",", ":")) + "\n")
    print(f"{record.relative_to(ROOT)} has the peers of {path}", file=sys.stderr)


def number(value):
    return "not measured" if value is None else f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def few(value):
    return "n too small" if value is None else number(value)


def size(value):
    if value is None:
        return "not measured"
    return f"{value / 1e9:.2f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB" if value >= 1e6 else f"{value / 1e3:.0f} kB"


def duration(seconds):
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def measured_in(report):
    """How long it took, the longest suite first; nothing of a record that does not know."""
    if not report.get("seconds"):
        return ""
    suites = report["suite_seconds"]
    by_suite = ", ".join(f"{name} {duration(suites[name])}" for name in sorted(suites, key=suites.get, reverse=True))
    return f"; measured in {duration(report['seconds'])}" + (f" ({by_suite})" if by_suite else "")


def ratio(value, digits=2):
    if not value.get("interval"):
        return f"{value['ratio']:.{digits}f}"
    low, high = value["interval"]
    return f"{value['ratio']:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def mean(value, scale=100, digits=1):
    text = f"{scale * value['mean']:.{digits}f}"
    if value.get("interval"):
        text += " ({} to {})".format(*(f"{scale * end:.{digits}f}" for end in value["interval"]))
    return text


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows] + [""]


def times(rows):
    """Rows of (name, times)."""
    cells = [(n, number(t["p50_ms"]), few(t.get("p95_ms")), few(t.get("p99_ms")), t["n"]) if t else (n, "not measured", "", "", "") for n, t in rows]
    return table(["milliseconds", "p50", "p95", "p99", "n"], cells)


def inference(report):
    for model in report.get("inference") or []:
        yield f"### {model['model'].split('@')[0]}"
        yield ""
        note = f"; {model['note']}" if model.get("note") else ""
        yield f"Kernel `{model['kernel']}`, {model['threads']} threads, weights {size(model['weights_bytes'])}{note}."
        yield ""
        first = "to the vector" if model["kind"] == "encoder" else "to the first token"
        rows = []
        for at in model["lengths"]:
            rows.append((f"{at['words']} words ({at['tokens']} tokens), {first}", at["first"], at["prefill_tok_s"], at.get("peak_rss_bytes")))
        for at in model["lengths"]:
            if at.get("between"):
                rows.append((f"after {at['words']} words, token to token", at["between"], at["decode_tok_s"], None))
        yield from table(
            ["milliseconds", "p50", "p95", "p99", "n", "tok/s", "peak memory"],
            [(n, number(t["p50_ms"]), few(t["p95_ms"]), few(t["p99_ms"]), t["n"], number(s["median"]), size(m) if m else "") for n, t, s, m in rows],
        )
        memory, cpu = model.get("memory"), model.get("cpu")
        if memory:
            parts = ", ".join(f"{key} {size(memory[key + '_bytes'])}" for key in ("weights", "cache", "encoder", "runtime"))
            yield f"Memory {size(memory['total_bytes'])}: {parts}."
        if cpu:
            yield f"{cpu['process_cores']:.2f} cores busy; by core {', '.join(f'{100 * c:.0f} %' for c in cpu['by_core'])}."
        yield ""


def machine_limits(report):
    roof = report.get("roofline")
    if not roof:
        return
    yield "### The machine's limits"
    yield ""
    yield f"Memory read at {roof['read_bytes_s'] / 1e9:.1f} GB/s, int8 products {roof['int8_ops_s'] / 1e9:.0f} G operations/s, both measured in the run."
    yield ""
    limit = lambda p: min(roof["int8_ops_s"], roof["read_bytes_s"] * p["ops_per_byte"])  # noqa: E731
    # Of a peer that was measured with several models and lengths the best of one text.
    best = {}
    for point in roof["points"]:
        other = best.setdefault(point["name"], point)
        one_text = "writing" not in point["name"] or point["ops_per_byte"] <= other["ops_per_byte"]
        if one_text and point["ops_s"] > other["ops_s"]:
            best[point["name"]] = point
    rows = [(p["name"], number(p["ops_per_byte"]), number(p["ops_s"] / 1e9), f"{100 * p['ops_s'] / limit(p):.0f} %") for p in best.values()]
    yield from table(["", "operations a byte", "Gop/s", "of the limit there"], rows)
    if any(p["ops_s"] > limit(p) and limit(p) < roof["int8_ops_s"] for p in roof["points"]):
        yield "Above 100 %: weights that fit in the processor's cache are not read from memory each time."
        yield ""


def quantization(report):
    for figures in report.get("quantization") or []:
        yield f"### Bits of {figures['model'].split('@')[0]}"
        yield ""
        yield f"Accuracy of {figures['accuracy_of']} over {figures['texts']} texts, 95 % intervals; latency of {figures['latency_of']}, in turn."
        yield ""
        rows = []
        for w in figures["widths"]:
            word = {None: "not measured", True: "passed", False: "**failed**"}
            warned = {True: ", with a warning", False: ""}
            checks = "; ".join(f"{c['what']} {word[c['passed']]}{warned[c.get('verdict') == 'warned']} ({c['measured']})" for c in w["checks"])
            rows.append((w["name"], f"{w['bits']:.2f}", size(w["bytes"]), size(w["memory_bytes"]), mean(w["accuracy"]), mean(w["agreement"]),
                         mean(w["kl"], 1, 5), number(w["latency"]["p50_ms"]), ratio(w["latency_ratio"]), checks))  # fmt: skip
        yield from table(["", "bits", "on disk", "in memory", "% right", "% as the floats", "KL, nats", "p50, ms", "of the floats' time", "thresholds"], rows)
        for w in figures["widths"]:
            if w.get("precision"):
                yield f"Themes, {w['name']}: precision {mean(w['precision'])} %, recall {mean(w['recall'])} %."
        yield ""


def batch(report):
    rows = []
    for f in report.get("batch") or []:
        week = f["week"]
        curve = ", ".join(f"{p['rows']}: {p['tok_s']:.0f}" for p in f["curve"])
        same = "the same" if week["outputs_equal"] else "**different**"
        rows.append((f["model"].split("@")[0], number(week["sequential_s"]), number(week["batched_s"]), f"{week['speedup']:.2f}", same, len(week["batched_runs_s"]), curve))
    if rows:
        yield "### Many texts at once"
        yield ""
        yield from table(["a week of 7 entries", "one by one, s", "together, s", "speed-up", "tokens", "n", "texts at once: tok/s"], rows)


def cache(report):
    figures = report.get("cache")
    if not figures:
        return
    yield "### Semantic cache"
    yield ""
    share = lambda r: f"{100 * r['false_hits_lower']:.2f} to {100 * r['false_hits_upper']:.2f} %"  # noqa: E731
    rows = []
    for s in figures["sets"]:
        for r in s["figures"] or []:
            rows.append((s["name"], r["cache"], f"{r['served']} of {r['paraphrases']}", f"{r['false_hits']} of {r['look_alikes']}", share(r)))
        if not s["figures"]:
            rows.append((s["name"], "not measured", "", "", ""))
    yield from table(["pairs", "cache", "paraphrases served", "look-alikes served (wrong)", "95 % bounds"], rows)
    looks = []
    for at in figures["latencies"]["sizes"]:
        looks += [(f"look by other words, {at['entries']} entries", at["semantic_look"]), (f"hit by the same words, {at['entries']} entries", at["exact_hit"])]
    for at in figures["search"]:
        looks.append((f"search alone, {at['vectors']} vectors", at["times"]))
    miss = figures.get("miss")
    if miss:
        looks += [("hit of the simulated use", miss["effective"]["hit"]), ("miss of it: look and reply", miss["effective"]["miss"])]
    yield from times(looks)
    yield from simulated_use(figures["workload"], miss)


def simulated_use(use, miss):
    seconds = {s["cache"]: s["seconds"] for s in miss["saved"]} if miss else {}
    rows = [
        (c["cache"], c["hits"], *(f"{hits} of {of}" for _, of, hits in c["by_kind"]), c["false_hits"], number(seconds[c["cache"]]) if seconds else "not measured")
        for c in use["caches"]
    ]
    yield f"{use['prompts']} simulated prompts of {use['users']} people in {use['days']} days, {use['tempted']} of them beside a kept answer that would be wrong."
    if miss:
        effective = miss["effective"]
        yield f"Seconds are replies of {miss['model'].split('@')[0]} ({miss['prompt_tokens']} tokens read, {miss['written_tokens']} written); a prompt then takes"
        yield f"{number(effective['mean_ms'])} ms in the mean, {number(effective['median_ms'])} in the median, and a look is {100 * miss['look_share']:.2f} % of a reply."
    yield ""
    yield from table(["cache", "calls saved", "daily", "continuation", "summary", "wrong", "seconds saved"], rows)


def workflow(report):
    flow = report.get("workflow")
    if flow:
        yield "### A day, a week"
        yield ""
        yield f"Entries of {flow['words']} words, median milliseconds; plain is {flow['plain']}."
        yield ""
        for title, one in (("An entry of the day", flow["daily"]), ("A look back at seven entries", flow["weekly"])):
            rows = [(p["name"], number(p["optimised"]["p50_ms"]), number(p["plain"]["p50_ms"]), p["optimised"]["n"]) for p in one["phases"] + [one["total"]]]
            yield from table([title, "Companion", "plain", "n"], rows)
            yield f"The plain way takes {ratio(one['speedup'])} times as long; memory at most {size(one['peak_rss_bytes'])}."
            yield ""
    quality = report.get("summaries")
    if quality:
        yield f"Summaries against the references of {quality['set']}, {quality['texts']} texts; F1 in percent, 95 % intervals."
        yield ""
        yield from table(["", "ROUGE-1", "ROUGE-2", "ROUGE-L"], [(w["way"], mean(w["rouge_1"]), mean(w["rouge_2"]), mean(w["rouge_l"])) for w in quality["ways"]])


def journal(report):
    rows = []
    if report.get("encoder"):
        e = report["encoder"]
        rows += [("encoder: ready", e["load"]), ("encoder: 9-token sentence", e["short"]), ("encoder: 200-word text", e["long"])]
    if report.get("journal"):
        j = report["journal"]
        names = [("unlock and open (key file)", "open"), ("save one entry, durable", "add"), ("list the latest 20", "list"), ("full-text search", "full_text"),
                 ("vector search", "vector"), ("hybrid search", "hybrid")]  # fmt: skip
        rows += [(f"{name}, {j['entries']} entries", j.get(key)) for name, key in names]
    if report.get("startup"):
        s = report["startup"]
        names = [("`companion version`", "version"), ("`companion new --no-analysis`", "new_saved"), ("`companion new`", "new_analysed"), ("`companion list --limit 20`", "list"),
                 ("`companion search`", "search")]  # fmt: skip
        rows += [(f"whole program: {name}", s.get(key)) for name, key in names]
    if rows:
        yield "### Encoder, journal, program"
        yield ""
        yield from times(rows)


def loading(report):
    loads = (report.get("startup") or {}).get("loads") or []
    if loads:
        yield "### Loading"
        yield ""
        rows = []
        for load in loads:
            name = load["model"].split("@")[0]
            rows += [(f"{name}: open, file in the page cache", load["warm"]), (f"{name}: open and first answer", load["warm_ready"]),
                     (f"{name}: the same, file on the disk", load["cold_ready"])]  # fmt: skip
        yield from times(rows)
        read = ", ".join(f"{load['model'].split('@')[0]} {size(load['cold_read_bytes'])} for {size(load['weights_bytes'])} of weights" for load in loads)
        yield f"Read from the disk where the file lay there alone: {read}."
        yield ""


def peers(report):
    for file in report.get("peers") or []:
        yield f"### Beside peers: {file['work']}"
        yield ""
        about = [file.get(key) for key in ("when", "commit", "cpu")]
        if any(about):
            yield "Measured " + ", ".join(str(part) for part in about if part) + "."
            yield ""
        for note in file.get("notes") or []:
            yield f"{note}"
            yield ""
        rows = []
        for c in file["contestants"]:
            for f in c["figures"]:
                ratio = f.get("companion_times_as_fast")
                times_as_fast = "" if ratio is None else f"{ratio:.2f}"
                s = f["spread"]
                name = f["name"] + (f", {f['note']}" if f.get("note") else "")
                rows.append((c["name"], name, number(s["median"]), f"{number(s['min'])} to {number(s['max'])}", s["n"], times_as_fast))
        yield from table(["", "figure", "median", "spread", "n", "Companion at as many bits is × as fast"], rows)


def absences(report):
    for what, why in (report.get("not_measured") or {}).items():
        yield f"- {what}: not measured ({why})"
    for warning in report.get("warnings") or []:
        yield f"- warning: {warning}"
    yield ""


def sum_up():
    record = newest()
    report = json.loads(record.read_text())
    m = report["machine"]
    load = "not measured" if m.get("load") is None else f"{m['load']:.1f}"
    lines = [f"`{record.relative_to(ROOT)}`: {m['cpu']}, {m['cores']} cores, {m['system']}, load before {load}; companion {report['version']} at "
             f"{report['commit']}, {report['date']}{', quick: few samples' if report['quick'] else ''}{measured_in(report)}. Warm-up: {report['warm_up']}.", ""]  # fmt: skip
    for part in (absences, inference, machine_limits, quantization, batch, cache, workflow, journal, loading, peers):
        lines += part(report)
    page = PAGE.read_text()
    begin, end = (page.index(marker) for marker in MARKERS)
    text = "\n".join(lines).rstrip()
    PAGE.write_text(page[: begin + len(MARKERS[0])] + "\n" + text + "\n" + page[end:])
    print(f"{PAGE.relative_to(ROOT)} tells of {record.name}", file=sys.stderr)


def main():
    match sys.argv[1:]:
        case ["keep", path]:
            keep(path)
        case ["peers", path]:
            take_peers(path)
        case ["sum"]:
            sum_up()
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
