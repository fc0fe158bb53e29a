# SPDX-License-Identifier: Apache-2.0
"""A small shop for satellite images, as its logs show it; the same for the same seed. A request comes in at the
edge, which makes its correlation id (a UUIDv7) and passes it on; each service writes in its own way:

    edge        nginx, a log_format of its own                                     topic edge
    auth        logfmt; instance auth-2 has a clock that is 180 ms behind          topic logs
    catalogue   JSON in the words of the Elastic Common Schema                     topic logs
    tiles       klog; pod tiles-...-q4fzs has a clock that is 95 ms ahead          topic logs
    payment     a function on Lambda, seen through a subscription of CloudWatch    topic lambda
                Logs: gzipped envelopes with many events, and a control message

Each line carries an id that is its own (r and eight digits; CloudWatch's number of the event), and each kind of line
knows where the shipped routes/ send it. Some requests fail in payment or in tiles. One order, the story, always
does, goes through all services, and meets both wrong clocks."""
import gzip
import heapq
import json
import pathlib
import random
import re
import zlib
from collections import namedtuple
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from . import generate

ID = re.compile(r'\br\d{8}(?!\d)|"event_id": ?"(\d{56})"')
CORRELATION = re.compile(r'"correlation_id": ?"([^"]*)"')

# kind of line -> the sinks that the shipped routes/ choose
KINDS = {
    "edge": {"search", "archive"},
    "edge_health": set(),
    "auth": {"search", "archive"},
    "catalogue": {"search", "archive"},
    "tiles": {"search", "archive"},
    "tiles_error": {"search", "archive", "alerts"},
    "payment": {"search", "archive"},
    "payment_error": {"search", "archive", "alerts"},
    "lambda_call": {"archive"},             # START and END
    "lambda_report": {"search", "archive"},
    "control": set(),                       # a message of CloudWatch's that holds no record
}
ALL = {**{kind: sinks for kind, (_, sinks) in generate.KINDS.items()}, **KINDS}
SHARE = 0.25                                # of all records
TOPICS = ("logs", "edge", "lambda")
ACCOUNT = "123456789012"
GROUP = "/aws/lambda/payment"

AUTH = {"auth-1": 0, "auth-2": -180_000}    # microseconds that its clock is ahead
PODS = {"shop/tiles-6f9c7d8b5-x2x7p": 0, "shop/tiles-6f9c7d8b5-q4fzs": 95_000}
AUTH_BEHIND, POD_AHEAD = "auth-2", "shop/tiles-6f9c7d8b5-q4fzs"


class Line(NamedTuple):
    id: str
    kind: str
    topic: str
    key: str
    value: str
    request: str        # the correlation id that it is to arrive with; None: none
    at: int             # microseconds since 1970, by the right clock
    stamp: int = 0      # lambda: the event's time, ms

    @property
    def sinks(self):
        return ALL[self.kind]


def identity(text):
    """The id of a line in what has arrived."""
    match = ID.search(text)
    return (match.group(1) or match.group()) if match else text[:80]


def moment(us):
    return datetime.fromtimestamp(us // 1_000_000, timezone.utc) + timedelta(microseconds=us % 1_000_000)


def rfc3339(us):
    return moment(us).strftime("%Y-%m-%dT%H:%M:%S.") + f"{us // 1000 % 1000:03d}Z"


Request = namedtuple("Request", "id span user start")


class Shop:
    """lines: all of them, in order of time; requests: how many; failed: of those; story: one of their ids."""

    def __init__(self, seed, count, start, seconds):
        """About `count` lines of requests that begin within `seconds` from start (UTC)."""
        self.random = random.Random(seed)
        self.lines, self.requests, self.failed = [], 0, 0
        self.number = 90_000_000            # ids, behind those of the other traffic
        self.containers = []                # [free from, log stream], of the function
        begin = int(start.replace(tzinfo=timezone.utc).timestamp()) * 1_000_000
        starts = []
        while len(starts) < max(1, count // 7):
            starts.append(begin + self.random.randrange(max(1, seconds * 1000)) * 1000)
        starts.sort()
        story = len(starts) // 2
        self.story = None
        for i, at in enumerate(starts):
            if len(self.lines) >= count and self.story:
                break
            if i == story:
                self.story = self.order(at, fails=True, auth=AUTH_BEHIND, pod=POD_AHEAD)
            else:
                pick = self.random.random()
                if pick < 0.05:
                    self.health(at)
                elif pick < 0.55:
                    self.tile(at)
                elif pick < 0.80:
                    self.scene(at)
                else:
                    self.order(at)
        self.lines.sort(key=lambda line: line.at)

    # ---- pieces ----

    def hex(self, digits):
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def uuid(self, ms=None):
        """Version 7 with a time, else version 4."""
        digits = self.hex(32) if ms is None else f"{ms:012x}" + self.hex(20)
        version = "4" if ms is None else "7"
        return (f"{digits[:8]}-{digits[8:12]}-{version}{digits[13:16]}-{self.random.choice('89ab')}{digits[17:20]}-"
                f"{digits[20:]}")

    def between(self, least, most):
        """ms, as microseconds"""
        return self.random.randrange(least * 1000, most * 1000)

    def add(self, kind, topic, value, request, at):
        """The request is the key, too."""
        self.number += 1
        own = f"r{self.number}"
        self.lines.append(Line(own, kind, topic, request, value.replace("RID", own), request, at))

    def begin(self, at):
        self.requests += 1
        return Request(self.uuid(at // 1000), self.hex(16), f"u{int(20000 * self.random.random() ** 6)}", at)

    # ---- services: each gives the time when it is done ----

    def edge(self, request, method, path, status, end):
        r = self.random
        end = -(-end // 1000) * 1000        # nginx has milliseconds
        self.add("edge", "edge",
                 f'10.{r.randrange(256)}.{r.randrange(256)}.{r.randrange(1, 255)} - {request.user} '
                 f'[{moment(end):%d/%b/%Y:%H:%M:%S} +0000] "{method} {path}?v=RID HTTP/1.1" {status} '
                 f'{r.randrange(150, 90000)} "https://shop.example.com/" "{r.choice(generate.AGENTS)}" '
                 f'{end / 1e6:.3f} {(end - request.start) / 1e6:.3f} {request.id} {request.span}', request.id, end)
        self.failed += status >= 500

    def auth(self, request, at, instance=None):
        r = self.random
        instance = instance or r.choice(list(AUTH))
        span, took = self.hex(16), self.between(4, 25)

        def line(when, text, more=""):
            self.add("auth", "logs",
                     f'time={rfc3339(when + AUTH[instance])} level=info msg="{text}" service=auth '
                     f'instance={instance} request_id={request.id} span_id={span} parent_span_id={request.span} '
                     f'user_id={request.user}{more} seq=RID', request.id, when)

        line(at, "who is it")
        line(at + took, "session is good", f" duration={took / 1000:.1f}ms")
        return at + took + 1000

    def catalogue(self, request, at, texts, calls=None):
        """calls(request, at): what it asks of another service after its first line; the time when that is done."""
        r, span, begin = self.random, self.hex(16), at
        instance = f"catalogue-{r.randrange(1, 3)}"
        for number, text in enumerate(texts):
            if number == 1 and calls:
                at = calls(request._replace(span=span), at)
            at += self.between(6, 20)
            took = {"event.duration": (at - begin) * 1000} if number + 1 == len(texts) else {}
            self.add("catalogue", "logs", json.dumps({
                "@timestamp": rfc3339(at), "log.level": "info", "message": text, "ecs.version": "8.11.0",
                "service.name": "catalogue", "service.node.name": instance, "http.request.id": request.id,
                "span.id": span, "parent.id": request.span, "event.id": "RID", **took,
                "labels": {"scene": f"S2B_{r.randrange(10**6):06d}"}}, separators=(",", ":")), request.id, at)
        return at + 1000

    def tiles(self, request, at, text, pod=None, error=None):
        r = self.random
        pod = pod or r.choice(list(PODS))
        span, took = self.hex(16), self.between(15, 120)

        def line(when, kind, letter, place, text, more):
            clock = when + PODS[pod]
            self.add(kind, "logs",
                     f'{letter}{moment(clock):%m%d %H:%M:%S.%f}       1 {place}] "{text}" pod="{pod}" '
                     f'request_id="{request.id}" span_id="{span}" parent_span_id="{request.span}" {more} seq="RID"',
                     request.id, when)

        where = f'zoom={r.randrange(8, 19)} x={r.randrange(5000)} y={r.randrange(5000)}'
        line(at + self.between(1, 2), "tiles", "I", "queue.go:41", f"Asked to {text}", where)
        at += took
        if error:
            line(at, "tiles_error", "E", "render.go:207", f"Cannot {text}",
                 f'err="{error}" duration="{took / 1000:.1f}ms"')
        else:
            line(at, "tiles", "I", "render.go:188", f"Done: {text}", f'duration="{took / 1000:.1f}ms"')
        return at + 1000

    def payment(self, request, at, fails):
        """The function: Lambda's own lines know only Lambda's id of the call."""
        call, span, amount = self.uuid(), self.hex(16), f"{self.random.randrange(5, 400)}.50"
        stream = self.container(at)
        events = []

        def line(kind, text, request_id):
            self.number += 1
            ms = at // 1000
            event = f"{(ms << 145) + self.number:056d}"
            events.append(Line(event, kind, "lambda", stream[1], text + "\n", request_id, at, ms))

        def said(level, text, kind="payment", **more):
            line(kind, f"{rfc3339(at)}\t{call}\t{level}\t" + json.dumps({
                "correlation_id": request.id, "span_id": span, "parent_span_id": request.span, "msg": text,
                **more}, separators=(",", ":")), request.id)

        begin = at
        line("lambda_call", f"START RequestId: {call} Version: $LATEST", call)
        at += self.between(2, 9)
        said("INFO", f"charge {amount} EUR")
        if fails:
            at += self.between(380, 460)
            said("WARN", "the card processor does not answer, once more", attempt=1)
            at += self.between(600, 900)
            said("ERROR", "the card processor answered 503; nothing is paid", "payment_error", attempt=2,
                 processor_status=503, duration_ms=(at - begin) // 1000)
        else:
            at += self.between(90, 350)
            said("INFO", "paid", amount=amount, duration_ms=(at - begin) // 1000)
        at += self.between(1, 4)
        took = (at - begin) / 1000
        line("lambda_call", f"END RequestId: {call}", call)
        line("lambda_report", f"REPORT RequestId: {call}\tDuration: {took:.2f} ms\tBilled Duration: {took + 1:.0f} ms\t"
             f"Memory Size: 256 MB\tMax Memory Used: {self.random.randrange(71, 140)} MB\t", call)
        self.lines += events
        stream[0] = at
        return at + 2000

    def container(self, at):
        """A free container of the function, or a new one: [free from, log stream]"""
        for one in self.containers:
            if one[0] < at:
                return one
        self.containers.append([at, f"{moment(at):%Y/%m/%d}/[$LATEST]{self.hex(32)}"])
        return self.containers[-1]

    # ---- requests ----

    def health(self, at):
        request = self.begin(at)
        self.edge(request, "GET", "/health", 200, at + self.between(0, 2))
        line = self.lines.pop()
        self.lines.append(line._replace(kind="edge_health"))

    def tile(self, at):
        request = self.begin(at)
        r, fails = self.random, self.random.random() < 0.01
        done = self.auth(request, at + self.between(1, 4))
        done = self.tiles(request, done, "render a tile", error="the scene is not in the store" if fails else None)
        self.edge(request, "GET", f"/tiles/{r.randrange(8, 19)}/{r.randrange(5000)}/{r.randrange(5000)}.png",
                  500 if fails else 200, done)

    def scene(self, at):
        request = self.begin(at)
        done = self.auth(request, at + self.between(1, 4))
        done = self.catalogue(request, done, ("found by its footprint",))
        self.edge(request, "GET", f"/scenes/S2B_{self.random.randrange(10**6):06d}", 200, done)

    def order(self, at, fails=None, auth=None, pod=None):
        request = self.begin(at)
        fails = self.random.random() < 0.04 if fails is None else fails
        done = self.auth(request, at + self.between(1, 4), auth)
        done = self.catalogue(request, done, ("scene is for sale", "price quoted"),
                              lambda inner, now: self.tiles(inner, now, "draw a preview", pod))
        done = self.payment(request, done, fails)
        self.edge(request, "POST", "/orders", 502 if fails else 201, done)
        return request.id


# ---- CloudWatch ----

def _envelope(kind, owner, group, stream, filters, events):
    return gzip.compress(json.dumps({
        "messageType": kind, "owner": owner, "logGroup": group, "logStream": stream,
        "subscriptionFilters": filters, "logEvents": events}, separators=(",", ":")).encode(), 6, mtime=0)


CONTROL = "CWL CONTROL MESSAGE: Checking health of destination"    # what a new destination is asked


def _envelopes(lines, most=60):
    """Messages of topic lambda, (key, value) in order of time: the events of one log stream, up to `most`."""
    streams = {}
    for line in lines:
        streams.setdefault(line.key, []).append(line)
    made = []
    for stream, events in streams.items():
        for i in range(0, len(events), most):
            part = events[i:i + most]
            made.append((part[-1].at, stream.encode(), _envelope(
                "DATA_MESSAGE", ACCOUNT, GROUP, stream, ["to-the-log"],
                [{"id": e.id, "timestamp": e.stamp, "message": e.value} for e in part])))
    made.sort()
    return [(key, value, None) for _, key, value in made]


# ---- all together ----

def mixed(seed, count, start):
    """(lines, shop): `count` lines in order of time, the shop's and those of generate.py."""
    shop = Shop(seed, int(count * SHARE), start, max(1, int(count * (1 - SHARE)) // 10))
    begin = int(start.replace(tzinfo=timezone.utc).timestamp()) * 1_000_000
    control = Line("control", "control", "lambda", "", CONTROL, None, begin, begin // 1000)
    rest = generate.generate(seed, max(0, count - len(shop.lines) - 1), start)
    others = (Line(r.id, r.kind, "logs", r.key, r.value, None, begin + n * 100_000) for n, r in enumerate(rest))
    return [control, *heapq.merge(others, shop.lines, key=lambda line: line.at)], shop


def produce(broker, folder, lines, partitions, **options):
    """partitions: {topic: how many}"""
    for topic in ("logs", "edge"):
        files = generate.write(pathlib.Path(folder) / topic, (line for line in lines if line.topic == topic),
                               partitions[topic])
        # A few at a time: a mock broker has one thread, and many producers would only wait for one another.
        numbers = list(files)
        for i in range(0, len(numbers), 8):
            broker.produce_files(topic, {p: files[p] for p in numbers[i:i + 8]}, **options)
    events = [line for line in lines if line.topic == "lambda"]
    messages = {p: [] for p in range(partitions["lambda"])}
    for line in events:
        if line.kind == "control":
            messages[0].append((b"", _envelope("CONTROL_MESSAGE", "CloudwatchLogs", "", "", [], [
                {"id": "", "timestamp": line.stamp, "message": line.value}]), None))
    for message in _envelopes([line for line in events if line.kind != "control"]):
        messages[zlib.crc32(message[0]) % len(messages)].append(message)
    for partition, some in messages.items():
        if some:
            broker.produce("lambda", some, partition)
