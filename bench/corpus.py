#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The corpus that bench/run measures with: 80 % JSON server logs, 20 % access lines, about 400 bytes each (or of one of
SIZES), the same for the same seed. One value a line, one file a partition. Each record holds the marker `seq=0000000000.`
once, its number, by which bench/receiver knows it whatever it is wrapped in.

    bench/corpus.py --records 500000 --partitions 64 --out FOLDER
"""
import argparse
import pathlib
import random
import sys

LEVELS = ["debug"] * 120 + ["info"] * 780 + ["warn"] * 70 + ["error"] * 28 + ["fatal"] * 2
WORDS = """request served cache miss hit upstream timeout retry connection pool checkout token session render tile
scene download mosaic footprint catalog index segment flush replica leader partition offset commit batch queue
worker thread heap collection pause latency budget deadline circuit breaker limit quota tenant account invoice
payment gateway webhook signature verified rejected accepted stored archived""".split()
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
          "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Mobile",
          "okhttp/4.12.0", "Go-http-client/2.0", "python-requests/2.31.0"]
SIZES = ("100 B", "400 B", "4 KB")
REGIONS = ["eu-west-1", "us-east-1", "ap-southeast-2"]


class Corpus:
    def __init__(self, seed, a_request=1):
        """a_request: so many records share a trace_id, among the records of 500 other requests."""
        self.random, self.a_request, self.open = random.Random(seed), a_request, []
        self.services = [f"svc-{self.random.choice(WORDS)}-{n:03d}" for n in range(200)]

    def user(self):
        return int(1_000_000 * self.random.random() ** 8)     # a few make most of the traffic

    def words(self, least, most):
        r = self.random
        return " ".join(r.choices(WORDS, k=r.randrange(least, most)))

    def trace(self):
        r = self.random
        if self.a_request == 1:
            return f"{r.getrandbits(128):032x}"
        while len(self.open) < 500:
            self.open.append([f"{r.getrandbits(128):032x}", r.randrange(1, 2 * self.a_request)])
        at = r.randrange(len(self.open))
        self.open[at][1] -= 1
        return self.open[at][0] if self.open[at][1] else self.open.pop(at)[0]

    def json(self, n):
        r = self.random
        seconds = n // 100
        text = (f'{{"timestamp":"2026-01-15T{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:'
                f'{seconds % 60:02d}.{n % 1000:03d}Z","level":"{r.choice(LEVELS)}",'
                f'"service":"{self.services[int(200 * r.random() ** 2)]}","host":"ip-10-{r.randrange(8)}-'
                f'{r.randrange(256)}-{r.randrange(256)}","region":"{r.choice(REGIONS)}",'
                f'"message":"{self.words(12, 24)} id={r.getrandbits(40):x} took={r.randrange(5000)}ms seq={n:010d}.",'
                f'"user_id":{self.user()},"trace_id":"{self.trace()}"')
        if r.random() < 0.5:
            text += (f',"http":{{"method":"{r.choice(("GET", "GET", "GET", "POST"))}","path":"/v1/'
                     f'{r.choice(WORDS)}/{r.randrange(10**6)}","status":{r.choice((200, 200, 200, 204, 404, 500))},'
                     f'"bytes":{r.randrange(10**6)}}}')
        if r.random() < 0.35:
            text += (f',"k8s":{{"namespace":"prod","pod":"{r.choice(WORDS)}-{r.getrandbits(32):08x}",'
                     f'"restarts":{r.randrange(3)}}}')
        if r.random() < 0.25:
            text += f',"tags":["{r.choice(WORDS)}","{r.choice(WORDS)}","{r.choice(WORDS)}"]'
        return text + "}"

    def access(self, n):
        r = self.random
        seconds = n // 100
        return (f'{r.randrange(1, 224)}.{r.randrange(256)}.{r.randrange(256)}.{r.randrange(1, 255)} - u{self.user()} '
                f'[15/Jan/2026:{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d} +0000] "GET '
                f'/{r.choice(WORDS)}/{r.choice(WORDS)}/{r.randrange(10**7)}?session={r.getrandbits(64):016x} '
                f'HTTP/1.1" {r.choice((200, 200, 200, 304, 404, 502))} {r.randrange(10**6)} '
                f'"https://www.example.org/{r.choice(WORDS)}/{r.choice(WORDS)}" "{r.choice(AGENTS)}" '
                f'rt={r.randrange(10**6) / 10**6:.6f} upstream={self.words(3, 7).replace(" ", "-")} '
                f'seq={n:010d}.')

    def short(self, n):
        r = self.random
        return (f'{{"level":"{r.choice(LEVELS)}","service":"{self.services[int(200 * r.random() ** 2)]}",'
                f'"message":"{self.words(2, 4)} seq={n:010d}."}}')

    def long(self, n):
        """A record with what a stack trace adds."""
        frames = "".join(f"\\n\\tat com.example.{self.words(1, 2)}.{self.words(1, 2)}.{self.words(1, 2)}(File.java:{n % 997})"
                         for _ in range(70))
        return f'{self.json(n)[:-1]},"stack_trace":"java.lang.IllegalStateException: {self.words(5, 9)}{frames}"}}'

    def record(self, n, size="400 B"):
        if size != "400 B":
            return self.short(n) if size == "100 B" else self.long(n)
        return self.access(n) if self.random.random() < 0.2 else self.json(n)


def write(folder, records, partitions, seed=42, a_request=1, size="400 B"):
    """{partition: path}; and the number of bytes of values."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    corpus, lines = Corpus(seed, a_request), [[] for _ in range(partitions)]
    for n in range(records):
        lines[n % partitions].append(corpus.record(n, size))
    paths, total = {}, 0
    for partition, own in enumerate(lines):
        text = "\n".join(own) + "\n"
        total += len(text) - len(own)
        paths[partition] = folder / f"{partition}.txt"
        paths[partition].write_text(text)
    return paths, total


def main():
    options = argparse.ArgumentParser(description=__doc__,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--records", type=int, default=500_000)
    options.add_argument("--partitions", type=int, default=64)
    options.add_argument("--seed", type=int, default=42)
    options.add_argument("--a-request", type=int, default=1, help="records that share a trace_id, on average")
    options.add_argument("--size", choices=SIZES, default="400 B")
    options.add_argument("--out", required=True)
    arguments = options.parse_args()
    _, size = write(arguments.out, arguments.records, arguments.partitions, arguments.seed, arguments.a_request,
                    arguments.size)
    print(f"{arguments.records} records, {size} bytes, mean {size / arguments.records:.0f}", file=sys.stderr)


if __name__ == "__main__":
    main()
