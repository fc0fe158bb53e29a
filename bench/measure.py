# SPDX-License-Identifier: Apache-2.0
"""Runs one case once: the raw consume, or Sluice with its sinks; rate, CPU and memory, and what arrived."""
import json
import os
import pathlib
import subprocess
import time
import urllib.request

from bench import cases, rules
from tests.stack import process
from tests.stack.router import Router, helper

TICK = os.sysconf("SC_CLK_TCK")
ROOT = pathlib.Path(__file__).resolve().parents[1]
PATIENCE = 60
STATE = "bench.state"       # the mock broker makes no topics for its clients


class Wrong(RuntimeError):
    """A run whose figures do not count, and why."""


def pinned(cores):
    """The last so many cores; the broker and who receives are on the first."""
    total = os.cpu_count() or 1
    return [] if total < 2 else ["taskset", "-c", f"{total - cores}-{total - 1}"]


def cpu_seconds(pid):
    """User and system time of all threads so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def environment(library):
    """library: the folder of another librdkafka, or None for the system's."""
    keys = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}
    return {**keys, **({"LD_LIBRARY_PATH": str(library)} if library else {})}


def raw(address, topic, records, cores, library):
    run = subprocess.run([*pinned(cores), helper("bench/raw_consume"), address, topic, str(records)],
                         stdout=subprocess.PIPE, text=True, env={**os.environ, **environment(library)})
    if run.returncode:
        raise Wrong("the raw consume did not get all records")
    got = json.loads(run.stdout)
    return {"rate": got["records"] / got["seconds"], "cpu": got["cpu"] / got["records"], "rss": got["rss"]}


class Receiver:
    """bench/receiver: Elasticsearch, S3 and webhook in one."""

    def __init__(self, folder, records, tls=None, delay_ms=0):
        """tls: (certificate, key)."""
        command = [helper("bench/receiver"), "--listen", "127.0.0.1:0", "--records", str(records), "--delay",
                   str(delay_ms), *(["--tls", *map(str, tls)] if tls else [])]
        first = [] if (os.cpu_count() or 1) < 2 else ["taskset", "-c", "0"]
        self.process = process.Process([*first, *command], folder / "receiver.log", stdout=subprocess.PIPE)
        line = self.process.child.stdout.readline().decode()
        if not line.startswith("ready "):
            raise RuntimeError(f"the receiver did not start: {self.process.log_tail()}")
        self.address = f"127.0.0.1:{line.split()[1]}"
        self.url = f"{'https' if tls else 'http'}://{self.address}"
        self.context = None
        if tls:
            import ssl
            self.context = ssl.create_default_context(cafile=tls[0])

    def ask(self, path, method="GET"):
        request = urllib.request.Request(self.url + path, method=method, data=b"" if method == "POST" else None)
        with urllib.request.urlopen(request, timeout=120, context=self.context) as reply:
            return json.loads(reply.read())

    def stop(self):
        self.process.stop()
        self.process.child.stdout.close()


def configuration(case, address, topic, group, admin, receiver, folder):
    """sluice.yaml, as JSON, which YAML includes; with its routes/."""
    by_rules = case.rules[0] == cases.BY_RULES
    sinks = {}
    for key in case.sinks:
        role, sink = cases.SINKS[key]
        sink = {**cases.COMMON, **json.loads(json.dumps(sink).replace("URL", receiver.url if receiver else ""))}
        if case.tls:
            sink["tls"] = {"ca": str(folder / "tls.crt")}
        if role == "s3":
            sink["batch"] = {"bytes": "1MiB", "age": "1s"}      # a partition holds a few MB
        sinks[role if by_rules else "out"] = sink
    routes = folder / f"routes-{case.rules[0]}-{case.rules[1]}".replace(" ", "-")
    if not routes.exists():
        routes.mkdir()
        if by_rules:
            (routes / "rules.yaml").write_text(cases.BY_RULES_FILE)
        else:
            rules.write(routes, "fields" if case.rules[0] == "none" else case.rules[0], case.rules[1])
    return {"source": {"kafka": {"brokers": [address], "topics": [topic], "group": group, "start": "earliest",
                                 "memory": case.memory}, "decode": {topic: case.decode}},
            "routes": str(routes), "unmatched": "drop", "state": {"topic": STATE}, "sinks": sinks, "admin": {"listen": f"127.0.0.1:{admin}"},
            "log": {"level": "warn"}}


class Pinned(Router):
    def __init__(self, *arguments, cores=1, under=(), **more):
        """under: a command that runs it (a profiler)."""
        super().__init__(*arguments, **more)
        self.cores, self.under = cores, under

    def start(self):
        self.process = process.Process([*pinned(self.cores), *self.under, self.binary, "run", "-c", self.config], self.log,
                                       env=self.environment, cwd=self.config.parent)
        process.wait_until(lambda: self.get("/healthz")[0] == 200, 60, "the router's admin endpoint", 0.02)
        return self


def watch(router, wanted, patience=PATIENCE):
    """Until so many deliveries: [(time, delivered, CPU seconds)]."""
    seen, deadline = [], time.monotonic() + patience
    while True:
        metrics = router.metrics()
        done = metrics.sum("sluice_delivered_records_total")
        if done:
            seen.append((time.monotonic(), done, cpu_seconds(router.process.pid)))
        if done >= wanted:
            return seen, metrics
        if time.monotonic() > deadline or not router.running():
            raise Wrong(f"only {done:.0f} of {wanted} were delivered:\n{router.log_tail()}")
        time.sleep(0.1)           # each look costs the router a page of metrics


def figures(seen, records, wanted):
    """Between two looks in the middle of the run: start, joining the group and the age of the last batch are not in it."""
    first, last = seen[0], seen[-2] if len(seen) > 2 else seen[-1]
    share = (last[1] - first[1]) / wanted
    if share < 0.3:
        raise Wrong("the run was too short to be measured: it wants more records")
    return {"rate": records * share / (last[0] - first[0]), "cpu": (last[2] - first[2]) / (records * share)}


def check_arrival(receiver, expected):
    """expected: {role: records}. Each is there once; nothing else is."""
    got = receiver.ask("/stats?settle=1")
    for role, wanted in expected.items():
        have = got[role]
        if have["records"] != wanted or have["strange"] or have["repeated"]:
            raise Wrong(f"{role}: {have['records']} of {wanted} records arrived, {have['repeated']} of them again, "
                        f"{have['strange']} that nobody sent")
    return got


def sluice(case, address, records, expected, group, folder, library, receiver):
    """expected: {role: records} by rules. Other cases send everything to their one sink."""
    admin = process.free_port()
    config = folder / "sluice.yaml"
    config.write_text(json.dumps(configuration(case, address, case.topic.name, group, admin, receiver, folder)))
    roles = {cases.SINKS[key][0] for key in case.sinks} - {"null"}
    arrive = {role: expected[role] if case.rules[0] == cases.BY_RULES else records for role in roles}
    wanted = sum(arrive.values()) or records
    router = Pinned(config, folder / "sluice.log", admin, environment(library), cores=case.cores)
    if receiver:
        receiver.ask("/reset", "POST")
    router.start()
    try:
        seen, metrics = watch(router, wanted)
        if metrics.ledger_problems():
            raise Wrong("; ".join(metrics.ledger_problems()))
        result = {**figures(seen, records, wanted), "rss": router.rss(peak=True)}
        if receiver:
            got = check_arrival(receiver, arrive)
            result["ratio"] = max((got[r]["plain_bytes"] / got[r]["bytes"] for r in roles if got[r]["bytes"]), default=1)
        return result
    finally:
        if router.running():
            router.terminate()
