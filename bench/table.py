# SPDX-License-Identifier: Apache-2.0
"""What bench/run writes: one table as text, CSV and SVG plots, and its place in bench/README.md."""
import csv
import html
import pathlib
import re
import statistics

COLUMNS = ("case", "round", "rate", "raw", "cpu", "raw_cpu", "rss", "bytes", "ratio", "goal")
BEGIN, END = "<!-- bench/run: begin -->", "<!-- bench/run: end -->"


class Rounds:
    """rounds.csv: a line a run, written as soon as it has ended, so that a stopped bench loses nothing."""

    def __init__(self, path):
        self.path = path
        if not path.exists():
            with open(path, "w", newline="") as out:
                csv.DictWriter(out, COLUMNS).writeheader()

    def add(self, **line):
        with open(self.path, "a", newline="") as out:
            csv.DictWriter(out, COLUMNS).writerow({**dict.fromkeys(COLUMNS, ""), **line})

    def read(self):
        """{case: [lines]} in the order of their first appearance; figures are numbers or None."""
        found = {}
        with open(self.path, newline="") as lines:
            for line in csv.DictReader(lines):
                numbers = {k: float(v) if v else None for k, v in line.items() if k != "case"}
                found.setdefault(line["case"], []).append(numbers)
        return found


def of(lines, figure):
    return [x for x in map(figure, lines) if x is not None]


def spread(values, digits=0, suffix=""):
    """median (least-most)"""
    if not values:
        return ""
    return (f"{statistics.median(values):,.{digits}f}{suffix} "
            f"({min(values):,.{digits}f}-{max(values):,.{digits}f})")


def share(line):
    """Of the raw consume of the same round, right before it: a slow minute hits both."""
    return line["rate"] / line["raw"] * 100 if line["raw"] else None


def rows(found):
    for case, lines in found.items():
        shares, goal = of(lines, share), lines[0]["goal"]
        told = ""
        if goal and shares:
            told = f"{goal:.0%}: {'met' if statistics.median(shares) >= goal * 100 else 'not met'}"
        per_gb = of(lines, lambda x: x["cpu"] / x["bytes"] * 1e9 if x["bytes"] else None)
        yield (case, spread(of(lines, lambda x: x["rate"] / 1e3)), spread(shares, suffix="%"), told,
               spread(of(lines, lambda x: x["cpu"] * 1e6), 2), spread(per_gb, 2),
               spread(of(lines, lambda x: x["rss"] / 2 ** 20 if x["rss"] else None)),
               spread(of(lines, lambda x: x["ratio"]), 1))


HEADS = ("case", "1,000 records/s", "share of raw", "goal", "CPU us/record", "CPU s/GB", "peak RSS, MiB", "ratio")


def markdown(found):
    lines = [f"| {' | '.join(HEADS)} |", "|" + "---|" * len(HEADS)]
    lines += [f"| {' | '.join(row)} |" for row in rows(found)]
    return "\n".join(lines) + "\n"


def plot(found, figure, title, unit):
    """Bars from 0 to the median, with a line from the least to the most."""
    bars = [(case, of(lines, figure)) for case, lines in found.items()]
    bars = [(case, values) for case, values in bars if values]
    if not bars:
        return None
    left, width, height = 250, 520, 22
    top = max(max(values) for _, values in bars)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 90}" height="{len(bars) * height + 50}" '
             'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
             f'<text x="8" y="20" font-size="14">{html.escape(title)}</text>']
    for i, (case, values) in enumerate(bars):
        y, x = 34 + i * height, [left + v / top * width for v in (min(values), statistics.median(values), max(values))]
        parts.append(f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{html.escape(case)}</text>'
                     f'<rect x="{left}" y="{y}" width="{x[1] - left:.1f}" height="15" fill="#4878a8"/>'
                     f'<line x1="{x[0]:.1f}" x2="{x[2]:.1f}" y1="{y + 7}" y2="{y + 7}" stroke="black"/>'
                     f'<text x="{x[2] + 6:.1f}" y="{y + 12}">{statistics.median(values):,.4g}{unit}</text>')
    return "\n".join(parts) + "\n</svg>\n"


PLOTS = {"rate": (lambda x: x["rate"] / 1e3, "1,000 records a second", ""),
         "share": (share, "share of the raw consume of the same round", " %"),
         "cpu": (lambda x: x["cpu"] * 1e6, "CPU, us a record", "")}


def write(found, folder, about):
    """table.md, table.csv and plots in the folder; the table."""
    text = markdown(found)
    (folder / "table.md").write_text(about + "\n" + text)
    with open(folder / "table.csv", "w", newline="") as out:
        csv.writer(out).writerows([HEADS, *rows(found)])
    for name, (figure, title, unit) in PLOTS.items():
        drawn = plot(found, figure, title, unit)
        if drawn:
            (folder / f"{name}.svg").write_text(drawn)
    return text


def into_readme(readme, folder):
    """What is in the folder takes the place of what stood between the marks; the plots go beside the README."""
    text = readme.read_text()
    if BEGIN not in text or END not in text:
        raise ValueError(f"{readme} lacks the marks {BEGIN} and {END}")
    plots = readme.parent / "plots"
    plots.mkdir(exist_ok=True)
    shown = []
    for name in PLOTS:
        if (folder / f"{name}.svg").exists():
            (plots / f"{name}.svg").write_text((folder / f"{name}.svg").read_text())
            shown.append(f"![{PLOTS[name][1]}](plots/{name}.svg)")
    more = [path.read_text() for path in sorted(pathlib.Path(folder).glob("more-*.md"))]
    made = "\n".join([BEGIN, "", (folder / "table.md").read_text(), *shown, "", *more, END])
    readme.write_text(re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: made, text, flags=re.S))
