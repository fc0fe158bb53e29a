#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a dead sink costs the others, and how it catches up when it is back; with real servers.

    tests/fault/isolation.py --dead alerts --how refuse

1. Speed: two routers, each with a backlog of its own, deliver it side by side to the same servers: one does not
   have the sink, for the other it is dead all the time. Machines are never quiet, but it is the same noise for
   both. When the first has delivered everything it is asked how far each of them is. The median of some pairs.
2. Return: records come at a steady rate, the sink is dead for a while and then back: how many records a second
   it is given until it has everything, and what memory was used. Then everything is read back and audited.

Exit status 1: the others are slower by more than 5 %, or it catches up at less than 3 times the live rate, or
memory passes its bound, or something is missing."""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

if __package__ in (None, ""):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
    __package__ = "tests.fault"
from tests.fault.world import FaultWorld, WayKafka                           # noqa: E402
from tests.stack import process                                              # noqa: E402
from tests.stack.process import wait_until                             # noqa: E402
from tests.stack.router import program                                       # noqa: E402
from tests.stack.stack import Stack                                          # noqa: E402
from tests.traffic import generate                                           # noqa: E402

MIB = 1 << 20
SINKS = ("search", "archive", "alerts")
QUEUE, MEMORY = 8, 64      # MiB: of each sink; source.kafka.memory
# Every record goes to every sink, so that each has the same to do.
RULES = [{"name": "broken", "when": {"@parse_error": {"exists": True}}, "to": list(SINKS)},
         {"name": "all", "to": list(SINKS)}]


class Isolation:
    def __init__(self, options, stack, folder):
        self.options = options
        self.folder = folder
        folder.mkdir()
        self.world = world = FaultWorld(stack, folder)
        world.receiver.id_of = lambda record: record["id"]
        world.make_topic(partitions=6)
        targets = {"search": stack.opensearch.address, "archive": stack.s3proxy.address,
                   "alerts": f"127.0.0.1:{world.receiver.port}"}
        self.way = {sink: world.way(sink, target) for sink, target in targets.items()}
        self.others = [s for s in SINKS if s != options.dead]

    def config(self, without=()):
        queue = {"queue": {"bytes": f"{QUEUE}MiB"}}
        sinks = {
            "search": self.world.search_sink(nodes=[f"http://{self.way['search']}"], **queue),
            "archive": self.world.archive_sink(endpoint=f"http://{self.way['archive']}",
                                               batch={"bytes": "2MiB", "age": "1s"}, **queue),
            "alerts": self.world.alerts_sink(url=f"http://{self.way['alerts']}/in", timeout="5s",
                                             **{**queue, "batch": {"records": 1000, "age": "500ms"}})}
        here = [s for s in SINKS if s not in without]
        rules = self.world.rules([{**rule, "to": here} for rule in RULES], name="rules")
        return self.world.config(sinks={s: sinks[s] for s in here}, routes=rules, unmatched=["archive"],
                                 kafka={"memory": f"{MEMORY}MiB"})

    def records(self, count):
        """Only what every sink takes."""
        made = [r for r in self.world.traffic(count) if r.kind in ("server", "warning", "metric", "debug")]
        return [r._replace(kind="all") for r in made]

    def die(self):
        how = self.options.how
        if how in ("500", "503", "hang", "429"):
            self.world.receiver.behave(how)
        else:
            self.world.proxy.do(how, self.options.dead)

    def live(self):
        self.world.receiver.behave("ok")
        self.world.proxy.do("pass", self.options.dead)

    def delivered(self, router, sink):
        return router.metrics().sum("sluice_delivered_records_total", sink=sink)

    # ---- 1 ----

    def prepare(self, with_dead):
        """A backlog, and a router that is not started yet."""
        self.backlog = len(self.world.produce(self.records(self.options.records)))
        if with_dead:
            self.die()
        self.router = self.world.router(self.config(without=() if with_dead else (self.options.dead,)), start=False)

    def progress(self):
        """What each of the others has, of the backlog."""
        if not self.router.get("/healthz")[0]:
            self.router.check_running()
            return [0 for _ in self.others]
        m = self.router.metrics()
        return [m.sum("sluice_delivered_records_total", sink=s) for s in self.others]

    def told(self, took):
        m = self.router.metrics()
        assert not self.delivered(self.router, self.options.dead), "the dead sink took something"
        state = m.sink_state(self.options.dead) or "without it"
        print(f"  {state:12} {sum(self.progress()) / len(self.others) / took:9.0f} records/s  "
              f"{m.sum('process_cpu_seconds_total'):6.1f} s CPU  {self.router.rss(peak=True) / MIB:5.0f} MiB",
              flush=True)

    # ---- 2 ----

    def produce_live(self, stop, rate, records):
        """Hands records to kcat at a steady rate until told to stop; how many were sent is in self.sent."""
        kcat = subprocess.Popen(["kcat", "-P", "-b", self.world.stack.kafka.address, "-t", self.world.topic, "-K", "\t",
                                 "-X", "linger.ms=20", "-X", "acks=all"], stdin=subprocess.PIPE)
        began, self.sent = time.monotonic(), 0
        while not stop.is_set() and self.sent < len(records):
            due = min(int((time.monotonic() - began) * rate), len(records))
            kcat.stdin.write("".join(f"{r.key}\t{r.value}\n" for r in records[self.sent:due]).encode())
            kcat.stdin.flush()
            self.sent = due
            stop.wait(0.05)
        kcat.stdin.close()
        kcat.wait(60)

    def returns(self):
        options, world, dead = self.options, self.world, self.options.dead
        records = self.records(int(options.rate * options.seconds * 4))
        router = world.router(self.config())
        stop, peak = threading.Event(), 0
        producer = threading.Thread(target=self.produce_live, args=(stop, options.rate, records), daemon=True)
        producer.start()
        wait_until(lambda: self.delivered(router, dead) > 0, 60, "the sink has something")
        self.die()
        began, had = time.monotonic(), {s: self.delivered(router, s) for s in SINKS}
        while time.monotonic() < began + options.seconds:
            time.sleep(0.2)
        away = time.monotonic() - began
        m = router.metrics()
        print(f"dead for {away:.0f} s: {m.sink_state(dead)}, lag {m.by('sluice_sink_lag_records', 'sink')}", flush=True)
        rates = {s: (self.delivered(router, s) - had[s]) / away for s in self.others}
        self.live()
        back, before = time.monotonic(), self.delivered(router, dead)

        def caught_up():
            m = router.metrics()
            return m.sink_state(dead) == "live" and m.sum("sluice_delivered_records_total", sink=dead) >= \
                m.sum("sluice_delivered_records_total", sink=self.others[0]) - 3 * options.rate
        wait_until(caught_up, options.seconds * 3, lambda: f"it has caught up: {router.metrics().sink_state(dead)}, "
                   f"{self.delivered(router, dead)} of {self.sent}\n{router.log_tail(10)}", every=0.1)
        took = time.monotonic() - back
        caught = self.delivered(router, dead) - before
        stop.set()
        producer.join(60)
        world.produced = records[:self.sent]
        world.wait_done(router, deadline=180)
        peak = router.rss(peak=True)
        world.finish(router)
        arrived, letters = world.arrived()
        want = {r.id for r in world.produced}
        missing = {s: len(want - set(arrived[s])) for s in SINKS}
        twice = {s: len(arrived[s]) - len(set(arrived[s])) for s in SINKS}
        return {"rates": rates, "caught": caught, "took": took, "rate": caught / took, "peak": peak,
                "missing": missing, "twice": twice, "letters": len(letters)}

    def close(self):
        self.world.close(keep_logs=False)


def parse():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--dead", choices=SINKS, default="alerts")
    options.add_argument("--how", default="refuse", help="refuse, half, stall; of the webhook also 500, 503, 429, hang")
    options.add_argument("--records", type=int, default=200_000, help="of the backlog")
    options.add_argument("--pairs", type=int, default=5)
    options.add_argument("--rate", type=float, default=1000, help="live records a second")
    options.add_argument("--seconds", type=float, default=60, help="that it is dead")
    options.add_argument("--only", choices=("speed", "return"))
    return options.parse_args()


def side_by_side(options, stack, folder, pair):
    """(how far the others are where it is dead, as a part of how far they are without it; bytes of memory)"""
    both = [Isolation(options, stack, folder / f"speed{pair}{int(with_dead)}") for with_dead in (False, True)]
    try:
        for with_dead, one in enumerate(both):
            one.prepare(bool(with_dead))
        for one in both if pair % 2 else reversed(both):
            one.router.start()
        began = time.monotonic()

        def first_is_done():
            counts = [one.progress() for one in both]
            return counts if any(min(count) >= one.backlog for one, count in zip(both, counts)) else None
        counts = wait_until(first_is_done, 60 + options.records / 250,
                            lambda: f"{[one.progress() for one in both]} of {options.records}", 0.02)
        for one in both:
            one.told(time.monotonic() - began)
        return sum(counts[1]) / sum(counts[0]), both[1].router.rss(peak=True)
    finally:
        for one in both:
            one.close()


def main():
    options = parse()
    process.exit_on_sigterm()
    folder, bad = pathlib.Path(tempfile.mkdtemp(prefix="sluice-isolation-")), []
    print(f"{program()}, {options.dead} is dead ({options.how}), logs in {folder}", flush=True)
    with Stack(["kafka", "opensearch", "s3proxy"], classes={"kafka": WayKafka}) as stack:
        bound = (64 + 2 * MEMORY + 3 * QUEUE + 16) * MIB

        def one(name, action):
            isolation = Isolation(options, stack, folder / name)
            try:
                return action(isolation)
            finally:
                isolation.close()

        if options.only != "return":
            ratios, peaks = zip(*(side_by_side(options, stack, folder, pair) for pair in range(options.pairs)))
            bad += [f"{peak / MIB:.0f} MiB are more than {bound / MIB:.0f}" for peak in peaks if peak > bound]
            ratio = statistics.median(ratios)
            print(f"the others with a dead sink: {ratio:.3f} of their speed without it (median of "
                  f"{', '.join(f'{r:.3f}' for r in ratios)})")
            if ratio < 0.95:
                bad.append(f"the others have {ratio:.3f} of their speed")
        if options.only != "speed":
            r = one("return", Isolation.returns)
            print(f"others meanwhile: {', '.join(f'{s} {v:.0f}/s' for s, v in r['rates'].items())} of "
                  f"{options.rate:.0f}/s")
            print(f"catch-up: {r['caught']:.0f} records in {r['took']:.1f} s: {r['rate']:.0f}/s, "
                  f"{r['rate'] / options.rate:.1f} times the live rate")
            print(f"memory: at most {r['peak'] / MIB:.0f} MiB of {bound / MIB:.0f}")
            print(f"missing {r['missing']}, twice {r['twice']}, dead letters {r['letters']}")
            bad += [f"{s} has {v:.0f} records/s" for s, v in r["rates"].items() if v < 0.95 * options.rate]
            bad += [f"it catches up at {r['rate'] / options.rate:.1f} times the live rate"] * (r["rate"] < 3 * options.rate)
            bad += [f"{n} missing in {s}" for s, n in r["missing"].items() if n]
            bad += [f"{n} twice in {s}" for s, n in r["twice"].items() if n]
            bad += [f"{r['peak'] / MIB:.0f} MiB are too much"] * (r["peak"] > bound)
    for text in bad:
        print(f"FINDING {text}")
    return 1 if bad else 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
