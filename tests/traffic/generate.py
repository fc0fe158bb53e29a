#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Mixed log traffic, the same for the same seed: JSON server logs, JSON metrics, access-log lines, health
checks, stack traces, truncated JSON, and records whose `status` fits no mapping. Each record carries an
id of its own (r and eight digits), and each kind of record knows where the shipped routes/ send it.

    tests/traffic/generate.py --records 200000 --partitions 6 --out FOLDER

writes FOLDER/<partition>.tsv (key TAB value; no record holds a tab or a line break) and
FOLDER/expected.tsv (id, kind, partition).
"""
import argparse
import datetime
import pathlib
import random
import re
import sys
import zlib
from typing import NamedTuple

ID = re.compile(r"r\d{8}(?!\d)")

# kind of record -> (share in 1,000, the sinks that the shipped routes/ choose)
KINDS = {
    "server": (470, {"search", "archive"}),
    "warning": (60, {"search", "archive"}),
    "error": (20, {"search", "archive", "alerts"}),
    "debug": (100, {"archive"}),
    "metric": (110, {"search", "archive"}),
    "access": (170, {"archive"}),
    "access_5xx": (10, {"search", "archive"}),
    "health": (40, set()),
    "trace": (8, {"archive"}),              # plain text, no access line
    "truncated": (10, {"archive"}),
    "conflict": (2, {"search", "archive"}),  # `status` is an object: the index refuses it
}
REFUSED_BY_SEARCH = {"conflict"}

SERVICES = ["download-server", "tile-server", "catalog", "checkout", "image-pipeline", "search-api",
            "metrics-gateway", "auth"]
NOUNS = ["scene", "tile", "order", "mosaic", "footprint", "session", "archive", "thumbnail"]
VERBS = ["Downloaded", "Rendered", "Stored", "Queued", "Fetched", "Indexed", "Validated", "Expired"]
ENDINGS = ["from cache", "in the usual place", "after a retry", "for the first time",
           "with \\\"quotes\\\" and a back\\\\slash", "für Zoë – 東京", "without the optional band"]
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "curl/7.88.1",
          "python-requests/2.28.1", "Go-http-client/2.0"]
METRICS = ["image_download", "tile_render", "order_placed", "cache_hit", "login"]


class Record(NamedTuple):
    id: str
    kind: str
    key: str
    value: str

    @property
    def sinks(self):
        return KINDS[self.kind][1]

    @property
    def is_json(self):
        return self.kind not in ("access", "access_5xx", "trace", "truncated")


def _stamp(start, number):
    """Ten records a second: a run of 200,000 spans five and a half hours of log."""
    moment = start + datetime.timedelta(milliseconds=100 * number)
    return moment


class _Maker:
    def __init__(self, seed, start):
        self.random = random.Random(seed)
        self.start = start

    def user(self):
        # Few users make most of the traffic, as everywhere.
        return int(20000 * self.random.random() ** 6)

    def server(self, rid, stamp, level="info", status=None, path=None):
        r = self.random
        parts = [
            f'{{"id":"{rid}","timestamp":"{stamp.isoformat(timespec="milliseconds")}Z","level":"{level}"',
            f'"service":"{r.choice(SERVICES)}"',
            f'"message":"{r.choice(VERBS)} {r.choice(NOUNS)} {r.randrange(10**6)} {r.choice(ENDINGS)}"',
            f'"request_id":"{r.getrandbits(64):016x}"',
            f'"user":{{"id":{self.user()},"plan":"{r.choice(("free", "team", "enterprise"))}"}}',
            f'"status":{status or r.choice((200, 200, 200, 201, 204, 304, 404))}',
            f'"duration_ms":{r.randrange(1, 90000) / 16}',
        ]
        if path or r.random() < 0.5:
            parts.append(f'"path":"{path or "/v1/" + r.choice(NOUNS) + "/" + str(r.randrange(10**5))}"')
        if r.random() < 0.4:
            parts.append(f'"k8s":{{"pod":"{r.choice(SERVICES)}-{r.getrandbits(32):08x}",'
                         f'"node":"ip-10-0-{r.randrange(256)}-{r.randrange(256)}","restarts":{r.randrange(4)}}}')
        if r.random() < 0.3:
            parts.append(f'"tags":["{r.choice(NOUNS)}","{r.choice(NOUNS)}"]')
        if r.random() < 0.2:
            # Spellings that a rebuilt document would lose.
            parts.append(f'"cost": {r.randrange(1000)}.{r.randrange(10)}0 , "ratio":1e-{r.randrange(1, 9)}')
        return ",".join(parts) + "}"

    def warning(self, rid, stamp):
        return self.server(rid, stamp, "warn")

    def error(self, rid, stamp):
        return self.server(rid, stamp, "error", self.random.choice((500, 502, 503)))

    def debug(self, rid, stamp):
        return self.server(rid, stamp, "debug")

    def health(self, rid, stamp):
        return self.server(rid, stamp, path=self.random.choice(("/healthz", "/health", "/health/live")))

    def conflict(self, rid, stamp):
        return self.server(rid, stamp, status='{"code":200,"text":"OK"}')

    def truncated(self, rid, stamp):
        text = self.server(rid, stamp)
        return text[:self.random.randrange(60, len(text) - 5)]

    def metric(self, rid, stamp):
        r = self.random
        return (f'{{"kind":"metric","id":"{rid}","name":"{r.choice(METRICS)}",'
                f'"ts":{int(stamp.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000)},'
                f'"service":"{r.choice(SERVICES)}","value":{r.randrange(1, 10**7) / 8},'
                f'"unit":"{r.choice(("ms", "bytes", "1"))}","dimensions":{{"region":"eu-west-1",'
                f'"customer":"c{self.user()}","zoom":{r.randrange(22)}}},"image_size":{r.randrange(5000)}}}')

    def access(self, rid, stamp, status=None):
        r = self.random
        return (f'10.{r.randrange(256)}.{r.randrange(256)}.{r.randrange(1, 255)} - u{self.user()} '
                f'[{stamp:%d/%b/%Y:%H:%M:%S} +0000] "GET /{r.choice(NOUNS)}/{r.randrange(10**6)}.png?rid={rid} '
                f'HTTP/1.1" {status or r.choice((200, 200, 200, 301, 304, 404))} {r.randrange(10**6)} '
                f'"https://example.org/{r.choice(NOUNS)}" "{r.choice(AGENTS)}"')

    def access_5xx(self, rid, stamp):
        return self.access(rid, stamp, self.random.choice((500, 502, 503, 504)))

    def trace(self, rid, stamp):
        r = self.random
        return (f'Traceback of {rid}: worker {r.randrange(64)} gave up on {r.choice(NOUNS)} '
                f'{r.randrange(10**6)}; last frame render.py line {r.randrange(900)}')


def default_start():
    return datetime.datetime(2026, 1, 15, 8, 0, 0)


def generate(seed, count, start=None):
    """Yields `count` records."""
    maker = _Maker(seed, start or default_start())
    names, weights = list(KINDS), [share for share, _ in KINDS.values()]
    kinds = maker.random.choices(names, weights, k=count)
    for number, kind in enumerate(kinds):
        rid = f"r{number:08d}"
        value = getattr(maker, kind)(rid, _stamp(maker.start, number))
        yield Record(rid, kind, f"k{maker.random.randrange(100000)}", value)


def partition_of(record, partitions):
    return zlib.crc32(record.key.encode()) % partitions


def write(folder, records, partitions):
    """Writes one file a partition; {partition: path}."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {p: folder / f"{p}.tsv" for p in range(partitions)}
    lines = {p: [] for p in range(partitions)}
    with open(folder / "expected.tsv", "w", encoding="utf-8") as expected:
        for record in records:
            partition = partition_of(record, partitions)
            lines[partition].append(f"{record.key}\t{record.value}\n")
            expected.write(f"{record.id}\t{record.kind}\t{partition}\n")
    for p, path in paths.items():
        path.write_text("".join(lines[p]), encoding="utf-8")
    return {p: path for p, path in paths.items() if lines[p]}


def expected_by_sink(kinds):
    """{kind: count} -> {sink: records that must be routed to it}"""
    totals = {"search": 0, "archive": 0, "alerts": 0}
    for kind, count in kinds.items():
        for sink in KINDS[kind][1]:
            totals[sink] += count
    return totals


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--records", type=int, default=200_000)
    options.add_argument("--partitions", type=int, default=6)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--out", required=True, help="folder")
    options.add_argument("--start", help="time of the first record, as 2026-01-15T08:00:00")
    arguments = options.parse_args()
    start = datetime.datetime.fromisoformat(arguments.start) if arguments.start else None
    paths = write(arguments.out, generate(arguments.seed, arguments.records, start), arguments.partitions)
    size = sum(path.stat().st_size for path in paths.values())
    print(f"{arguments.records} records, {size >> 20} MiB, {len(paths)} partitions", file=sys.stderr)


if __name__ == "__main__":
    main()
