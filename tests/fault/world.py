# SPDX-License-Identifier: Apache-2.0
"""A test's world, as in tests/integration, whose servers can be reached through the fault proxy."""
from tests.integration.world import World
from tests.stack import servers

from .proxy import Proxy


class WayKafka(servers.Kafka):
    """Kafka with four more listeners, one a replica, each of which advertises a port of the proxy."""

    ways = 4


class FaultWorld(World):
    def __init__(self, stack, folder):
        super().__init__(stack, folder)
        self.proxy = Proxy(folder / "proxy.log")

    def way_to_kafka(self, number=0):
        """The address of Kafka for a router; what the broker advertises there leads through link `kafka-N`."""
        own, advertised = self.stack.kafka.ways_in[number]
        self.proxy.link(f"kafka-{number}", f"127.0.0.1:{own}", advertised)
        return f"127.0.0.1:{advertised}"

    def way(self, name, target):
        """The address of a new link to HOST:PORT."""
        return f"127.0.0.1:{self.proxy.link(name, target)}"

    def close(self, keep_logs):
        super().close(keep_logs)
        self.proxy.stop()
