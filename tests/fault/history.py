# SPDX-License-Identifier: Apache-2.0
"""What happened in a chaos run, seen from outside: the records and what they say of themselves, the rules of
each version and where they send what, when each record arrived where, and every commit of the group, read
from the topic in which the brokers keep them."""
import array
import base64
import hashlib
import json
import random
import re
import struct
import threading
import time
import zlib
from typing import NamedTuple

SINKS = ("search", "archive", "alerts")
CLASSES = ("a", "b", "c", "d", "e", "f", "x", "z")
WEIGHTS = (20, 20, 15, 15, 10, 10, 1, 4)
REFUSED = "x"       # search refuses its `status`: a dead letter
DROPPED = "z"       # dropped by every version
ID = re.compile(r'"id":"c(\d+)-(\d{8})"')
BYTES_ID = re.compile(rb'"id":"c(\d+)-(\d{8})"')


# ---- records and rules ----------------------------------------------------------------------------

def crc_of(name, kind, body):
    return f"{zlib.crc32(f'{name}|{kind}|{body}'.encode()):08x}"


def record(partition, number, chance):
    """(class, value) of a new record. It tells who it is and bears a checksum of what it says."""
    kind = chance.choices(CLASSES, WEIGHTS)[0]
    name = f"c{partition}-{number:08d}"
    body = f"{chance.getrandbits(chance.randrange(200, 3000)):x}"
    status = '{"no":"number"}' if kind == REFUSED else "200"
    return kind, (f'{{"id":"{name}","class":"{kind}","service":"s{number % 3}","status":{status},'
                  f'"body":"{body}","crc":"{crc_of(name, kind, body)}"}}')


def targets(seed, version, kind):
    """Where version `version` of the rules sends records of a class: a fixed choice, at least one sink."""
    if kind == DROPPED:
        return frozenset()
    chance = random.Random(f"{seed}/{version}/{kind}")
    while True:
        chosen = frozenset(s for s in SINKS if chance.random() < (0.7 if s != "alerts" else 0.4))
        if kind == REFUSED:
            chosen |= {"search"}
        if chosen:
            return chosen


def rules(seed, version):
    """The rule file of a version: each record tells afterwards by which it was judged."""
    rows = []
    for kind in CLASSES:
        rule = {"name": f"v{version}-{kind}", "when": {"class": kind}}
        to = targets(seed, version, kind)
        rule.update({"set": {"version": str(version)}, "to": sorted(to)} if to else {"drop": True})
        rows.append(rule)
    return json.dumps({"rules": rows}, indent=1)


# ---- arrivals -------------------------------------------------------------------------------------

class Arrivals:
    """{sink: when each record was first confirmed}, by partition and number; 0: not yet."""

    def __init__(self, partitions):
        self.lock = threading.Lock()
        self.first = {s: [array.array("d") for _ in range(partitions)] for s in SINKS}
        self.count = dict.fromkeys(SINKS, 0)

    def note(self, sink, lines, when):
        with self.lock:
            for line in lines:
                match = BYTES_ID.search(line)
                if not match:
                    raise ValueError(f"{sink}: a record without id: {line[:200]!r}")
                times, number = self.first[sink][int(match[1])], int(match[2])
                if number >= len(times):
                    times.extend([0.0] * (number + 1024 - len(times)))
                if not times[number]:
                    times[number] = when
                    self.count[sink] += 1

    def when(self, sink, partition, number):
        times = self.first[sink][partition]
        return times[number] if number < len(times) else 0.0


# ---- commits --------------------------------------------------------------------------------------

class Commit(NamedTuple):
    at: float           # of the broker's clock, seconds
    partition: int
    offset: int
    metadata: str
    place: tuple        # partition and offset in __consumer_offsets


class _Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, code):
        size = struct.calcsize(code)
        value = struct.unpack_from(">" + code, self.data, self.at)[0]
        self.at += size
        return value

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take("B")
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def string(self, compact=False):
        n = self.varint() - 1 if compact else self.take("h")
        if n < 0:
            return None
        self.at += n
        return self.data[self.at - n:self.at].decode()


def short_id(sink):
    return base64.urlsafe_b64encode(hashlib.sha256(sink.encode()).digest())[:6].decode()


_POSITION = re.compile(r"s([A-Za-z0-9_-]{6})=(-?[0-9a-z]+)(!?)(?:\+([0-9a-z]+))?$")
_ERA = re.compile(r"v(-?[0-9a-z]+)=([0-9a-f]{12})$")


class Line:
    """What stands beside a committed offset, as far as it counts: positions {sink: (position, end of its plan or
    None)}, and eras [(begin, head of the rules' hash)], ascending."""

    names = {short_id(sink): sink for sink in SINKS}

    def __init__(self, commit):
        self.positions, self.eras = {}, []
        parts = commit.metadata.split(";")
        if parts[0] != "2" or parts[1] != f"b={commit.offset}":
            return
        for part in parts[2:]:
            if (match := _POSITION.match(part)) and match[1] in self.names:
                at = commit.offset + int(match[2], 36)
                self.positions[self.names[match[1]]] = (at, at + int(match[4], 36) if match[4] else None)
            elif match := _ERA.match(part):
                self.eras.append((commit.offset + int(match[1], 36), match[2]))

    def era(self, offset):
        found = None
        for begin, rules in self.eras:
            if begin <= offset:
                found = rules
        return found


def decode_key(data):
    """('commit', group, topic, partition), ('group', group), or None for what newer protocols write."""
    b = _Bytes(data)
    version = b.take("h")
    if version in (0, 1):
        return "commit", b.string(), b.string(), b.take("i")
    if version == 2:
        return "group", b.string()
    return None


def decode_commit(data):
    """(offset, metadata, commit timestamp in seconds)"""
    b = _Bytes(data)
    version = b.take("h")
    offset = b.take("q")
    if version >= 3:
        b.take("i")                         # leader epoch
    if not 0 <= version <= 4:
        raise ValueError(f"a commit of version {version}")
    metadata = b.string(compact=version >= 4)
    return offset, metadata, b.take("q") / 1000


def decode_generation(data):
    """(generation, protocol, number of members) of a group's metadata."""
    b = _Bytes(data)
    version = b.take("h")
    b.string()                              # protocol type
    generation = b.take("i")
    protocol = b.string()
    b.string()                              # leader
    if version >= 2:
        b.take("q")                         # timestamp
    return generation, protocol, b.take("i")


class Commits:
    """Reads __consumer_offsets all the while, in a thread of its own."""

    TOPIC = "__consumer_offsets"

    def __init__(self, broker, group, topic):
        self.broker, self.group, self.topic = broker, group, topic
        self.seen, self.generations, self.deleted = [], set(), 0
        self.problems = []
        self.positions = {}                 # of ours
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def run(self):
        from kafka import TopicPartition
        from kafka.errors import KafkaError
        consumer = None
        while not self.stopping.is_set():
            try:
                if consumer is None:
                    consumer = self.broker.consumer(fetch_max_wait_ms=100)
                    parts = consumer.partitions_for_topic(self.TOPIC)
                    if not parts:
                        raise KafkaError("no offsets topic yet")
                    consumer.assign([TopicPartition(self.TOPIC, p) for p in sorted(parts)])
                    for p in parts:
                        consumer.seek(TopicPartition(self.TOPIC, p), self.positions.get(p, 0))
                for batch in consumer.poll(timeout_ms=200).values():
                    for one in batch:
                        self.take(one)
                        self.positions[one.partition] = one.offset + 1
            except (KafkaError, OSError, ValueError, AssertionError) as why:
                if not isinstance(why, (KafkaError, OSError)):
                    self.problems.append(repr(why))
                if consumer:
                    consumer.close(autocommit=False)
                consumer = None
                self.stopping.wait(0.5)
        if consumer:
            consumer.close(autocommit=False)

    def take(self, one):
        key = decode_key(one.key)
        if key is None or key[1] != self.group:
            return
        if key[0] == "group":
            if one.value is not None:
                generation, _, members = decode_generation(one.value)
                if members:
                    self.generations.add(generation)
            return
        if key[2] != self.topic:
            return
        if one.value is None:
            self.deleted += 1
            return
        offset, metadata, at = decode_commit(one.value)
        self.seen.append(Commit(at, key[3], offset, metadata, (one.partition, one.offset)))

    def caught_up(self):
        """Everything that is in the topic now has been read."""
        ends = self.broker.ends(self.TOPIC)
        return all(self.positions.get(p, 0) >= end for p, end in ends.items() if end)

    def stop(self):
        self.stopping.set()
        self.thread.join(30)


# ---- the producer ---------------------------------------------------------------------------------

class Producer:
    """Produces all the while and keeps what the brokers acknowledged, in a thread of its own."""

    def __init__(self, broker, topic, partitions, rate, seed):
        self.broker, self.topic, self.partitions, self.rate = broker, topic, partitions, rate
        self.chance = random.Random(f"producer {seed}")
        self.next = [0] * partitions
        self.acknowledged = [array.array("b") for _ in range(partitions)]     # by number: 1 when it is
        self.failed = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def sent(self):
        return sum(self.next)

    def run(self):
        # One request at a time, tried until it is answered: order is kept, a record may be there twice.
        producer = self.broker.producer(retries=1_000_000, max_in_flight_requests_per_connection=1, linger_ms=20,
                                        max_block_ms=600_000, buffer_memory=64 << 20, request_timeout_ms=10_000,
                                        compression_type="gzip")
        began, sent = time.monotonic(), 0
        while not self.stopping.is_set():
            due = int((time.monotonic() - began) * self.rate) - sent
            for _ in range(min(due, 500)):
                self.send(producer)
            sent += max(min(due, 500), 0)
            self.stopping.wait(0.02)
        producer.flush(300)
        producer.close(60)

    def send(self, producer):
        p = self.chance.randrange(self.partitions)
        number = self.next[p]
        self.next[p] += 1
        self.acknowledged[p].append(0)
        value = record(p, number, self.chance)[1].encode()
        future = producer.send(self.topic, key=b"k%d" % (number % 100), value=value, partition=p)
        future.add_callback(lambda _meta: self.acknowledged[p].__setitem__(number, 1))
        future.add_errback(self.lost)

    def lost(self, _why):
        self.failed += 1

    def stop(self):
        self.stopping.set()
        self.thread.join(600)
