# SPDX-License-Identifier: Apache-2.0
"""A test's world, as in tests/integration, whose servers can be reached through the fault proxy."""
import itertools
import random
import subprocess

from tests.integration.world import World
from tests.stack import servers
from tests.stack.process import wait_until
from tests.traffic import generate

from . import history
from .proxy import Proxy

REQUEST = 60.0      # seconds that a request may still be on its way to the webhook when its partitions are lost


class WayKafka(servers.Kafka):
    """Kafka with four more listeners, one a replica, each of which advertises a port of the proxy."""

    ways = 4

    def prepare(self):
        super().prepare()
        # Everybody may do everything until a test takes something away.
        self.config.write_text(self.config.read_text() + "\n".join([
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found=true", ""]))

    def tool(self, name, *words):
        """One of Kafka's own command line tools; what it prints."""
        run = subprocess.run([*self.java("-Xmx128m"), f"org.apache.kafka.tools.{name}", "--bootstrap-server",
                              self.address, *words], capture_output=True, text=True, cwd=self.folder)
        if run.returncode or "Error" in run.stdout:
            raise RuntimeError(f"{name}: {run.stdout}{run.stderr}")
        return run.stdout


class FaultWorld(World):
    def __init__(self, stack, folder):
        super().__init__(stack, folder)
        self.proxy = Proxy(folder / "proxy.log")
        self.ways = None

    def way_to_kafka(self, number=0):
        """The address of Kafka for a router; what the broker advertises there leads through link `kafka-N`."""
        own, advertised = self.stack.kafka.ways_in[number]
        self.proxy.link(f"kafka-{number}", f"127.0.0.1:{own}", advertised)
        return f"127.0.0.1:{advertised}"

    def way(self, name, target):
        """The address of a new link to HOST:PORT."""
        return f"127.0.0.1:{self.proxy.link(name, target)}"

    def for_all(self, count, seed=1):
        """Records that the shipped rules send to every sink."""
        maker = generate._Maker(seed, generate.default_start())
        first = len(self.produced)
        return [generate.Record(f"r{n:08d}", "error", f"k{random.Random(n).randrange(1000)}",
                                maker.error(f"r{n:08d}", generate._stamp(maker.start, n)))
                for n in range(first, first + count)]

    def sinks(self, search=None, archive=None, alerts=None):
        """The three sinks, behind links `search`, `archive` and `alerts`; with what is different about them."""
        where = {"search": self.stack.opensearch.address, "archive": self.stack.s3proxy.address,
                 "alerts": f"127.0.0.1:{self.receiver.port}"}
        if not self.ways:
            self.ways = {name: self.way(name, target) for name, target in where.items()}
        return {"search": self.search_sink(**{"nodes": [f"http://{self.ways['search']}"], **(search or {})}),
                "archive": self.archive_sink(**{"endpoint": f"http://{self.ways['archive']}", **(archive or {})}),
                "alerts": self.alerts_sink(**{"url": f"http://{self.ways['alerts']}/in", **(alerts or {})})}

    def delivered(self, router, sink):
        return router.metrics().sum("sluice_delivered_records_total", sink=sink)

    def explained(self):
        """What the webhook may get again, exactly: a record that it had before partitions were lost, and again after
        that, while no commit said that it had had it."""
        losses, repeated = self.losses(), self.receiver.repeated()
        if not losses:
            return 0
        commits = history.Commits(self.broker, self.group, self.topic).start()
        wait_until(commits.caught_up, 60, "the commits are read")
        commits.stop()
        had = {}                            # partition -> [(when, the position of alerts)]
        for commit in commits.seen:
            position, _ = history.Line(commit).positions.get("alerts", (commit.offset, None))
            had.setdefault(commit.partition, []).append((commit.at, position))

        def may(record, before, after):
            _, partition, offset = self.place[record]
            return any(before - REQUEST < when < after for when in losses) and not any(
                when < after and position > offset for when, position in had.get(partition, ()))

        return sum(may(record, before, after) for record, times in repeated.items()
                   for (before, _), (after, _) in itertools.pairwise(times))

    def close(self, keep_logs):
        super().close(keep_logs)
        self.proxy.stop()
