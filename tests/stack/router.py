# SPDX-License-Identifier: Apache-2.0
"""One `sluice run` process: started, watched through its admin endpoint, ended."""
import json
import os
import pathlib
import re
import signal
import urllib.error
import urllib.request

from .process import Late, Process, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
_SERIES = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$')
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


def program():
    """The router under test: build/sluice, or what SLUICE_BIN names (a sanitizer build)."""
    return pathlib.Path(os.environ.get("SLUICE_BIN") or ROOT / "build" / "sluice")


def helper(name):
    """A program that was built beside it: tests/mockd, bench/raw_consume."""
    return program().parent / name


class Metrics:
    """Prometheus text, parsed."""

    def __init__(self, text):
        self.series = []
        for line in text.splitlines():
            if not line or line.startswith("#"):
                continue
            match = _SERIES.match(line)
            if not match:
                raise ValueError(f"no Prometheus text: {line!r}")
            name, labels, value = match.groups()
            unescaped = {k: v.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")
                         for k, v in _LABEL.findall(labels or "")}
            self.series.append((name, unescaped, float(value)))

    def sum(self, name, **labels):
        """Over all series of the name whose labels agree."""
        return sum(value for n, have, value in self.series
                   if n == name and all(have.get(k) == v for k, v in labels.items()))

    def by(self, name, label):
        """{label's value: sum}"""
        sums = {}
        for n, have, value in self.series:
            if n == name:
                sums[have.get(label)] = sums.get(have.get(label), 0) + value
        return sums

    def sink_state(self, sink):
        """live, stalled, detached or catching_up"""
        for n, have, value in self.series:
            if n == "sluice_sink_state" and have.get("sink") == sink and value == 1:
                return have["state"]
        return None

    def ledger_problems(self):
        """What does not balance (design, section 3.8), as sentences."""
        wrong = []
        for sink, routed in self.by("sluice_routed_records_total", "sink").items():
            parts = {name: self.sum(f"sluice_{name}", sink=sink) for name in (
                "delivered_records_total", "dead_letter_records_total", "let_go_records_total",
                "in_flight_records")}
            if routed != sum(parts.values()):
                wrong.append(f"sink {sink}: routed {routed:.0f} is not {parts}")
        return wrong


class Router:
    def __init__(self, config, log, admin_port, environment=None, binary=None):
        self.config, self.log = pathlib.Path(config), pathlib.Path(log)
        self.admin = f"http://127.0.0.1:{admin_port}"
        self.environment = {**os.environ, **(environment or {})}
        self.binary = binary or program()
        self.process = None

    def start(self):
        self.process = Process([self.binary, "run", "-c", self.config], self.log, env=self.environment,
                               cwd=self.config.parent)
        return self

    def get(self, path):
        """(status, text); status 0 when nothing answers."""
        try:
            with urllib.request.urlopen(self.admin + path, timeout=60) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def running(self):
        return self.process is not None and self.process.running()

    def check_running(self):
        if not self.running():
            status = self.process.child.poll() if self.process else None
            raise Late(f"the router has ended with {status}:\n{self.log_tail()}")

    def ready(self):
        self.check_running()
        return self.get("/readyz")[0] == 200

    def wait_ready(self, deadline=60):
        wait_until(self.ready, deadline, lambda: f"/readyz: {self.get('/readyz')[1]}\n{self.log_tail()}")
        return self

    def wait_assigned(self, deadline=60):
        """Ready it is as soon as it waits in the group; until it has partitions others may do all the work."""
        wait_until(lambda: self.status()["partitions"], deadline, lambda: f"no partitions yet\n{self.log_tail()}")
        return self

    def metrics(self):
        self.check_running()
        status, text = self.get("/metrics")
        if status != 200:
            raise Late(f"/metrics answers {status}: {text}\n{self.log_tail()}")
        return Metrics(text)

    def status(self):
        return json.loads(self.get("/status.json")[1])

    def rss(self, peak=False):
        """Bytes of memory, now or at most so far."""
        name = "VmHWM:" if peak else "VmRSS:"
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
        raise Late("the router's memory cannot be read")

    def reload(self):
        self.process.signal(signal.SIGHUP)

    def freeze(self):
        self.process.signal(signal.SIGSTOP)

    def thaw(self):
        self.process.signal(signal.SIGCONT)

    def terminate(self, deadline=30):
        """SIGTERM; the exit status."""
        self.process.signal(signal.SIGTERM)
        status = self.process.wait(deadline)
        self.process.kill()
        return status

    def kill(self):
        """kill -9"""
        if self.process:
            self.process.kill()

    def log_tail(self, lines=40):
        return self.process.log_tail(lines) if self.process else ""

    def log_text(self):
        return self.log.read_text(errors="replace")
