# SPDX-License-Identifier: Apache-2.0
"""librdkafka's mock broker in a helper process (tests/helpers/mockd.c): a broker without Java."""
import subprocess

from .process import Process


class Mock:
    def __init__(self, program, log, brokers=1, prefix=()):
        self.process = Process([*prefix, program, "--brokers", brokers], log, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
        line = self.process.child.stdout.readline().decode()
        if not line.startswith("ready "):
            raise RuntimeError(f"mockd did not start: {line}{self.process.log_tail()}")
        self.address = line.split()[1]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    def do(self, command):
        """For the commands see the head of mockd.c."""
        self.process.child.stdin.write(f"{command}\n".encode())
        self.process.child.stdin.flush()
        answer = self.process.child.stdout.readline().decode().strip()
        if answer != "ok":
            raise RuntimeError(f"mockd: {command}: {answer}")

    def make_topic(self, name, partitions=1):
        self.do(f"topic {name} {partitions}")

    def stop(self):
        self.process.child.stdin.close()
        self.process.stop()
        self.process.child.stdout.close()
