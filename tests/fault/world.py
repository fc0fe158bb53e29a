# SPDX-License-Identifier: Apache-2.0
"""A test's world, as in tests/integration, whose servers can be reached through the fault proxy."""
import random
import subprocess

from tests.integration.world import World
from tests.stack import servers
from tests.traffic import generate

from .proxy import Proxy


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
        return {"search": self.search_sink(**{"nodes": [f"http://{self.ways['search']}"], "timeout": "5s",
                                              **(search or {})}),
                "archive": self.archive_sink(**{"endpoint": f"http://{self.ways['archive']}", "timeout": "5s",
                                                **(archive or {})}),
                "alerts": self.alerts_sink(**{"url": f"http://{self.ways['alerts']}/in", "timeout": "5s",
                                              **(alerts or {})})}

    def delivered(self, router, sink):
        return router.metrics().sum("sluice_delivered_records_total", sink=sink)

    def close(self, keep_logs):
        super().close(keep_logs)
        self.proxy.stop()
