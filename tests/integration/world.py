# SPDX-License-Identifier: Apache-2.0
"""A test's own corner of the stack: topics, group, indexes, bucket, webhook receiver, configuration, and the
auditor that compares what was produced with what arrived, read back from the destinations."""
import base64
import datetime
import json
import os
import pathlib
import random
import re
import string
import time

from tests.stack import s3
from tests.stack.exact import exact
from tests.stack.kafka import Broker
from tests.stack.process import Late, free_port, wait_until
from tests.stack.router import Router
from tests.stack.search import Search
from tests.stack.webhook import Receiver
from tests.traffic import generate

ROOT = pathlib.Path(__file__).resolve().parents[2]
RECORDS = int(os.environ.get("SLUICE_RECORDS", "200000"))
SANITIZED = bool(os.environ.get("SLUICE_SANITIZED"))
PATIENCE = 180 if not SANITIZED else 400
SECRET = "whsec_" + base64.b64encode(b"a secret of tests, 24 or more").decode()
# What Sluice may add to a record, by interface.md; everything else must be the producer's own, or what stands in
# the line.
ADDED = {"@timestamp", "kind", "level", "stage", "service", "sluice_id", "message", "message_base64"}
ACCESS = re.compile(r'(?P<client>\S+) - (?P<user>\S+) \[(?P<time>[^]]+)\] '
                    r'"(?P<method>\S+) (?P<path>[^?]+)\?(?P<query>\S+) (?P<protocol>\S+)" (?P<status>\d+) (?P<bytes>\d+) '
                    r'"(?P<referer>[^"]*)" "(?P<user_agent>[^"]*)"')


def fewer(records):
    """Faults need enough records to be under load, but not the whole 200,000."""
    return max(min(RECORDS, records), 1000)


class World:
    def __init__(self, stack, folder):
        self.stack, self.folder = stack, folder
        self.name = "t" + "".join(random.SystemRandom().choices(string.ascii_lowercase, k=8))
        self.broker = Broker(stack.kafka.address)
        self.search = Search(stack.opensearch.url)
        self.store = stack.s3proxy.client()
        self.topic, self.group, self.dead = self.name, f"{self.name}-group", f"{self.name}.dead"
        self.bucket, self.indexes = self.name, f"{self.name}-*"
        self.receiver = Receiver(SECRET, id_of=lambda r: generate.ID.search(json.dumps(r)).group())
        self.store.make_bucket(self.bucket)
        self.search.template(self.name, self.indexes, {"status": {"type": "long"}})
        self.topics, self.routers = [], []
        self.make_topic(self.dead)
        self.produced = []                  # generate.Record, in the order produced
        self.place = {}                     # id -> (topic, partition, offset)
        self.session_ms = 45_000            # Kafka's own

    # ---- configuration ----

    def members_die(self):
        """For tests that kill or freeze a router: the brokers notice that soon. In all others nobody loses partitions
        because the machine is busy, for then a webhook gets again what was not committed."""
        self.session_ms = 6000

    def config(self, *, topics=None, sinks=None, routes=None, **more):
        return {
            "source": {"kafka": {
                "brokers": [self.stack.kafka.address], "topics": topics or [self.topic],
                "group": self.group, "start": "earliest",
                "consumer": {"session.timeout.ms": str(self.session_ms), "heartbeat.interval.ms": "500"},
                **more.pop("kafka", {})}},
            "routes": routes or str(ROOT / "routes"), "unmatched": ["archive"],
            "dead_letter": {"topic": self.dead},
            "sinks": sinks or {"search": self.search_sink(), "archive": self.archive_sink(),
                               "alerts": self.alerts_sink()},
            "log": {"level": "info", "format": "json"}, **more}

    def search_sink(self, **more):
        return {"type": "elasticsearch", "nodes": [self.search.url],
                "index": f"{self.name}-{{service|other}}", "batch": {"age": "500ms"},
                "retry": {"first": "100ms", "max": "1s"}, **more}

    def archive_sink(self, **more):
        store = self.stack.s3proxy
        return {"type": "s3", "bucket": self.bucket, "region": "us-east-1", "endpoint": store.url,
                "access_key": store.identity, "secret_key": store.credential,
                "key": "kind={@kind}", "format": "json", "compression": "gzip",
                "batch": {"bytes": "8MiB", "age": "1s"}, "retry": {"first": "100ms", "max": "1s"}, **more}

    def alerts_sink(self, **more):
        return {"type": "webhook", "url": self.receiver.url, "body": "array", "secret": SECRET,
                "allow_private": True, "id_field": "sluice_id", "batch": {"records": 100, "age": "500ms"},
                "timeout": "60s",           # what it has taken comes again when its answer is late
                "retry": {"first": "100ms", "max": "1s"}, **more}

    def write(self, config, name="sluice"):
        """Writes NAME.yaml: JSON is YAML, too."""
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps(config, indent=2))
        return path

    def rules(self, rules, name="rules"):
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps({"rules": rules}, indent=2))
        return str(path)

    def router(self, config=None, name="router", start=True, ready=True):
        """A started and ready router with this configuration (default: self.config())."""
        admin = free_port()
        config = {**(config or self.config()), "admin": {"listen": f"127.0.0.1:{admin}"}}
        router = Router(self.write(config, name), self.folder / f"{name}.log", admin)
        self.routers.append(router)
        if start:
            router.start()
            if ready:
                router.wait_ready(60)
        return router

    # ---- traffic ----

    def make_topic(self, name=None, partitions=1, **config):
        name = name or self.topic
        self.broker.make_topic(name, partitions, **config)
        self.topics.append(name)

    def traffic(self, count, seed=1):
        """Mixed records; ids go on counting from what was produced before."""
        records = list(generate.generate(seed, count + len(self.produced)))
        return records[len(self.produced):]

    def produce(self, records, topic=None, compression="none"):
        """Produces over all partitions of the topic, and notes where each record is."""
        topic = topic or self.topic
        ends = self.broker.ends(topic)
        folder = self.folder / f"traffic-{topic}-{len(self.produced)}"
        files = generate.write(folder, records, len(ends))
        self.broker.produce_files(topic, files, compression=compression)
        for record in records:
            partition = generate.partition_of(record, len(ends))
            self.place[record.id] = (topic, partition, ends[partition])
            ends[partition] += 1
        self.produced += records
        return records

    # ---- waiting ----

    def lag(self, topic=None):
        return self.broker.lag(self.group, topic or self.topic)

    def wait_done(self, *routers, topics=None, deadline=PATIENCE):
        """Until everything that is in the topics was committed: delivered, dead-lettered or dropped."""
        topics = topics or [self.topic]

        def done():
            for router in routers:
                router.check_running()
            return all(self.lag(topic) == 0 for topic in topics)

        wait_until(done, deadline, lambda: f"lag 0 of {topics}; now {[self.lag(t) for t in topics]}; states "
                   f"{[r.metrics().by('sluice_in_flight_records', 'sink') for r in routers]}", every=0.25)

    def wait_metric(self, router, name, least, deadline=PATIENCE, **labels):
        wait_until(lambda: router.metrics().sum(name, **labels) >= least, deadline,
                   lambda: f"{name}{labels} >= {least}; it is {router.metrics().sum(name, **labels)}",
                   every=0.02)

    # ---- reading back ----

    def in_search(self, client=None):
        """[(index, id of the document, source)]"""
        return list((client or self.search).documents(self.indexes))

    def in_archive(self):
        """[(key, line)] of every object; each object's checksums are verified."""
        lines = []
        for key in self.store.keys(self.bucket):
            headers, data = self.store.get(self.bucket, key)
            problems = s3.checksum_problems(headers, data)
            assert not problems, (key, problems)
            assert headers.get("content-type") == "application/x-ndjson", (key, headers)
            text = s3.unpack(key, data).decode()
            assert text.endswith("\n"), key
            lines += [(key, line) for line in text.split("\n")[:-1]]
        return lines

    def letters(self):
        return self.broker.read(self.dead)

    def arrived(self, client=None):
        """{sink: [id, ...]} read back from the destinations, and {sink: [id, ...]} of dead letters."""
        def id_of(text):
            return generate.ID.search(text).group()

        dead = {}
        for letter in self.letters():
            sink = dict(letter.headers)["sluice-sink"].decode()
            dead.setdefault(sink, []).append(id_of(letter.value.decode()))
        return {"search": [id_of(json.dumps(source)) for _, _, source in self.in_search(client)],
                "archive": [id_of(line) for _, line in self.in_archive()],
                "alerts": self.receiver.ids()}, dead

    # ---- auditing ----

    def audit(self, duplicates=(), client=None, records=None, sinks=("search", "archive", "alerts")):
        """Every record is exactly where the rules say; once, but in the sinks named by `duplicates`."""
        records = self.produced if records is None else records
        arrived, dead = self.arrived(client)
        refused = {r.id for r in records if r.kind in generate.REFUSED_BY_SEARCH}
        for sink in sinks:
            want = {r.id for r in records if sink in r.sinks}
            letters = set(dead.get(sink, ()))
            if sink == "search":
                assert letters == want & refused, f"dead letters: {len(letters)}, not {len(refused)}"
                want -= refused
            else:
                assert not letters, f"{sink}: {len(letters)} dead letters"
            have = set(arrived[sink])
            assert not want - have, f"{sink}: {len(want - have)} missing of {len(want)}: " \
                                    f"{[(i, self.place.get(i)) for i in sorted(want - have)[:5]]}"
            assert not have - want, f"{sink}: {len(have - want)} not chosen: {sorted(have - want)[:5]}"
            if sink not in duplicates:
                again = len(arrived[sink]) - len(have)
                explained = self.explained() if again and sink == "alerts" else 0
                assert again == explained, f"{sink}: {again} records arrived twice, {explained} of them because of " \
                                           f"partitions that were lost: {self.about_repeated(sink)}"
        return arrived

    def losses(self):
        """When routers lost partitions, or gave them back without having committed all, by their own words."""
        words = ('"partitions lost"', '"the last commit was not confirmed', '"the drain took too long')
        lines = [json.loads(line) for router in self.routers for line in router.log_text().splitlines()
                 if any(word in line for word in words)]
        return sorted(datetime.datetime.fromisoformat(line["time"]).timestamp() for line in lines)

    def explained(self):
        """Of what the webhook has more than once, how much it may have: nothing where no server is harmed."""
        return 0

    def about_repeated(self, sink):
        """For people: what came twice, and when."""
        def clock(when):
            return datetime.datetime.fromtimestamp(when, datetime.timezone.utc).strftime("%H:%M:%S.%f")[:-3]

        some = sorted(self.receiver.repeated().items())[:3] if sink == "alerts" else []
        return f"{[(i, self.place.get(i), [(clock(t), message) for t, message in times]) for i, times in some]}; " \
               f"partitions lost at {[clock(t) for t in self.losses()]}"

    def audit_contents(self, client=None):
        """Field for field, and in the archive byte for byte, what was produced."""
        by_id = {r.id: r for r in self.produced}
        for _, line in self.in_archive():
            record = by_id[generate.ID.search(line).group()]
            check_line(record, line)
        for _, _, source in self.in_search(client):
            check_fields(by_id[generate.ID.search(json.dumps(source)).group()], source)
        for source in self.receiver.records:
            check_fields(by_id[generate.ID.search(json.dumps(source)).group()], source)

    def audit_commits(self):
        """No commit is past what had arrived: reads the group's offsets first, the destinations after."""
        committed = {topic: self.broker.committed(self.group, topic)
                     for topic in {place[0] for place in self.place.values()}}
        arrived, dead = self.arrived()
        have = {sink: set(ids) | set(dead.get(sink, ())) for sink, ids in arrived.items()}
        for record in self.produced:
            topic, partition, offset = self.place[record.id]
            if offset < (committed[topic].get(partition) or 0):
                for sink in record.sinks:
                    assert record.id in have[sink], \
                        f"{record.id} at {partition}/{offset} is committed, and not in {sink}"
        return sum(offset or 0 for topic in committed for offset in committed[topic].values())

    def audit_index_only(self):
        """Elasticsearch shows each record once, whatever came twice elsewhere."""
        self.audit(duplicates=("archive", "alerts"), sinks=("search",))

    def committed_share(self):
        """The part of what was produced that the group has committed."""
        return sum(v or 0 for v in self.broker.committed(self.group, self.topic).values()) / len(self.produced)

    def check_logs(self):
        """What no router may ever say."""
        for router in self.routers:
            if router.log.exists():
                text = router.log_text()
                for bad in ("AddressSanitizer", "runtime error:", "LeakSanitizer", "ThreadSanitizer",
                            "Assertion", "panic"):
                    assert bad not in text, f"{router.log}: {bad}\n{text[text.index(bad) - 200:][:3000]}"
                assert SECRET not in text and self.stack.s3proxy.credential not in text, "a secret is logged"

    def finish(self, router, deadline=30):
        """The ledger balances, SIGTERM ends with 0 within 10 s."""
        assert router.metrics().ledger_problems() == []
        began = time.monotonic()
        status = router.terminate(deadline)
        took = time.monotonic() - began
        assert status == 0, router.log_tail()
        assert took < (10 if not SANITIZED else 20), f"SIGTERM took {took:.1f} s"

    def deliver_rest(self):
        """Another router, until everything that is left has its outcome."""
        router = self.router(name="rest")
        self.wait_done(router)
        self.finish(router)

    def close(self, keep_logs):
        for router in self.routers:
            router.kill()
        self.receiver.stop()
        for topic in self.topics:
            try:
                self.broker.remove_topic(topic)
            except Exception as why:         # the broker may be what the test broke
                print(f"{topic} could not be removed: {why}")
        try:
            self.search.remove(self.indexes)
        except (OSError, Late) as why:
            print(f"{self.indexes} could not be removed: {why}")
        if not keep_logs:
            for path in self.folder.glob("traffic-*/*"):
                path.unlink()


def check_line(record, line):
    """An archive line in `json` form: the producer's own bytes with members spliced in at the end."""
    if record.is_json:
        own = record.value[:-1].rstrip()
        assert line.startswith(own), f"{record.id} changed:\n{record.value}\n{line}"
        assert line[len(own):].startswith((",", "}")) and line.endswith("}"), line
        check_fields(record, exact(line))
    else:
        assert exact(line)["message"] == record.value, f"{record.id} changed:\n{record.value}\n{line}"


def wanted_fields(record):
    """What must stand in a record as it leaves, read without Sluice: its own fields or those of its line, and the id
    of its request."""
    if record.is_json:
        own = exact(record.value)
        return {**own, "correlation_id": own["request_id"]} if "request_id" in own else own
    fields = {"message": record.value}
    if record.kind.startswith("access"):
        fields |= ACCESS.fullmatch(record.value).groupdict()
        at = datetime.datetime.strptime(fields.pop("time"), "%d/%b/%Y:%H:%M:%S %z")
        fields["@timestamp"] = at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return fields


def check_fields(record, source):
    wanted = wanted_fields(record)
    for key, value in wanted.items():
        assert key in source and source[key] == value, f"{record.id}: {key} was {value!r}, is {source.get(key)!r}"
    assert set(source) - set(wanted) <= ADDED, f"{record.id}: added {set(source) - set(wanted)}"
