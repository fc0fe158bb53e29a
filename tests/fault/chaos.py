#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Several routers of one group against real servers while everything around them fails, and then the question
whether anything was lost, invented, doubled or committed too early. The seed decides what fails and when.

    tests/fault/chaos.py --minutes 5 --replicas 3 --seed 1
    tests/fault/chaos.py --minutes 60 --replicas 4 --seed 7 --kills 300 --rebalances 50

Exit status 1: a finding. Then its logs stay, and the folder and the seed are said."""
import argparse
import heapq
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

if __package__ in (None, ""):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
    __package__ = "tests.fault"
from tests.fault import history                                              # noqa: E402
from tests.fault.judge import Judge                                          # noqa: E402
from tests.fault.recorder import Recorder, taken_by_bulk, taken_by_put       # noqa: E402
from tests.fault.world import FaultWorld, WayKafka                           # noqa: E402
from tests.stack import process                                              # noqa: E402
from tests.stack.process import Late, free_port, wait_until                  # noqa: E402
from tests.stack.router import Router, program                               # noqa: E402
from tests.stack.stack import Stack                                          # noqa: E402

SESSION = 3.0               # seconds until the group gives up a member
ALERTS = {"requests": 2, "batch": {"records": 50, "age": "300ms"}}
COMMIT_INTERVAL = 1.0
LINKS = ("kafka", "search", "archive", "alerts")
VOID = "cannot be had: every sink begins at the committed offset"       # the program's own words
BAD_RULES = '{"rules": [{"name": "bad", "when": {"class": "a"}, "too": "archive"}]}'


class ChaosWorld(FaultWorld):
    """A world whose routers reach every server through links of their own, and the destinations through recorders."""

    def __init__(self, stack, folder, partitions):
        super().__init__(stack, folder)
        self.arrivals = history.Arrivals(partitions)
        self.alerts, self.repeated, self.wrong = {}, 0, []
        self.put = {}                       # key of an object -> when the store first said that it has it
        self.recorders = {
            "search": Recorder(stack.opensearch.address, taken_by_bulk, self.noting("search")),
            "archive": Recorder(stack.s3proxy.address, taken_by_put, self.noting("archive"))}
        self.receiver.on_accept = self.accept
        self.journal = open(folder / "arrivals.log", "w", encoding="utf-8")

    def make_topic(self, name=None, partitions=1, **config):
        if name == self.dead:
            config["message_timestamp_type"] = "LogAppendTime"
        super().make_topic(name, partitions, **config)

    def noting(self, sink):
        def note(lines, when, what):
            self.arrivals.note(sink, lines, when)
            self.journal.write(f"{when:.3f} {what} {len(lines)}\n")
            if sink == "archive":
                self.put.setdefault(what.split()[1].partition(f"/{self.bucket}/")[2], when)
        return note

    def accept(self, message_id, records):
        """A webhook arrives. A second time under the same id it is the same message, as receivers know."""
        when = time.time()
        found = []
        for one in records:
            match = history.ID.search(f'"id":"{one["id"]}"')
            found.append((int(match[1]), int(match[2]), int(one["version"])))
            if history.crc_of(one["id"], one["class"], one["body"]) != one["crc"]:
                self.wrong.append(f"alerts: {one['id']} has another content")
        if message_id in self.alerts:
            self.repeated += 1
        else:
            self.alerts[message_id] = found
        self.arrivals.note("alerts", [b'"id":"c%d-%08d"' % (p, n) for p, n, _ in found], when)

    def replica(self, number):
        """A router with links of its own; not started."""
        brokers = [self.way_to_kafka(number)]
        way = {sink: self.way(f"{sink}-{number}", target) for sink, target in (
            ("search", self.recorders["search"].address), ("archive", self.recorders["archive"].address),
            ("alerts", f"127.0.0.1:{self.receiver.port}"))}
        sinks = {
            "search": self.search_sink(nodes=[f"http://{way['search']}"], timeout="5s",
                                       batch={"age": "300ms", "bytes": "256KiB"}),
            "archive": self.archive_sink(endpoint=f"http://{way['archive']}", timeout="5s",
                                         batch={"bytes": "256KiB", "age": "1s"}),
            "alerts": self.alerts_sink(url=f"http://{way['alerts']}/in", timeout="5s", **ALERTS)}
        config = self.config(sinks=sinks, routes=str(self.folder / "routes"), unmatched=["archive"], kafka={
            "brokers": brokers,
            "consumer": {"session.timeout.ms": str(int(SESSION * 1000)), "heartbeat.interval.ms": "500",
                         "socket.timeout.ms": "5000", "reconnect.backoff.max.ms": "1000"}})
        admin = free_port()
        config["admin"] = {"listen": f"127.0.0.1:{admin}"}
        router = Router(self.write(config, f"replica{number}"), self.folder / f"replica{number}.log", admin)
        self.routers.append(router)
        return router

    def close(self, keep_logs):
        super().close(keep_logs)
        for recorder in self.recorders.values():
            recorder.stop()
        self.journal.close()


class Replica:
    def __init__(self, number, router):
        self.number, self.router = number, router
        self.wanted = True                  # it should be running
        self.frozen = False
        self.ending = False                 # SIGTERM was sent
        self.mark = 0                       # where its log was when it was started last

    @property
    def name(self):
        return f"replica{self.number}"

    @property
    def up(self):
        return self.router.running() and not self.frozen and not self.ending

    def start(self):
        self.mark = self.router.log.stat().st_size if self.router.log.exists() else 0
        self.wanted = True
        self.router.start()

    @property
    def started(self):
        """It has read its rules and catches signals."""
        with open(self.router.log, "rb") as log:
            log.seek(self.mark)
            return b'"msg":"sluice runs"' in log.read()


class Chaos:
    def __init__(self, options, stack, folder, say=print):
        self.options, self.stack, self.folder, self.say = options, stack, folder, say
        self.random = random.Random(f"chaos {options.seed}")
        self.world = ChaosWorld(stack, folder, options.partitions)
        self.proxy = self.world.proxy
        self.world.make_topic(partitions=options.partitions)
        (folder / "routes").mkdir()
        self.version = 0
        self.next_rules()
        self.replicas = [Replica(n, self.world.replica(n)) for n in range(options.replicas)]
        self.commits = history.Commits(self.world.broker, self.world.group, self.world.topic).start()
        self.producer = history.Producer(self.world.broker, self.world.topic, options.partitions, options.rate,
                                         options.seed)
        self.later = []                     # (when, number, what to do)
        self.counter = 0
        self.busy = set()                   # what has a fault now, that ends later
        self.done = {}                      # {action: how often}
        self.problems = []                  # of the program, found while it ran
        self.crashes = []                   # (from, to): what was delivered then may not have been committed
        self.threads = []
        self.actions = open(folder / "actions.log", "w", encoding="utf-8")

    # ---- time ----

    def log(self, text):
        line = f"{time.monotonic() - self.began:8.2f} {time.time():.3f} {text}"
        self.actions.write(line + "\n")
        self.actions.flush()
        if self.options.verbose:
            self.say(line)

    def after(self, seconds, action):
        self.counter += 1
        heapq.heappush(self.later, (time.monotonic() + seconds, self.counter, action))

    def due(self):
        while self.later and self.later[0][0] <= time.monotonic():
            heapq.heappop(self.later)[2]()

    def aside(self, action):
        """What lasts (a server that starts) happens in a thread of its own."""
        def run():
            try:
                action()
            except Exception as why:        # told at the end
                self.problems.append(f"the stack: {why!r}")
        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.threads.append(thread)

    # ---- faults ----

    def kill(self):
        ups = [r for r in self.replicas if r.up]
        if not ups:
            return False
        r = self.random.choice(ups)
        self.log(f"kill -9 {r.name}")
        r.router.kill()
        self.crash()
        r.wanted = False
        self.after(self.random.choice((0, 0.2, 1, 3)), lambda: self.up(r))
        return True

    def up(self, r):
        if "rules" in self.busy:            # nothing starts with a bad file
            self.after(0.5, lambda: self.up(r))
            return
        self.log(f"start {r.name}")
        r.start()

    def freeze(self):
        ups = [r for r in self.replicas if r.up]
        if len(ups) < 2:
            return False
        r, seconds = self.random.choice(ups), self.random.choice((0.5, 2, 5, 9))
        self.log(f"SIGSTOP {r.name} for {seconds} s")
        r.router.freeze()
        r.frozen = True
        self.crash()

        def thaw():
            self.log(f"SIGCONT {r.name}")
            r.router.thaw()
            r.frozen = False
        self.after(seconds, thaw)
        return True

    def terminate(self):
        """SIGTERM and a start soon after, or much later (fewer replicas meanwhile)."""
        ups = [r for r in self.replicas if r.up]
        if not ups:
            return False
        r, away = self.random.choice(ups), self.random.choice((0, 0.5, 6))
        self.log(f"SIGTERM {r.name}, away for {away} s")
        r.ending = True
        young = not r.started
        self.crash()

        def end():
            try:
                status = r.router.terminate(25)
                if status != 0 and not (young and status == -signal.SIGTERM):
                    self.problems.append(f"{r.name}: exit status {status} after SIGTERM:\n{r.router.log_tail(15)}")
            except Late as why:
                self.problems.append(f"{r.name}: {why}\n{r.router.log_tail(15)}")
                r.router.kill()
            r.wanted = False
            r.ending = False
            self.after(away, lambda: self.up(r))
        self.aside(end)
        return True

    def link(self):
        n, to = self.random.randrange(len(self.replicas)), self.random.choice(LINKS)
        name = f"{to}-{n}"
        if name in self.busy:
            return False
        mode = self.random.choice(("delay 200", "rate 60000", "stall", "cut 20000", "cut 300 down", "half", "garbage",
                                   "refuse", "drop"))
        seconds = self.random.choice((0.5, 2, 4, 8))
        words = mode.split()
        self.log(f"link {name}: {mode} for {seconds} s")
        self.proxy.do(words[0], name, *words[1:])
        self.busy.add(name)
        if to == "kafka":
            self.crash(seconds + SESSION)

        def heal():
            self.proxy.do("pass", name)
            self.busy.discard(name)
        self.after(seconds, heal)
        return True

    def server(self):
        name = self.random.choice(("kafka", "opensearch", "s3proxy", "s3proxy", "s3proxy"))
        if name in self.busy:
            return False
        server, how = getattr(self.stack, name), self.random.choice(("kill", "stop", "freeze"))
        self.busy.add(name)
        self.log(f"server {name}: {how}")
        began = time.time()
        if how == "freeze":
            server.freeze()
            self.after(3, lambda: (server.thaw(), self.served(name, server, began)))
        else:
            server.process.signal_group(signal.SIGKILL if how == "kill" else signal.SIGTERM)
            self.after(0.5, lambda: self.again(name, server, began, time.monotonic() + 20))
        return True

    def again(self, name, server, began, patience):
        """Starts a server that was told to end. By this thread: who starts a process must outlive it."""
        if server.process.running() and time.monotonic() < patience:
            self.after(0.2, lambda: self.again(name, server, began, patience))
            return
        server.kill()
        server.launch()
        self.served(name, server, began)

    def served(self, name, server, began):
        def wait():
            server.wait_ready()
            if name == "kafka":
                for _ in self.replicas:
                    self.crash(began=began)
            self.log(f"server {name} is back")
            self.busy.discard(name)
        self.aside(wait)

    def webhook(self):
        if "webhook" in self.busy:
            return False
        mode, seconds = self.random.choice(("500", "429", "503", "hang", "cut", "slow")), self.random.choice((1, 3))
        self.log(f"webhook: {mode} for {seconds} s")
        self.world.receiver.behave(mode)
        self.busy.add("webhook")

        def heal():
            self.world.receiver.behave("ok")
            self.busy.discard("webhook")
        self.after(seconds, heal)
        return True

    def next_rules(self):
        self.version += 1
        self.write_rules(history.rules(self.options.seed, self.version))

    def write_rules(self, text):
        new = self.folder / "routes" / ".new"
        new.write_text(text)
        new.rename(self.folder / "routes" / "10.yaml")

    def change_rules(self):
        if "rules" in self.busy:
            return False
        # Good ones also while a router is away: it starts under other rules. It must not meet the bad one.
        if self.random.random() < 0.2 and all(r.wanted and r.started for r in self.replicas):
            self.log("rules: a bad file")
            self.write_rules(BAD_RULES)
            self.busy.add("rules")
            self.after(2, self.mend_rules)
        else:
            self.next_rules()
            self.log(f"rules: version {self.version}")
        return True

    def mend_rules(self):
        self.write_rules(history.rules(self.options.seed, self.version))
        self.busy.discard("rules")

    # ---- the run ----

    def watch(self):
        """A router that ended and was not asked to is a finding."""
        for r in self.replicas:
            if r.wanted and not r.ending and not r.router.running():
                status = r.router.process.child.poll()
                self.log(f"{r.name} ended with {status}")
                self.problems.append(f"{r.name} ended by itself with {status}:\n{r.router.log_tail(15)}")
                r.wanted = False            # up() may wait until the rules are good
                self.up(r)

    def run(self):
        options = self.options
        self.began = time.monotonic()
        for r in self.replicas:
            r.start()
        for r in self.replicas:
            r.router.wait_ready(60)
        self.producer.start()
        length = options.minutes * 60
        plan = [("kill", self.kill, length / max(options.kills, 1)), ("link", self.link, 4), ("freeze", self.freeze, 15),
                ("terminate", self.terminate, length / options.terms), ("server", self.server, options.servers),
                ("webhook", self.webhook, 12), ("rules", self.change_rules, options.rules)]
        end = time.monotonic() + length
        due = {name: time.monotonic() + self.random.expovariate(1 / mean) for name, _, mean in plan}
        while time.monotonic() < end or (self.done.get("kill", 0) < options.kills
                                         and time.monotonic() < end + length / 2):
            self.due()
            self.watch()
            for name, action, mean in plan:
                if time.monotonic() >= due[name]:
                    due[name] = time.monotonic() + self.random.expovariate(1 / mean)
                    if name not in options.without and action():
                        self.done[name] = self.done.get(name, 0) + 1
                    elif name == "kill":
                        due[name] = time.monotonic() + 0.5
            time.sleep(0.05)

    def heal(self):
        """Everything works again, and stays so."""
        self.log("healing")
        while self.later:
            self.due()
            time.sleep(0.05)
        for thread in self.threads:
            thread.join(150)
        while self.later:
            self.due()
            time.sleep(0.05)
        for n in range(len(self.replicas)):
            for to in LINKS:
                self.proxy.do("pass", f"{to}-{n}")
        self.world.receiver.behave("ok")
        self.producer.stop()
        self.log(f"produced {self.producer.sent()}")

    def settle(self):
        """Until the group has committed everything."""
        def done():
            self.watch()
            self.left = self.world.lag()
            return self.left == 0
        try:
            wait_until(done, self.options.settle, lambda: f"lag {self.left} of {self.producer.sent()}", every=1)
        except Late as why:
            self.problems.append(f"it does not come to rest: {why}")
            for r in self.replicas:
                self.problems.append(f"{r.name}: {self.sinks_of(r)}\n{r.router.log_tail(10)}")
        self.log("at rest")
        self.world.journal.flush()

    def sinks_of(self, r):
        try:
            m = r.router.metrics()
            return {s: (m.sink_state(s), m.sum("sluice_in_flight_records", sink=s)) for s in history.SINKS}
        except Late as why:
            return str(why)[:300]

    def finish(self):
        """The program's own books, and the last exit."""
        for r in self.replicas:
            try:
                m = r.router.metrics()
                self.problems += [f"{r.name}: ledger: {text}" for text in m.ledger_problems()]
                if m.sum("sluice_ledger_breaches_total"):
                    self.problems.append(f"{r.name}: the ledger was breached\n{r.router.log_tail(15)}")
            except Late as why:
                self.problems.append(f"{r.name}: {str(why)[:500]}")
        for r in self.replicas:
            r.wanted = False
            try:
                status = r.router.terminate(25)
                if status != 0:
                    self.problems.append(f"{r.name}: the last exit status is {status}:\n{r.router.log_tail(15)}")
            except Late as why:
                self.problems.append(f"{r.name}: {why}")
        try:
            wait_until(self.commits.caught_up, 60, lambda: f"the commits are read: {self.commits.problems[:5]}", 0.5)
        except Late as why:
            self.problems.append(str(why))
        self.commits.stop()
        self.world.journal.flush()

    def crash(self, lasts=0.0, began=None):
        """Something that lets go of a replica's records: those of the last commit interval, and of the time that
        it lasts, may come again."""
        now = time.time()
        self.crashes.append(((began or now) - 2 * COMMIT_INTERVAL, now + lasts))

    def webhook_bound(self):
        """I6: for each crash what was in flight, and the rate times the time that was not committed."""
        seconds = max(time.monotonic() - self.began, 1)
        rate = self.world.arrivals.count["alerts"] / seconds
        in_flight = ALERTS["requests"] * ALERTS["batch"]["records"]
        return sum(in_flight + rate * (to - begin) for begin, to in self.crashes)

    def void(self):
        """Partitions of which some router says that positions did not count, for want of their rules."""
        found = set()
        for r in self.replicas:
            for line in r.router.log_text().splitlines():
                if VOID in line:
                    found.add(int(re.search(r'"partition":"(\d+)"', line)[1]))
        return found

    def judge(self):
        world = self.world
        with open(self.folder / "commits.log", "w", encoding="utf-8") as out:
            for c in self.commits.seen:
                out.write(f"{c.at:.3f} {c.partition} {c.offset} {c.metadata} {c.place}\n")
        judge = Judge(world, self.options.seed, self.version, self.options.partitions, world.arrivals, self.commits)
        judge.read(world.alerts)
        # A busy machine takes partitions away, too: nothing was committed while the session ran out.
        lost = [(when - 2 * (SESSION + COMMIT_INTERVAL), when) for when in world.losses()]
        judge.judge(self.producer.acknowledged, self.webhook_bound(), self.crashes + lost, world.put, self.void())
        for sink, recorder in world.recorders.items():
            self.problems += [f"the recorder of {sink}: {text}" for text in recorder.problems[:5]]
        self.problems += world.wrong[:5] + self.commits.problems[:5]
        try:
            world.check_logs()
        except AssertionError as why:
            self.problems.append(str(why))
        table = {"seed": self.options.seed, "replicas": len(self.replicas), **{
            f"{name} (actions)": self.done.get(name, 0) for name in
            ("kill", "freeze", "terminate", "link", "server", "webhook", "rules")},
            "rebalances": len(self.commits.generations), "acknowledged": sum(map(sum, self.producer.acknowledged)),
            "webhooks repeated under their id": world.repeated, **judge.table}
        return judge.findings, table

    def close(self, keep):
        for r in self.replicas:
            r.router.kill()
        self.producer.stopping.set()
        self.commits.stopping.set()
        self.world.close(keep)
        self.actions.close()


def parse(arguments=None):
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=float, default=5)
    options.add_argument("--replicas", type=int, default=3, help="2 to 4")
    options.add_argument("--seed", type=int, default=None)
    options.add_argument("--kills", type=int, default=None, help="kill -9, at least (default: 6 a minute)")
    options.add_argument("--rebalances", type=int, default=0, help="a run with fewer is a finding")
    options.add_argument("--partitions", type=int, default=6)
    options.add_argument("--rate", type=float, default=300, help="records a second")
    options.add_argument("--rules", type=float, default=20, help="seconds between changes of the rules")
    options.add_argument("--servers", type=float, default=40, help="seconds between failures of a server")
    options.add_argument("--terms", type=float, default=None, help="SIGTERMs in all (default: 3 a minute)")
    options.add_argument("--settle", type=float, default=300, help="seconds until it must be at rest")
    options.add_argument("--without", default="", help="actions that are left out: kill,link,rules,...")
    options.add_argument("--allow", default="", help="findings that do not count, by the begin of their names")
    options.add_argument("--logs", default=None, help="where a run with findings leaves its logs")
    options.add_argument("--verbose", action="store_true")
    got = options.parse_args(arguments)
    got.seed = random.SystemRandom().randrange(1, 10**6) if got.seed is None else got.seed
    got.kills = int(got.minutes * 6) if got.kills is None else got.kills
    got.terms = max(got.minutes * 3, 1) if got.terms is None else got.terms
    got.without = set(filter(None, got.without.split(",")))
    got.allow = tuple(filter(None, got.allow.split(",")))
    if not 2 <= got.replicas <= 4:
        options.error("--replicas is 2 to 4")
    if "kill" in got.without:
        got.kills = 0
    return got


def one_run(options, stack, say=print):
    """Runs, judges, prints; the number of findings. Logs of a run with findings stay."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"sluice-chaos-{options.seed}-", dir=options.logs))
    libraries = json.loads(subprocess.check_output([program(), "version", "--json"]))["libraries"]
    say(f"seed {options.seed}, {options.replicas} replicas, {options.minutes} minutes, {program()} with librdkafka "
        f"{libraries['librdkafka']}, logs in {folder}")
    chaos, bad = Chaos(options, stack, folder, say), 1
    try:
        chaos.run()
        chaos.heal()
        chaos.settle()
        chaos.finish()
        findings, table = chaos.judge()
        rebalances = table["rebalances"]
        if rebalances < options.rebalances:
            chaos.problems.append(f"{rebalances} rebalances, fewer than {options.rebalances}")
        for name, value in table.items():
            say(f"  {name:35} {value}")
        bad = report(findings, chaos.problems, options, say)
        (folder / "table.json").write_text(json.dumps(table, indent=1))
    finally:
        chaos.close(keep=bool(bad))
        if not bad and not options.logs:
            shutil.rmtree(folder, ignore_errors=True)
        elif bad:
            say(f"seed {options.seed}: logs are in {folder}")
    return bad


def report(findings, problems, options, say):
    bad = 0
    for name, n in findings.counts.items():
        allowed = bool(options.allow) and name.startswith(options.allow)
        bad += 0 if allowed else n
    for line in findings.lines():
        say(f"FINDING {line}" if not line.startswith(" ") else line)
    for text in problems:
        say(f"FINDING {text}")
    bad += len(problems)
    say(f"{bad} findings" if bad else "no finding that counts" if findings.counts else "no finding")
    return bad


def main():
    options = parse()
    process.exit_on_sigterm()
    with Stack(["kafka", "opensearch", "s3proxy"], print, classes={"kafka": WayKafka}) as stack:
        return 1 if one_run(options, stack, lambda text: print(text, flush=True)) else 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
