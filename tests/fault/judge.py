# SPDX-License-Identifier: Apache-2.0
"""The auditor of a chaos run. It reads the topic, OpenSearch, the bucket and the dead letters by its own means
and compares them with what the rules of the version by which a record was judged (the record tells) had to do.

I1  each record that is in the topic is in every sink of its version, or a dead letter
I2  what is somewhere was produced, byte for byte as far as its own bytes go
I3  nothing is where no version of the rules sent it that judged it; and a record that a commit says one sink has
    had (its position is beyond it) is judged for the others by the same version
I4  each commit found in __consumer_offsets is older than no confirmation of a record below it
I5  nor are the positions of the sinks beside it; and each object is of a plan that was recorded before

What a replica delivered that died before any commit told of it is judged again, maybe by newer rules: that is
counted, and no finding. Where the program says in its log that a version of the rules could not be had, all
begins at the committed offset: that is counted, too, and excuses what comes twice or is judged anew there.
I6  OpenSearch and S3 hold nothing twice; the webhook no more than what crashes explain"""
import array
import bisect
import re
import zlib

from tests.stack import s3

from . import history

EXAMPLES = 5
CLOCK = 0.002       # seconds by which two stamps of one clock may differ for their rounding
REQUEST = 5.0       # seconds that a request may last which was under way at a crash
KEY = re.compile(r"-(\d+)-(\d{20})-(\d{20})-([0-9a-f]+)(?:-r\d+)?\.ndjson")
FIELDS = re.compile(r'^\{"id":"([^"]+)","class":"(.)".*?"body":"([^"]*)","crc":"([0-9a-f]{8})"')
VERSION = re.compile(r'"version":"(\d+)"')


class Findings:
    def __init__(self):
        self.counts, self.examples = {}, {}

    def add(self, invariant, text):
        self.counts[invariant] = self.counts.get(invariant, 0) + 1
        some = self.examples.setdefault(invariant, [])
        if len(some) < EXAMPLES:
            some.append(text)

    def lines(self):
        for invariant in sorted(self.counts):
            yield f"{invariant}: {self.counts[invariant]}"
            for text in self.examples[invariant]:
                yield f"    {text}"


class Topic:
    """The records that there are, as the broker has them: by partition and number, and by offset."""

    def __init__(self, broker, name, partitions):
        self.numbers = [{} for _ in range(partitions)]          # offset -> number
        self.kinds = [array.array("b") for _ in range(partitions)]
        self.copies = [array.array("B") for _ in range(partitions)]
        self.sizes = [array.array("H") for _ in range(partitions)]
        self.crcs = [array.array("L") for _ in range(partitions)]
        self.total = 0
        broker.read_each(name, self.take, 600)
        self.numbers = [array.array("l", (n[o] for o in sorted(n))) if set(n) == set(range(len(n))) else n
                        for n in self.numbers]

    def take(self, records):
        for one in records:
            p, number = (int(part) for part in history.BYTES_ID.search(one.value).groups())
            assert p == one.partition
            kinds = self.kinds[p]
            if number >= len(kinds):
                more = number + 1024 - len(kinds)
                for column in (kinds, self.copies[p], self.sizes[p], self.crcs[p]):
                    column.extend([0] * more)
            kinds[number] = history.CLASSES.index(chr(one.value[one.value.index(b'"class":"') + 9]))
            self.copies[p][number] += 1
            self.sizes[p][number] = len(one.value) - 1
            self.crcs[p][number] = zlib.crc32(one.value[:-1])
            self.numbers[p][one.offset] = number
            self.total += 1

    def kind(self, p, number):
        return history.CLASSES[self.kinds[p][number]]

    def has(self, p, number):
        return p < len(self.kinds) and number < len(self.kinds[p]) and self.copies[p][number] > 0


class Copies:
    """What one sink has of each record: how often, and by which versions of the rules it was judged."""

    def __init__(self, topic):
        self.count = [array.array("H", bytes(2 * len(kinds))) for kinds in topic.kinds]
        self.version = [array.array("L", bytes(8 * len(kinds))) for kinds in topic.kinds]   # the first seen
        self.others = {}                    # (p, number) -> set of further versions

    def add(self, p, number, version):
        self.count[p][number] += 1
        if not self.version[p][number]:
            self.version[p][number] = version
        elif self.version[p][number] != version:
            self.others.setdefault((p, number), set()).add(version)


class Judge:
    def __init__(self, world, seed, versions_made, partitions, arrivals, commits):
        self.versions_made = versions_made
        self.world, self.seed, self.arrivals, self.commits = world, seed, arrivals, commits
        self.partitions = partitions
        self.findings = Findings()
        self.table = {}

    # ---- reading ----

    def read(self, alerts):
        """alerts: [(webhook-id, [(text of a record)])], one entry for each webhook-id"""
        self.topic = Topic(self.world.broker, self.world.topic, self.partitions)
        self.copies = {sink: Copies(self.topic) for sink in history.SINKS}
        self.letters = {}                   # (p, number) -> (first time, version, how many)
        self.objects = []                   # (partition, first, last, key)
        self.object_version = {}            # by key
        self.read_letters()
        for _, _, source in self.world.search.documents(self.world.indexes):
            self.delivered("search", source)
        for key in self.world.store.keys(self.world.bucket):
            self.read_object(key)
        for texts in alerts.values():
            for p, number, version in texts:
                if self.topic.has(p, number):
                    self.copies["alerts"].add(p, number, version)
                else:
                    self.findings.add("I2 invented", f"alerts: c{p}-{number:08d} was never produced")

    def read_letters(self):
        for letter in self.world.letters():
            headers = dict(letter.headers)
            match = history.BYTES_ID.search(letter.value)
            if headers["sluice-sink"] != b"search" or not match:
                self.findings.add("I3 not chosen", f"a dead letter of {headers['sluice-sink'].decode()}")
                continue
            p, number = int(match[1]), int(match[2])
            if zlib.crc32(letter.value[:-1]) != self.topic.crcs[p][number]:
                self.findings.add("I2 invented", f"the dead letter of c{p}-{number:08d} is another record")
            version = int(re.match(r"v(\d+)-", headers["sluice-rule"].decode())[1])
            first, _, n = self.letters.get((p, number), (letter.timestamp / 1000, 0, 0))
            self.letters[p, number] = (min(first, letter.timestamp / 1000), version, n + 1)

    def delivered(self, sink, source):
        """A record as parsed JSON."""
        problem = content_problem(source)
        p, number = (int(part) for part in re.match(r"c(\d+)-(\d+)", source["id"]).groups())
        if problem or not self.topic.has(p, number):
            self.findings.add("I2 invented", f"{sink}: {source['id']}: {problem or 'was never produced'}")
            return
        self.copies[sink].add(p, number, int(source["version"]))

    def read_object(self, key):
        headers, data = self.world.store.get(self.world.bucket, key)
        for problem in s3.checksum_problems(headers, data):
            self.findings.add("I2 invented", f"{key}: {problem}")
        match = KEY.search(key)
        self.objects.append((int(match[1]), int(match[2]), int(match[3]), key))
        for line in s3.unpack(key, data).split(b"\n")[:-1]:
            found = history.BYTES_ID.search(line)
            p, number = int(found[1]), int(found[2])
            if not self.topic.has(p, number):
                self.findings.add("I2 invented", f"archive: {line[:60]!r} was never produced")
                continue
            if zlib.crc32(line[:self.topic.sizes[p][number]]) != self.topic.crcs[p][number]:
                self.findings.add("I2 invented", f"archive: c{p}-{number:08d} has other bytes")
            version = int(VERSION.search(line.decode())[1])
            self.copies["archive"].add(p, number, version)
            if self.object_version.setdefault(key, version) != version:
                self.findings.add("I3 two versions", f"{key} has records of versions {version} and "
                                  f"{self.object_version[key]}")

    # ---- judging ----

    def judge(self, acknowledged, webhook_bound, crashes, put, void):
        """put: {key: when the store had it}; void: partitions whose positions did not count for once."""
        self.lines_beside = {}
        for commit in self.commits.seen:
            self.lines_beside[commit] = history.Line(commit)
        self.void = void
        self.table["positions void (partitions)"] = len(void)
        self.table["judged again after a crash"] = 0
        self.plan()
        self.promised = self.promises()
        self.outcomes()
        for p, column in enumerate(acknowledged):
            for number, acked in enumerate(column):
                if acked and not self.topic.has(p, number):
                    self.findings.add("broker", f"c{p}-{number:08d} was acknowledged and is not in the topic")
        self.duplicates(webhook_bound, crashes)
        self.judge_commits()
        self.judge_plans(put)

    def plan(self):
        """The plans that commits recorded, and by them which hash of rules is which version."""
        self.plans, self.rules = {}, {}
        for commit, line in self.lines_beside.items():
            at, end = line.positions.get("archive", (0, None))
            if end is not None:
                self.plans.setdefault((commit.partition, at, end - 1), (commit.at, line.era(at)))
        for p, first, last, key in self.objects:
            _, rules = self.plans.get((p, first, last), (0, None))
            version = self.object_version.get(key)
            if rules and version and self.rules.setdefault(rules, version) != version:
                self.findings.add("I3 two versions", f"{key} is of version {version}, and the commit that named it says "
                                  f"{rules}, which is version {self.rules[rules]} elsewhere")

    def promises(self):
        """By partition {offset: version} for records that a commit says some sink had had, and others not."""
        found = [{} for _ in range(self.partitions)]
        upto = [0] * self.partitions
        for commit, line in self.lines_beside.items():
            p = commit.partition
            far = max([at for at, _ in line.positions.values()] + [commit.offset])
            for offset in range(max(upto[p], commit.offset), far):
                found[p][offset] = self.rules.get(line.era(offset))
            upto[p] = max(upto[p], far)
        return found

    def versions(self, p, number):
        """By which versions of the rules it was judged, wherever it is."""
        found = set()
        for copies in self.copies.values():
            if copies.version[p][number]:
                found.add(copies.version[p][number])
                found |= copies.others.get((p, number), set())
        if (p, number) in self.letters:
            found.add(self.letters[p, number][1])
        return found

    def outcomes(self):
        """I1 and I3, and for I4 when each record was settled at each sink."""
        self.offset_of = [{number: offset for offset, number in
                           (sorted(n.items()) if isinstance(n, dict) else enumerate(n))} for n in self.topic.numbers]
        self.settled = {sink: [array.array("d", bytes(8 * len(kinds))) for kinds in self.topic.kinds]
                        for sink in history.SINKS}
        lost = 0
        for p, kinds in enumerate(self.topic.kinds):
            for number in range(len(kinds)):
                if self.topic.copies[p][number]:
                    lost += self.outcome(p, number)
        self.table["records"], self.table["lost"] = self.topic.total, lost

    def outcome(self, p, number):
        """1 when the record is lost to some sink."""
        name, kind = f"c{p}-{number:08d}", self.topic.kind(p, number)
        found = self.versions(p, number)
        if not found:
            if kind == history.DROPPED:
                return 0
            self.findings.add("I1 lost", f"{name} ({kind}) is nowhere")
            self.settled["archive"][p][number] = float("inf")
            return 1
        have = {sink for sink in history.SINKS if self.copies[sink].count[p][number]}
        letter = self.letters.get((p, number))
        if letter:
            have.add("search")
        # Who is told 409 keeps the document of who came first: a version of which nothing else shows.
        hidden = {v for v in range(1, self.versions_made + 1)
                  if history.targets(self.seed, v, kind) == {"search"}} if "search" in have else set()
        promised = self.promised[p].get(self.offset_of[p].get(number))
        if promised and p not in self.void:
            if promised not in found | hidden:
                self.findings.add("I3 two versions", f"{name} ({kind}): a commit says version {promised}, it is "
                                  f"{sorted(found)}: {self.history_of(p, number)}")
            candidates = {promised}
        else:
            candidates = found | hidden
        if len(found) > 1:
            self.table["judged again after a crash"] += 1
        if have - frozenset().union(*(history.targets(self.seed, v, kind) for v in found)):
            self.findings.add("I3 not chosen", f"{name} ({kind}), version {sorted(found)}: "
                              f"{self.history_of(p, number)}")
        targets = [history.targets(self.seed, v, kind) for v in sorted(candidates)]
        complete = [to for to in targets if to <= have]
        for sink in min(complete or targets, key=lambda to: self.last_arrival(p, number, to)):
            self.settled[sink][p][number] = self.last_arrival(p, number, {sink})
        if complete:
            return 0
        self.findings.add("I1 lost", f"{name} ({kind}), versions {sorted(candidates)}, is not in "
                          f"{sorted(min(targets, key=lambda to: len(to - have)) - have)}: {self.history_of(p, number)}")
        return 1

    def last_arrival(self, p, number, sinks):
        letter = self.letters.get((p, number))
        return max(letter[0] if letter and sink == "search" else self.arrivals.when(sink, p, number) or float("inf")
                   for sink in sinks)

    def history_of(self, p, number):
        """For people: where it is, since when and by which rules."""
        told = [f"{sink} {when:.3f} by v{self.copies[sink].version[p][number]}" for sink in history.SINKS
                if (when := self.arrivals.when(sink, p, number))]
        if (p, number) in self.letters:
            told.append("letter {:.3f} by v{}".format(*self.letters[p, number][:2]))
        return f"offset {self.offset_of[p].get(number)}: {'; '.join(told)}"

    def duplicates(self, webhook_bound, crashes):
        """crashes: (from, to) of the times whose deliveries may not have been committed."""
        twice = dict.fromkeys(history.SINKS, 0)
        unexplained = 0
        for sink, copies in self.copies.items():
            for p, counts in enumerate(copies.count):
                expected = self.topic.copies[p]
                for number, have in enumerate(counts):
                    if have > expected[number]:
                        twice[sink] += have - expected[number]
                        if sink == "alerts":
                            unexplained += self.unexplained(p, number, crashes)
                        elif sink != "archive" or p not in self.void:
                            self.findings.add(f"I6 twice in {sink}", f"c{p}-{number:08d}: {have} times "
                                              f"(expected {expected[number]})")
        for sink in history.SINKS:
            self.table[f"duplicates in {sink}"] = twice[sink]
        self.table["bound of duplicates in alerts"] = int(webhook_bound)
        self.table["of these without a crash near"] = unexplained
        if twice["alerts"] > webhook_bound:
            self.findings.add("I6 twice in alerts", f"{twice['alerts']} times, not more than {webhook_bound:.0f}")
        self.table["objects"] = len(self.objects)
        self.table["cuts that overlap"] = self.overlapping()

    def unexplained(self, p, number, crashes):
        """1 when the webhook first had the record at no time at which something crashed."""
        when = self.arrivals.when("alerts", p, number)
        if any(begin <= when <= to + REQUEST for begin, to in crashes):
            return 0
        self.findings.add("I6 twice in alerts", f"c{p}-{number:08d}, delivered at {when:.3f}: no crash near")
        return 1

    def overlapping(self):
        """Pairs of neighbouring cuts of a partition of which one begins inside the other."""
        by_partition, n = {}, 0
        for p, first, last, key in self.objects:
            by_partition.setdefault(p, set()).add((first, last))
        for p, cuts in by_partition.items():
            if p in self.void:
                continue
            cuts = sorted(cuts)
            for a, b in zip(cuts, cuts[1:]):
                if b[0] <= a[1]:
                    n += 1
                    self.findings.add("I6 cuts overlap", f"partition {p}: {a} and {b}")
        return n

    def lines(self, sink):
        """By partition and offset: when the last of the records below the offset was settled at the sink."""
        found = []
        for p, numbers in enumerate(self.topic.numbers):
            at, line = 0.0, array.array("d", [0.0])
            offsets = range(len(numbers)) if not isinstance(numbers, dict) else sorted(numbers)
            for offset in offsets:
                at = max(at, self.settled[sink][p][numbers[offset]])
                line.extend([at] * (offset + 2 - len(line)))
            found.append(line)
        return found

    def judge_commits(self):
        """I4 and I5: at the commit's own time all below it, and below each sink's position, was settled."""
        lines = {sink: self.lines(sink) for sink in history.SINKS}
        backwards, last, positions = 0, {}, 0
        for commit, beside in self.lines_beside.items():
            where = beside.positions
            positions += len(where)
            for sink in history.SINKS:
                at, _ = where.get(sink, (commit.offset, None))
                self.justified("I4 commit", commit, sink, commit.offset, lines[sink][commit.partition])
                if at > commit.offset:
                    self.justified("I5 position", commit, sink, at, lines[sink][commit.partition])
            backwards += commit.offset < last.get(commit.partition, 0)
            last[commit.partition] = commit.offset
        for p, line in enumerate(lines["search"]):
            if last.get(p, 0) != len(line) - 1:
                self.findings.add("not finished", f"partition {p}: committed {last.get(p)}, end {len(line) - 1}")
        self.table["commits checked"] = len(self.commits.seen)
        self.table["positions checked"] = positions
        self.table["commits that went back"] = backwards
        if self.commits.deleted:
            self.findings.add("I4 commit", f"{self.commits.deleted} commits were deleted")

    def justified(self, name, commit, sink, offset, line):
        if offset >= len(line):
            self.findings.add(name, f"{commit}: {sink} at {offset} is past the topic's end")
        elif line[offset] > commit.at + CLOCK:
            first = bisect.bisect_right(line, commit.at + CLOCK) - 1
            self.findings.add(name, f"{commit}: {sink} at {offset}: offset {first} was settled "
                              f"{line[first + 1] - commit.at:.3f} s after it")

    def judge_plans(self, put):
        """Every object is of a cut that a commit named before the object was there."""
        unplanned = 0
        for p, first, last, key in self.objects:
            recorded = self.plans.get((p, first, last), (None,))[0]
            when = put.get(key)
            if recorded is None or (when is not None and recorded > when + CLOCK):
                unplanned += 1
                self.findings.add("I5 no plan", f"{key}, put at {when}: "
                                  f"{'no commit names it' if recorded is None else f'named at {recorded}'}")
        self.table["plans recorded"] = len(self.plans)
        self.table["objects without a plan"] = unplanned


def content_problem(source):
    """A record says itself what it has to be."""
    crc = history.crc_of(source["id"], source["class"], source["body"])
    return None if crc == source["crc"] else f"checksum {source['crc']}, not {crc}"
