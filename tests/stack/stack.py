#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stack of servers in a folder of its own.

    with Stack(["kafka", "opensearch", "s3proxy"]) as stack:
        stack.kafka.address, stack.opensearch.url, stack.s3proxy.url

As a program it starts them, prints their addresses and waits for Ctrl-C:

    tests/stack/stack.py kafka opensearch s3proxy
"""
import atexit
import pathlib
import shutil
import signal
import sys
import tempfile

if __package__ in (None, ""):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tests.stack import fetch, process, servers

CLASSES = {c.name: c for c in (servers.Kafka, servers.OpenSearch, servers.Elasticsearch, servers.S3Proxy)}


class Stack:
    def __init__(self, names, say=lambda text: None, classes=None):
        """classes: {name: class} of servers that are other than CLASSES has them."""
        self.names, self.say = list(names), say
        self.classes = {**CLASSES, **(classes or {})}
        self.servers = {}
        self.folder = None

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-stack-"))
        atexit.register(self.stop)
        self.folder.chmod(0o755)            # the search servers run as another user
        try:
            for name in self.names:
                self.servers[name] = self.classes[name](self.folder, self.say)
            for server in self.servers.values():
                server.launch()
            for server in self.servers.values():
                server.wait_ready()
                self.say(f"  {server.name} answers at {server.address}")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc):
        self.stop()

    def __getattr__(self, name):
        try:
            return self.__dict__["servers"][name]
        except KeyError:
            raise AttributeError(name) from None

    def add(self, name):
        """Starts one more, for the tests that alone need it."""
        server = self.classes[name](self.folder, self.say)
        self.servers[name] = server
        return server.start()

    def remove(self, name):
        server = self.servers.pop(name)
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)

    def stop(self):
        for server in self.servers.values():
            if server.process:
                server.process.signal_group(signal.SIGCONT)
                server.process.signal_group(signal.SIGTERM)
        for server in self.servers.values():
            server.stop()
        self.servers.clear()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.stop)


def main():
    names = sys.argv[1:] or ["kafka", "opensearch", "s3proxy"]
    unknown = [name for name in names if name not in CLASSES]
    if unknown or "--help" in names:
        sys.exit(f"usage: stack.py [SERVER...]   of {', '.join(CLASSES)}")
    process.exit_on_sigterm()
    try:
        with Stack(names, lambda text: print(text, file=sys.stderr, flush=True)) as stack:
            print(f"folder {stack.folder}; Ctrl-C ends it", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        pass
    except fetch.Unavailable as why:
        sys.exit(f"stack: {why}")


if __name__ == "__main__":
    main()
