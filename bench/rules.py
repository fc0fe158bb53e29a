#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rule files for measurements, the same for the same seed:

    bench/rules.py --kind fields|regexes|rows --rules N --out FOLDER

  fields   conditions on one to three fields: equal, any of, prefix, a number, mostly with few rules a value
  regexes  one over `message` each, of six kinds: phrases, phrases with a number, without regard to case, access
           lines, those that begin with digits or a class, and those with a gap
  rows     a rule table over four columns: service, region, http.path (a glob), user_id; some cells are empty

Few records match, as in a stream where rules name what is rare: a walk then goes past all of them. Every rule
goes to the sink `out`.
"""
import argparse
import csv
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from bench.corpus import REGIONS, WORDS                                   # noqa: E402

# Words of rules that the corpus does not have: most of what rules look for is rare.
RARE = """denied refused corrupted mismatch expired unreachable deadlock overflow panic truncated malformed throttled
evicted stale orphaned unauthorized segfault checksum certificate handshake disconnected rollback aborted exhausted
misconfigured unavailable degraded forbidden duplicate skew overdue lockout tampered revoked unreadable starvation
backpressure preempted unresolved quarantined""".split()
KINDS = ("fields", "regexes", "rows")
# As often as performance asks for each: of 100.
REGEX_MIX = (("phrase", 35), ("template", 15), ("fold", 15), ("access", 10), ("digits", 10), ("gap", 15))


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def words(self, n, joint=" "):
        return joint.join(self.random.choice(WORDS) for _ in range(n))

    def rare(self, n):
        return " ".join(self.random.choice(RARE) for _ in range(n))

    def service(self):
        return f"svc-{self.random.choice(WORDS)}-{self.random.randrange(1000):03d}"

    def user(self):
        return self.random.randrange(10 ** 6)

    # ---- fields
    def field_rule(self, n):
        r, kind = self.random, n % 10
        if kind < 3:
            return {"service": self.service()}
        if kind < 5:
            return {"service": [self.service() for _ in range(3)], "level": r.choice(["error", "warn"])}
        if kind == 5:
            return {"user_id": self.user()}
        if kind == 6:
            return {"http.path": {"prefix": f"/v1/{r.choice(WORDS)}/{r.randrange(10 ** 4)}"}}
        if kind == 7:
            return {"service": self.service(), "http.status": {"gte": 500}}
        if kind == 8:
            return {"region": r.choice(REGIONS), "k8s.pod": {"prefix": f"{r.choice(WORDS)}-{r.randrange(4096):03x}"}}
        return {"host": f"ip-10-{r.randrange(8)}-{r.randrange(256)}-{r.randrange(256)}", "level": "error"}

    # ---- regexes
    def regex(self, kind):
        r = self.random
        if kind == "phrase":
            return f"{self.words(1)} {self.rare(2)}"
        if kind == "template":
            return f"{self.words(2)} id=[0-9a-f]+ took={r.randrange(5000)}ms"
        if kind == "fold":
            return rf"(?i)\b{self.words(2).title()} {self.random.choice(WORDS + RARE)}\b"
        if kind == "access":
            return rf'"GET /{r.choice(WORDS)}/{r.choice(WORDS)}/{r.randrange(1000)}\d*\?session=[0-9a-f]+ HTTP/1\.1" 5\d\d'
        if kind == "digits":
            return rf"[0-9a-f]{{6,}} took={r.randrange(10 ** 5)}m?s"
        return rf"{self.words(2)} .*{self.rare(1)} .*{r.choice(WORDS)}"

    def regex_rule(self):
        kinds, weights = zip(*REGEX_MIX)
        return {"message": {"regex": self.regex(self.random.choices(kinds, weights)[0])}}

    # ---- rows
    def row(self):
        r = self.random
        service, region = self.service(), r.choice(REGIONS)
        path, user = f"/v1/{r.choice(WORDS)}/{r.randrange(1000)}*", self.user()
        kind = r.randrange(4)
        return {"service": service if kind != 3 else "", "region": region if kind != 1 else "",
                "http.path *": path if kind != 0 else "", "user_id": user if kind in (0, 3) else ""}


def write(folder, kind, n, seed=7):
    """A folder with one rule file; n may be 0: then it has the one rule that takes all."""
    folder, made = pathlib.Path(folder), Generator(seed)
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "rows":
        with open(folder / "10-bench.csv", "w", newline="") as out:
            table = csv.writer(out, lineterminator="\n")
            table.writerow(["service", "region", "http.path *", "user_id", "to"])
            for _ in range(n):
                table.writerow([*made.row().values(), "out"])
        if n == 0:
            (folder / "10-bench.csv").unlink()
    else:
        rules = [made.field_rule(i) if kind == "fields" else made.regex_rule() for i in range(n)]
        lines = [f"  - {{ when: {json.dumps(when)}, to: out }}\n" for when in rules]
        if n:
            (folder / "10-bench.yaml").write_text("rules:\n" + "".join(lines))
    (folder / "90-rest.yaml").write_text("rules:\n  - { name: rest, to: out }\n")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--kind", choices=KINDS, required=True)
    options.add_argument("--rules", type=int, required=True)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--out", required=True)
    arguments = options.parse_args()
    write(arguments.out, arguments.kind, arguments.rules, arguments.seed)


if __name__ == "__main__":
    main()
