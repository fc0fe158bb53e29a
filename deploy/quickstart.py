#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The part of deploy/quickstart that comes after installing and building: servers, traffic, the router, and
the account of what arrived where. Started by deploy/quickstart, which explains the options."""
import argparse
import ctypes
import datetime
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))
from tests.stack import process, s3                                       # noqa: E402
from tests.stack.fetch import Unavailable, fetch                          # noqa: E402
from tests.stack.kafka import Broker                                      # noqa: E402
from tests.stack.mock import Mock                                         # noqa: E402
from tests.stack.router import Router, helper, program                             # noqa: E402
from tests.stack.search import Search                                     # noqa: E402
from tests.stack.stack import Stack                                       # noqa: E402
from tests.stack.webhook import Receiver                                  # noqa: E402
from tests.traffic import generate, shop                                  # noqa: E402

STATE = ROOT / "build" / "quickstart.json"     # what --keep left up
SECRET = "whsec_" + "c2x1aWNlLXF1aWNrc3RhcnQtd2ViaG9vaw=="
PARTITIONS = {"full": {"logs": 6, "edge": 2, "lambda": 2}, "light": {"logs": 64, "edge": 16, "lambda": 4}}
SINKS = ("search", "archive", "alerts")
PATIENCE = 300                                 # seconds without any progress


def say(text=""):
    print(text, file=sys.stderr, flush=True)


class Progress:
    """One line that is overwritten on a terminal, else a line every few seconds."""

    def __init__(self):
        self.last, self.terminal = 0.0, sys.stderr.isatty()

    def show(self, text):
        if self.terminal:
            print(f"\r  {text:<76}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self.last > 3:
            self.last = time.monotonic()
            say(f"  {text}")

    def end(self, text):
        if self.terminal:
            print(f"\r  {text:<76}", file=sys.stderr, flush=True)
        else:
            say(f"  {text}")


class Tally:
    """Ids that arrived at one place, with which correlation ids, and how often one came twice."""

    def __init__(self):
        self.ids, self.repeated, self.requests = set(), 0, {}

    def add(self, record_id):
        if record_id in self.ids:
            self.repeated += 1
        self.ids.add(record_id)

    def add_text(self, text):
        record_id, request = shop.identity(text), shop.CORRELATION.search(text)
        self.add(record_id)
        if request:
            self.requests[record_id] = request.group(1)


class Full:
    """Kafka, OpenSearch, S3Proxy and the webhook receiver."""

    config = HERE / "quickstart.yaml"

    def __init__(self, folder):
        self.folder = folder
        for server in ("kafka", "opensearch", "s3proxy"):
            fetch(server, say)
        self.stack = Stack(["kafka", "opensearch", "s3proxy"], say).__enter__()
        self.receiver = Receiver(SECRET, id_of=lambda record: shop.identity(json.dumps(record)))
        self.broker = Broker(self.stack.kafka.address)
        self.search = Search(self.stack.opensearch.url)
        self.store = self.stack.s3proxy.client()
        say(f"  webhook receiver at {self.receiver.url}")

    def prepare(self, records):
        for topic, partitions in PARTITIONS["full"].items():
            self.broker.make_topic(topic, partitions)
        self.broker.make_topic("logs.dead", 1)
        self.store.make_bucket("logs")
        # As an operator would: the type of what must not be guessed from the first record.
        self.search.template("sluice", "sluice-*", {"status": {"type": "long"}},
                             **{"index.refresh_interval": "10s"})
        shop.produce(self.broker, self.folder / "traffic", records, PARTITIONS["full"], compression="lz4")

    def environment(self):
        store = self.stack.s3proxy
        return {"KAFKA": self.stack.kafka.address, "SEARCH": self.stack.opensearch.url,
                "STORE": store.url, "STORE_ACCESS_KEY": store.identity,
                "STORE_SECRET_KEY": store.credential, "WEBHOOK": self.receiver.url,
                "WEBHOOK_SECRET": SECRET}

    def all_committed(self):
        return all(self.broker.lag("quickstart", topic) == 0 for topic in shop.TOPICS)

    def read_back(self):
        """{sink: (where, Tally)}, dead letters: {sink: Tally}, remarks"""
        search, archive, alerts = Tally(), Tally(), Tally()
        indexes = set()
        for index, _, source in self.search.documents("sluice-*"):
            indexes.add(index)
            search.add_text(json.dumps(source))
        keys, size, remarks = self.store.keys("logs"), 0, []
        for key in keys:
            headers, data = self.store.get("logs", key)
            remarks += [f"{key}: {problem}" for problem in s3.checksum_problems(headers, data)]
            size += len(data)
            for line in s3.unpack(key, data).decode().splitlines():
                archive.add_text(line)
        for record_id in self.receiver.ids():
            alerts.add(record_id)
        remarks += [f"webhook: {problem}" for problem in self.receiver.problems[:5]]
        dead = {}
        for letter in self.broker.read("logs.dead"):
            headers = dict(letter.headers)
            sink = headers.get("sluice-sink", b"?").decode()
            dead.setdefault(sink, Tally()).add_text((letter.value or b"").decode(errors="replace"))
        return {
            "search": (f"OpenSearch, {len(indexes)} indexes", search),
            "archive": (f"S3, {len(keys)} objects, {size >> 20} MiB", archive),
            "alerts": ("webhook receiver, signed", alerts),
        }, dead, remarks

    def addresses(self, router):
        return [("Kafka", self.stack.kafka.address), ("OpenSearch", self.stack.opensearch.url),
                ("S3 store", f"{self.stack.s3proxy.url}  (key {self.stack.s3proxy.identity}, secret "
                             f"{self.stack.s3proxy.credential})"),
                ("webhook receiver", self.receiver.url), ("router", f"{router.admin}/metrics")]

    def stop(self):
        self.receiver.stop()
        self.stack.stop()


class Light:
    """The mock broker and files."""

    config = HERE / "quickstart-light.yaml"

    def __init__(self, folder):
        self.folder = folder
        self.mock = Mock(helper("tests/mockd"), folder / "mockd.log")
        self.broker = Broker(self.mock.address)
        self.out = folder / "out"
        self.out.mkdir()
        say(f"  mock broker answers at {self.mock.address}")

    def prepare(self, records):
        for topic, partitions in PARTITIONS["light"].items():
            self.mock.make_topic(topic, partitions)
        self.mock.make_topic("logs.dead", 1)
        shop.produce(self.broker, self.folder / "traffic", records, PARTITIONS["light"])

    def environment(self):
        return {"KAFKA": self.mock.address, "OUT": str(self.out)}

    def all_committed(self):
        return True                            # SIGTERM commits; the account below judges

    def read_back(self):
        places = {}
        for sink in SINKS:
            tally, path = Tally(), self.out / f"{sink}.ndjson"
            if path.exists():
                for line in path.read_text(encoding="utf-8").splitlines():
                    tally.add_text(line)
            places[sink] = (f"file {sink}.ndjson", tally)
        return places, {}, []

    def addresses(self, router):
        return [("mock broker", self.mock.address), ("files", self.out),
                ("router", f"{router.admin}/metrics")]

    def stop(self):
        self.mock.stop()


def consume(router, total, place):
    """Waits until all records were read, delivered and committed; the last metrics."""
    progress, began = Progress(), time.monotonic()
    last_sum, last_change = -1, began
    while True:
        metrics = router.metrics()
        decoded = metrics.sum("sluice_decoded_records_total")
        flight = metrics.sum("sluice_in_flight_records")
        delivered = metrics.by("sluice_delivered_records_total", "sink")
        progress.show(f"{decoded:,.0f} of {total:,} read;  " + "  ".join(
            f"{sink} {delivered.get(sink, 0):,.0f}" for sink in SINKS))
        if decoded >= total and flight == 0 and place.all_committed():
            progress.end(f"{decoded:,.0f} read and delivered in {time.monotonic() - began:.1f} s; "
                         f"peak memory {router.rss(peak=True) >> 20} MiB")
            return metrics
        moved = decoded + sum(delivered.values())
        if moved != last_sum:
            last_sum, last_change = moved, time.monotonic()
        elif time.monotonic() - last_change > PATIENCE:
            raise process.Late(f"nothing has moved for {PATIENCE} s:\n{router.log_tail()}")
        time.sleep(0.25)


def account_of_requests(records, requests, places):
    """Whether each line of the shop has arrived with its request's id: a row a sink; what is wrong."""
    sent = [r for r in records if r.request]
    print(f"\nThe shop: {requests.requests:,} requests, {requests.failed:,} of them failed")
    wrong = []
    for sink in ("search", "archive"):
        have = places[sink][1]
        due = [r for r in sent if sink in r.sinks and r.id in have.ids]
        other = [r.id for r in due if have.requests.get(r.id) != r.request]
        print(f"  {sink:<9}{len(due) - len(other):,} of {len(due):,} lines carry their request's correlation id")
        if other:
            wrong.append(f"{sink}: {len(other)} lines without their request's id; for example {other[:3]}")
    return wrong


def account(records, requests, place, metrics):
    """Prints the tables; the number of disagreements."""
    expected = {sink: {r.id for r in records if sink in r.sinks} for sink in SINKS}
    light = isinstance(place, Light)
    refused = set() if light else {r.id for r in records if r.kind in generate.REFUSED_BY_SEARCH}
    places, dead, wrong = place.read_back()
    kinds = Counter(r.kind for r in records)

    print("\nWhat was sent")
    for kind, count in ((kind, kinds[kind]) for kind in shop.ALL if kinds[kind]):
        goes = ", ".join(s for s in SINKS if s in shop.ALL[kind]) or "dropped"
        print(f"  {kind:<15}{count:>10,}   {goes}")
    print(f"  {'':<15}{len(records):>10,}")

    print("\nWhat arrived where, read back from the destinations")
    print(f"  {'sink':<9}{'place':<38}{'arrived':>10}{'expected':>10}  verdict")
    rows = [(sink, *places[sink], expected[sink] - (refused if sink == "search" else set()))
            for sink in SINKS]
    if not light:
        rows.append(("search", "dead letters, topic logs.dead", dead.pop("search", Tally()), refused))
        rows += [(sink, "dead letters, topic logs.dead", tally, set()) for sink, tally in dead.items()]
    for sink, where, tally, want in rows:
        missing, more = want - tally.ids, tally.ids - want
        verdict = "all there" if not missing and not more else f"{len(missing)} missing, {len(more)} too many"
        if tally.repeated:
            verdict += f"; {tally.repeated} twice"
        if missing or more:
            wrong.append(f"{sink}, {where}: {verdict}; for example {sorted(missing | more)[:3]}")
        print(f"  {sink:<9}{where:<38}{len(tally.ids):>10,}{len(want):>10,}  {verdict}")

    wrong += account_of_requests(records, requests, places)

    decoded = metrics.sum("sluice_decoded_records_total")
    dropped = metrics.sum("sluice_dropped_records_total")
    routed = len(set().union(*(tally.ids for _, _, tally, _ in rows)))
    print("\nThe ledger, from the router's metrics")
    kept = metrics.sum("sluice_kept_records_total")
    print(f"  decoded {decoded:,.0f} = dropped {dropped:,.0f} + routed {kept:,.0f}")
    for name, have, value in metrics.series:
        if name == "sluice_dropped_records_total" and value:
            print(f"    dropped {value:,.0f} by {have.get('rule')} ({have.get('reason')})")
    if decoded != len(records) or decoded != dropped + kept or kept != routed:
        wrong.append(f"decoded {decoded:.0f} of {len(records)}; {routed} different records arrived")
    columns = ("routed_records_total", "delivered_records_total", "dead_letter_records_total",
               "in_flight_records", "let_go_records_total")
    print(f"  {'sink':<9}{'routed':>10} ={'delivered':>11} +{'dead letters':>13} +{'in flight':>10} +{'let go':>7}")
    for sink in SINKS:
        a, b, c, d, e = (metrics.sum(f"sluice_{column}", sink=sink) for column in columns)
        balanced = a == b + c + d + e and a >= len(expected[sink])
        print(f"  {sink:<9}{a:>10,.0f}  {b:>10,.0f}  {c:>12,.0f}  {d:>9,.0f}  {e:>6,.0f}  "
              f"{'balanced' if balanced else 'NOT BALANCED'}")
        if not balanced:
            wrong.append(f"the ledger of {sink} does not balance")
    for text in wrong:
        print(f"\n  WRONG: {text}")
    return len(wrong)


def flow(place, words, **how):
    """`sluice flow`, as the reader would call it from the root of the checkout."""
    return subprocess.run([program(), *words, "-c", place.config.relative_to(ROOT)], cwd=ROOT, text=True, **how,
                          env={**os.environ, **place.environment(), "ADMIN": "127.0.0.1:0"})


def show_flow(records, requests, place):
    """One request's whole path, from the index and from the archive; the number of disagreements."""
    due = {r.id for r in records if r.request == requests.story}
    print("\nOne request's whole path: an order that could not be paid\n")
    if isinstance(place, Light):
        print(f"  {len(due)} lines of 5 services. `sluice flow` draws it from OpenSearch or S3, which --light lacks. Here, with --keep:\n"
              f"  $ grep {requests.story} {place.out}/archive.ndjson")
        return 0
    config, words = place.config.relative_to(ROOT), ["flow", requests.story]
    print(f"$ build/sluice {' '.join(words)} -c {config}", flush=True)
    flow(place, words)
    told, wrong = [], []
    for where, more in (("index", []), ("archive", ["--archive"])):
        done = flow(place, [*words, *more, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        found = json.loads(done.stdout)["records"] if done.returncode == 0 else []
        ids = [shop.identity(json.dumps(one["record"])) for one in found]
        if len(ids) != len(due) or set(ids) != due:
            wrong.append(f"flow from the {where} tells {ids}, and not {sorted(due)}: {done.stderr}")
        for one in found:
            del one["place"]                # a document in one, an offset in the other
        told.append(found)
    print(f"\nThe same from S3 alone:\n\n$ build/sluice {' '.join(words)} --archive -c {config}\n{done.stderr}", end="")
    if not wrong and told[0] != told[1]:
        differs = [(a, b) for a, b in zip(*told) if a != b]
        wrong.append(f"flow from the archive tells otherwise than from the index, at first {differs[0]}")
    for text in wrong:
        print(f"\n  WRONG: {text}")
    return len(wrong)


def write_environment(place):
    """What a second router beside the first needs: a group and an address of its own; the file's path."""
    values = {**place.environment(), "GROUP": "mine", "ADMIN": f"127.0.0.1:{process.free_port()}"}
    if "OUT" in values:
        values["OUT"] += "/mine"
        pathlib.Path(values["OUT"]).mkdir()
    path = place.folder / "environment"
    path.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items()))
    return path


def detach(place, router, told):
    """--keep: this process goes on in the background as the keeper of the others."""
    STATE.write_text(json.dumps({"pid": os.getpid(), "folder": str(place.folder)}))
    print("\nStill up:")
    for name, where in place.addresses(router):
        print(f"  {name:<18}{where}")
    config = place.config.relative_to(ROOT)
    print(f"""  {'log':<18}{router.log}

What the commands above need, and a router of your own beside it, which reads the same records again, from here:
  . {write_environment(place)}
  build/sluice check -c {config}
  build/sluice run -c {config}

deploy/quickstart --stop ends what is up.""", flush=True)
    ctypes.CDLL(None).prctl(process.PR_SET_PDEATHSIG, 0, 0, 0, 0)
    os.setsid()
    log = os.open(place.folder / "keeper.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for fd in (0, 1, 2):
        os.dup2(log, fd)
    os.write(told, b"0")
    os.close(told)
    try:
        router.process.wait(None)
    finally:
        STATE.unlink(missing_ok=True)


def stop_kept():
    try:
        pid = json.loads(STATE.read_text())["pid"]
        if b"quickstart.py" not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
            raise ProcessLookupError
        os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError, KeyError):
        STATE.unlink(missing_ok=True)
        say("quickstart: nothing was left up")
        return 0
    process.wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), 60, "the servers to end", 0.2)
    say("quickstart: all ended")
    return 0


def run(arguments, told):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-quickstart-"))
    folder.chmod(0o755)
    place = router = None
    try:
        say("3/5 servers")
        try:
            place = Light(folder) if arguments.light else Full(folder)
        except (Unavailable, process.Late) as why:
            say("\n".join(f"  {line}" for line in str(why).splitlines()[:6]))
            say("  The servers cannot be had here. Going on with --light: a mock broker, and files in their place.")
            arguments.light, arguments.records = True, min(arguments.records, 100_000)
            place = Light(folder)
        say(f"4/5 {arguments.records:,} records")
        start = datetime.datetime.utcnow().replace(microsecond=0, minute=0, second=0)
        start -= datetime.timedelta(seconds=arguments.records // 10 + 3600)
        records, requests = shop.mixed(arguments.seed, arguments.records, start)
        place.prepare(records)
        say("5/5 the router")
        admin = process.free_port()
        router = Router(place.config, folder / "sluice.log", admin,
                        {**place.environment(), "ADMIN": f"127.0.0.1:{admin}"})
        router.start().wait_ready(60)
        metrics = consume(router, len(records), place)
        if not arguments.keep:
            began = time.monotonic()
            status = router.terminate(30)
            say(f"  SIGTERM: exit status {status} after {time.monotonic() - began:.1f} s")
            if status != 0:
                say(router.log_tail())
                return 1
        wrong = account(records, requests, place, metrics) + show_flow(records, requests, place)
        if arguments.keep:
            detach(place, router, told)
        elif not wrong:
            print(f"\nEvery record is where the rules say. The rules: {ROOT / 'routes'}")
        return 1 if wrong else 0
    except process.Late as late:
        say(f"\nquickstart: {late}")
        return 1
    finally:
        if router:
            router.kill()
        if place:
            place.stop()
        shutil.rmtree(folder, ignore_errors=True)


def run_kept(arguments):
    """The child does it all and stays; the parent ends when the child says so."""
    if STATE.exists():
        say("quickstart: a stack is up already: deploy/quickstart --stop ends it")
        return 2
    told, tell = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child:
        os.close(tell)
        signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
        try:
            word = os.read(told, 1)
        except KeyboardInterrupt:              # the child has got it too
            word = b""
        return int(word) if word else os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or 1
    os.close(told)
    ctypes.CDLL(None).prctl(process.PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        return 1
    return run(arguments, tell)


def main():
    options = argparse.ArgumentParser(description="see deploy/quickstart --help")
    options.add_argument("--light", action="store_true")
    options.add_argument("--keep", action="store_true")
    options.add_argument("--stop", action="store_true")
    options.add_argument("--records", type=int, default=200_000)
    options.add_argument("--seed", type=int, default=1)
    arguments = options.parse_args()
    if arguments.stop:
        return stop_kept()
    process.exit_on_sigterm()
    try:
        return run_kept(arguments) if arguments.keep else run(arguments, None)
    except KeyboardInterrupt:
        say("\nquickstart: interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main())
