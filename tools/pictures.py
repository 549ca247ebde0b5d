#!/usr/bin/env python3
"""Makes the pictures of the documents: `companion metrics` as a terminal shows it, and the plots of a benchmark's report.

    python3 tools/pictures.py --companion target/release/companion --report target/benchmark.html

The first comes from a home that is made for it and thrown away: the sample entries of `examples/`, some requests, and replies by
`data/models/companion-tiny`, so its figures tell what the page looks like and not how fast a real model is. The second takes what
the report drew. Both are SVG with real text and nothing from outside. Needs Python alone, and the encoder below `--models`.
"""

import argparse
import fcntl
import html
import os
import pathlib
import pty
import re
import struct
import subprocess
import tempfile
import termios

ROOT = pathlib.Path(__file__).resolve().parents[1]
LARGEST = 200_000

# What is done before the page is shown: saves, searches, replies, a look back twice so that the cache has something to say.
LANGUAGE_MODEL = "companion-tiny"
NEW = ("walked to the lake with Ana #outside", "Tomasz turned the oar on the diagonal and it fits. #work", "scales, then the minuet twice")
WORK = (
    ["import", "examples/fortnight.jsonl"],
    *(["new", text] for text in NEW),
    *(["search", text] for text in ("learning to play as a grown-up", "a night at the hospital", "the drawings were wrong")),
    *(["reflect", number] for number in ("2", "3", "9", "12", "16")),
    *2 * [["summary", "--from", "2026-03-02", "--to", "2026-03-08"]],
    *2 * [["summary", "--from", "2026-03-09", "--to", "2026-03-15"]],
)

# A terminal: its size, and colours that read well on its own dark ground whatever page it stands on.
COLUMNS, ROWS = 100, 50
ADVANCE, LINE, SIZE, MARGIN, BAR = 7.8, 18, 13, 22, 38
MONOSPACE = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
GROUND, EDGE, INK, SOFT, BOLD = "#1b1d23", "#343842", "#d7dae0", "#8b919d", "#ffffff"
COLOURS = {31: "#f08a7b", 32: "#8fd18a", 33: "#e6c46a", 34: "#7fb4ea", 35: "#d9a0dd", 36: "#6fcbd1"}
ESCAPE = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])")

# Programs that are no browser may have no `system-ui`, and read no line height in `font`.
SANS = "system-ui,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif"

# The plots of the report that the picture holds: a section, and which of its plots.
PLOTS = (("Latency", 0), ("Latency", -1), ("Roofline", 0), ("Batch", 0), ("Cache", 0), ("Accuracy by bits", 0))
ACROSS, PLOT, GAP, PAD, CAPTION, LEGEND = 2, (420, 290), 18, 14, 26, 20
HEAD = 62
# A label beside a point: its height, and the width of one of its letters.
LABEL, LETTER = 10.5, 5.6
# What makes a model's name certain is for the report itself.
DIGEST = re.compile(r"@[0-9a-f]{6,}")


# --- the terminal -------------------------------------------------------------------------------------------------------


def in_terminal(command, env):
    """What a command writes to a terminal of `COLUMNS` columns, colours included."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    child = subprocess.Popen(command, stdin=its, stdout=its, stderr=subprocess.DEVNULL, env=env)
    os.close(its)
    said = b""
    while True:
        # Linux tells with an error, and not with an empty read, that the other side is closed.
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        said += part
    os.close(ours)
    if child.wait() != 0:
        raise SystemExit(f"{' '.join(command)}: exit code {child.returncode}")
    return said.decode().replace("\r\n", "\n").rstrip("\n")


def metrics(companion, models):
    """The page of `companion metrics` after the work above."""
    encoders = sorted(models.glob("minilm*"))
    if not encoders:
        raise SystemExit(f"no encoder in {models}; `make test-model` puts one there, or name another folder with --models")
    with tempfile.TemporaryDirectory() as home:
        (pathlib.Path(home) / "models").mkdir()
        for model in encoders:
            os.symlink(model.resolve(), f"{home}/models/{model.name}")
        env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COMPANION_NOW")}
        env |= {"COMPANION_HOME": home, "TERM": "xterm-256color"}
        first = (["model", "import", f"data/models/{LANGUAGE_MODEL}"], ["config", "set", "language.model", LANGUAGE_MODEL])
        for words in (*first, *WORK):
            subprocess.run([companion, *words], cwd=ROOT, env=env, check=True, capture_output=True)
        return in_terminal([companion, "metrics"], env)


def runs(line):
    """A line's pieces: column, text, colour, whether bold. Escapes other than colours are left out."""
    column, start, colour, bold = 0, 0, INK, False
    for escape in [*ESCAPE.finditer(line), None]:
        text = line[start : escape.start() if escape else len(line)]
        if text.strip():
            lead = len(text) - len(text.lstrip())
            yield column + lead, text.strip(), BOLD if bold and colour == INK else colour, bold
        column += len(text)
        if escape:
            start = escape.end()
            if escape[2] == "m":
                for code in map(int, filter(None, (escape[1] or "0").split(";"))):
                    if code == 0:
                        colour, bold = INK, False
                    elif code == 1:
                        bold = True
                    elif code == 2:
                        colour = SOFT
                    else:
                        colour = COLOURS.get(code, colour)


def words_of(text):
    """The pieces of a text between gaps of two blanks and more, with where they begin: a gap is a column of a table."""
    return [(piece.start(), piece[0]) for piece in re.finditer(r"\S+(?: \S+)*", text)]


def terminal_svg(said, command, note):
    """A terminal window with what a command said."""
    lines = said.split("\n")
    drawn = [run for line in lines for run in runs(line)]
    width = round(2 * MARGIN + max(column + len(text) for column, text, _, _ in drawn) * ADVANCE)
    height = BAR + MARGIN + len(lines) * LINE
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        f"<title>{html.escape(command)}</title>",
        f"<style>text{{font:{SIZE}px {MONOSPACE};fill:{INK};white-space:pre}}.b{{font-weight:bold}}</style>",
        f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="9" fill="{GROUND}" stroke="{EDGE}"/>',
        f'<path d="M1 {BAR}H{width - 1}" stroke="{EDGE}"/>',
        *(f'<circle cx="{MARGIN + 16 * i}" cy="{BAR / 2}" r="5" fill="{EDGE}"/>' for i in range(3)),
        f'<text x="{MARGIN + 54}" y="{BAR / 2 + 4.5}">$ {html.escape(command)}</text>',
        f'<text x="{width - MARGIN}" y="{BAR / 2 + 4.5}" text-anchor="end" style="fill:{SOFT};font-size:11px">{html.escape(note)}</text>',
    ]
    for number, line in enumerate(lines):
        y = BAR + MARGIN + 4 + number * LINE
        for column, text, colour, bold in runs(line):
            # Each piece stands in its column and has its width, whichever font the reader has.
            for offset, piece in words_of(text):
                look = ("" if colour == INK else f' style="fill:{colour}"') + (' class="b"' if bold else "")
                x, length = MARGIN + (column + offset) * ADVANCE, len(piece) * ADVANCE
                out.append(f'<text x="{x:.1f}" y="{y}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs"{look}>{html.escape(piece)}</text>')
    return "\n".join([*out, "</svg>", ""])


# --- the report ---------------------------------------------------------------------------------------------------------


def variables(style):
    """The colours of the page, light ones: what stands in its first `:root`."""
    return dict(re.findall(r"(--[a-z0-9]+): *([^;}]+)", re.search(r":root *{(.*?)}", style, re.S)[1]))


def plot_style(style, colours):
    """The page's rules for its plots with the colours put in: a picture is also shown by programs that know no variables."""
    wanted = re.compile(r"^(svg (text|\.[a-z]+)|\.(grid|axis|line|limit)|(path|circle)\b.*)$")
    plain = re.sub(r"@media[^{]*{(?:[^{}]*{[^{}]*})*[^{}]*}", "", style)
    rules = []
    for selectors, body in re.findall(r"([^{}]+){([^{}]*)}", plain):
        kept = [s.strip() for s in selectors.split(",") if wanted.match(s.strip())]
        if not kept:
            continue
        body = body.strip()
        if "var(--c)" in body:
            for name, colour in ((n[2:], c) for n, c in colours.items() if re.fullmatch(r"--c\d", n)):
                rules.append(f"{','.join(f'{s}.{name}' for s in kept)}{{{body.replace('var(--c)', colour)}}}")
        else:
            body = re.sub(r"var\((--[a-z0-9]+)\)", lambda m: colours[m[1]], body)
            body = body.replace("px/1 system-ui, sans-serif", f"px {SANS}")
            rules.append(f"{','.join(kept)}{{{body}}}")
    if not any("stroke" in rule for rule in rules):
        raise SystemExit("the report has other styles than this script knows")
    return "\n".join(rules)


def plots(page):
    """The plots of the picture: caption, drawing, legend."""
    sections = {part.split("</h2>")[0]: part for part in page.split("<h2>")[1:]}
    figure = re.compile(r"<figure><figcaption>(.*?)</figcaption>\s*<svg[^>]*>(.*?)</svg>(.*?)</figure>", re.S)
    for section, which in PLOTS:
        found = figure.findall(sections.get(section, ""))
        if not found:
            raise SystemExit(f"the report has no plot of {section}; was it made with `companion benchmark --all --html`?")
        caption, drawing, after = found[which]
        items = re.findall(r'<li class="(c\d)">(.*?)</li>', DIGEST.sub("", after))
        yield DIGEST.sub("", caption), apart(drawing), items


def apart(drawing):
    """The plot with each label beside a point at the nearest height where it lies on no other label."""
    label = re.compile(r'<text x="([\d.]+)" y="([\d.]+)" class="(end)? ?small">([^<]*)</text>')
    taken, heights = [], {}
    for found in sorted(label.finditer(drawing), key=lambda one: float(one[2])):
        x, y, width = float(found[1]), float(found[2]), LETTER * len(found[4])
        left, right = (x - width, x) if found[3] else (x, x + width)
        near = [base for other_left, other_right, base in taken if left < other_right and other_left < right]
        steps = sorted(range(-40, 41), key=abs)
        step = next((s for s in steps if all(abs(y + s - base) >= LABEL for base in near)), 0)
        taken.append((left, right, y + step))
        heights[found.start()] = found[0].replace(f'y="{found[2]}"', f'y="{y + step:.1f}"')
    return label.sub(lambda found: heights[found.start()], drawing)


def legend_svg(items, colours, x, y):
    """Names with a line of their colour before them, in one row."""
    out = []
    for name, text in items:
        out.append(f'<path d="M{x:.0f} {y - 4}h14" style="stroke:{colours["--" + name]};stroke-width:3"/><text x="{x + 19:.0f}" y="{y}">{text}</text>')
        x += 19 + 6.2 * len(html.unescape(text)) + 16
    return "".join(out)


def report_svg(page):
    """The chosen plots of a report as one picture."""
    style = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    colours = variables(style)
    about = re.search(r'<p class="about">(.*?)</p>', page, re.S)[1].split("<br>")[:2]
    about[1] = re.sub(r"(measured in [^:]*):.*", r"\1", about[1], flags=re.S)  # suite by suite is too long for a line
    card = (PLOT[0] + 2 * PAD, PLOT[1] + 2 * PAD + CAPTION + LEGEND)
    found = list(plots(page))
    width = ACROSS * card[0] + (ACROSS + 1) * GAP
    height = HEAD + -(-len(found) // ACROSS) * (card[1] + GAP)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        "<title>Companion, measured</title>",
        f"<style>{plot_style(style, colours)}\n.h{{font-size:15px!important;fill:{colours['--ink']}!important}}</style>",
        f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="9" fill="{colours["--paper"]}" stroke="{colours["--line"]}"/>',
        f'<text x="{GAP + PAD}" y="28" class="h">{about[0]}</text><text x="{GAP + PAD}" y="48">{about[1]}</text>',
    ]
    for number, (caption, drawing, items) in enumerate(found):
        x = GAP + number % ACROSS * (card[0] + GAP)
        y = HEAD + number // ACROSS * (card[1] + GAP)
        out += [
            f'<g transform="translate({x} {y})">',
            f'<rect width="{card[0]}" height="{card[1]}" rx="6" fill="{colours["--card"]}" stroke="{colours["--line"]}"/>',
            f'<text x="{PAD}" y="{PAD + 13}" class="h">{caption}</text>',
            f'<svg x="{PAD}" y="{PAD + CAPTION}" width="{PLOT[0]}" height="{PLOT[1]}" viewBox="0 0 {PLOT[0]} {PLOT[1]}">{drawing}</svg>',
            legend_svg(items, colours, PAD + 4, card[1] - PAD + 2),
            "</g>",
        ]
    return "\n".join([*out, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--companion", type=pathlib.Path, default=ROOT / "target/release/companion", help="the program")
    parser.add_argument("--models", type=pathlib.Path, default=ROOT / "target/test-home/models", help="the folder that holds the encoder")
    parser.add_argument("--report", type=pathlib.Path, required=True, help="what `companion benchmark --all --html FILE` wrote")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs/pictures")
    args = parser.parse_args()
    note = "sample entries, replies by a model of 3.5 million weights"
    pictures = {
        "metrics.svg": terminal_svg(metrics(args.companion.resolve(), args.models), "companion metrics", note),
        "report.svg": report_svg(args.report.read_text(encoding="utf-8")),
    }
    args.out.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        size = len(picture.encode())
        if size > LARGEST:
            raise SystemExit(f"{name} would have {size} bytes, more than {LARGEST}")
        (args.out / name).write_text(picture, encoding="utf-8")
        print(f"{args.out / name}: {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
