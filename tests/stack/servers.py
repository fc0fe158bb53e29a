# SPDX-License-Identifier: Apache-2.0
"""The servers that Sluice talks to, as plain local processes on free loopback ports. Each is started,
ready when it answers, and can be stopped, killed, frozen and started again on the same port and data."""
import base64
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
import uuid

from . import s3
from .fetch import fetch
from .process import Late, Process, free_port, unprivileged, wait_until

HEAP = "-Xms256m -Xmx512m"


class Server:
    """Common to all: `name`, `folder`, `port`, `process`."""

    name = None
    patience = 300      # seconds until it must answer; a busy 2-core machine needs a while

    def __init__(self, folder, say=lambda text: None):
        self.folder = pathlib.Path(folder) / self.name
        self.folder.mkdir(parents=True)
        self.home = fetch(self.name, say)
        self.port = free_port()
        self.process = None
        self.prepare()

    def prepare(self):
        pass

    def command(self):
        raise NotImplementedError

    def environment(self):
        return None

    def answers(self):
        raise NotImplementedError

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def launch(self):
        """Starts it without waiting, so that several servers can start side by side."""
        self.process = Process(self.command(), self.folder / "log", env=self.environment(),
                               cwd=self.folder)
        return self

    def wait_ready(self):
        def ready():
            if not self.process.running():
                raise Late(f"{self.name} ended at once:\n{self.process.log_tail()}")
            return self.answers()

        wait_until(ready, self.patience, lambda: f"{self.name} to answer\n{self.process.log_tail()}", 0.2)
        return self

    def start(self):
        return self.launch().wait_ready()

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None

    def kill(self):
        if self.process:
            self.process.kill()
            self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def freeze(self):
        self.process.signal_group(signal.SIGSTOP)

    def thaw(self):
        self.process.signal_group(signal.SIGCONT)


def _port_open(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


class Kafka(Server):
    """One node, broker and controller in one."""

    name = "kafka"
    ways = 0        # more listeners, each of which advertises another port: that of a proxy before it

    def prepare(self):
        self.controller = free_port()
        self.ways_in = [(free_port(), free_port()) for _ in range(self.ways)]       # (own, advertised)
        own = "".join(f",WAY{n}://127.0.0.1:{way[0]}" for n, way in enumerate(self.ways_in))
        advertised = "".join(f",WAY{n}://127.0.0.1:{way[1]}" for n, way in enumerate(self.ways_in))
        protocols = "".join(f",WAY{n}:PLAINTEXT" for n in range(self.ways))
        self.config = self.folder / "server.properties"
        self.config.write_text("\n".join([
            "process.roles=broker,controller", "node.id=1",
            f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller}{own}",
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}{advertised}",
            f"controller.quorum.voters=1@127.0.0.1:{self.controller}",
            "controller.listener.names=CONTROLLER", "inter.broker.listener.name=PLAINTEXT",
            f"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}",
            f"log.dirs={self.folder}/data", "num.partitions=1", "auto.create.topics.enable=false",
            "offsets.topic.replication.factor=1", "offsets.topic.num.partitions=4",
            "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
            "transaction.state.log.num.partitions=1",
            "share.coordinator.state.topic.replication.factor=1",
            "share.coordinator.state.topic.min.isr=1",
            "group.initial.rebalance.delay.ms=0", "group.min.session.timeout.ms=1000",
            "message.max.bytes=2097152", "controlled.shutdown.enable=true", ""]))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "x")
        run = subprocess.run(
            [*self.java("-Xmx128m"), "kafka.tools.StorageTool", "format", "-t", cluster, "-c",
             str(self.config)], capture_output=True, text=True, cwd=self.folder)
        if run.returncode:
            raise RuntimeError(f"kafka: the data folder could not be formatted: {run.stderr}")

    def java(self, heap):
        return ["java", *heap.split(), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{self.home}/lib/*"]

    def command(self):
        # The broker is what a test run works hardest: it gets the whole compiler.
        return ["java", *HEAP.split(), "-XX:+UseSerialGC", "-XX:-UsePerfData",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{self.home}/lib/*",
                "kafka.Kafka", self.config]

    def answers(self):
        if not _port_open(self.port):
            return False
        run = subprocess.run(["kcat", "-L", "-b", self.address, "-m", "2"], capture_output=True)
        return run.returncode == 0


class _Search(Server):
    """OpenSearch and Elasticsearch. They refuse to run as root and keep files in their home, so each
    gets a copy of its own that belongs to an unprivileged user."""

    settings = {}
    variables = "ES"

    def prepare(self):
        self.transport = free_port()
        source = next(p for p in self.home.iterdir() if p.name.startswith(self.name))
        self.tree = self.folder / "home"
        shutil.copytree(source, self.tree, symlinks=True)
        config = self.tree / "config" / f"{self.name}.yml"
        settings = {
            "cluster.name": "sluice-test", "network.host": "127.0.0.1", "http.port": self.port,
            "transport.port": self.transport, "discovery.type": "single-node",
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            "path.data": self.folder / "data", "path.logs": self.folder / "logs", **self.settings}
        config.write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
        for name in ("data", "logs", "tmp"):
            (self.folder / name).mkdir()
        if os.getuid() == 0:
            for path in [self.folder, *self.folder.rglob("*")]:
                shutil.chown(path, "nobody", "nogroup")

    def environment(self):
        java = pathlib.Path(shutil.which("java")).resolve().parents[1]
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder / "tmp"), "LANG": "C.UTF-8",
                f"{self.variables}_JAVA_HOME": str(java), f"{self.variables}_JAVA_OPTS": HEAP,
                f"{self.variables}_TMPDIR": str(self.folder / "tmp")}

    def command(self):
        return [*unprivileged(), self.tree / "bin" / self.name]

    @property
    def url(self):
        return f"http://{self.address}"

    def answers(self):
        try:
            with urllib.request.urlopen(f"{self.url}/_cluster/health", timeout=5) as reply:
                return reply.status == 200
        except (urllib.error.URLError, OSError):
            return False


class OpenSearch(_Search):
    name = "opensearch"
    variables = "OPENSEARCH"


class Elasticsearch(_Search):
    name = "elasticsearch"
    settings = {"xpack.security.enabled": "false"}
    patience = 600


class S3Proxy(Server):
    """An S3 store that checks signatures, conditions and checksums; objects are files."""

    name = "s3proxy"
    identity, credential = "sluice-test", "sluice-test-secret"

    def prepare(self):
        (self.folder / "objects").mkdir()
        self.config = self.folder / "s3proxy.properties"
        self.config.write_text("\n".join([
            f"s3proxy.endpoint=http://127.0.0.1:{self.port}", "s3proxy.authorization=aws-v2-or-v4",
            f"s3proxy.identity={self.identity}", f"s3proxy.credential={self.credential}",
            "jclouds.provider=filesystem-nio2",
            f"jclouds.filesystem.basedir={self.folder}/objects", "jclouds.identity=none",
            "jclouds.credential=none", ""]))
        (self.folder / "logback.xml").write_text(
            '<configuration><appender name="E" class="ch.qos.logback.core.ConsoleAppender"><encoder>'
            "<pattern>%d %level %logger{10} %msg%n</pattern></encoder></appender>"
            '<root level="WARN"><appender-ref ref="E"/></root></configuration>')

    def launch(self):
        # An object is written under its key, a hyphen and a UUID, and renamed when it is whole. What one that was killed
        # left of that would be listed.
        hexes = "-".join("[0-9a-f]" * n for n in (8, 4, 4, 4, 12))
        for path in (self.folder / "objects").rglob(f"?*-{hexes}"):
            path.unlink()
        return super().launch()

    def command(self):
        return ["java", *HEAP.split(), "-XX:+UseSerialGC",
                f"-Dlogback.configurationFile={self.folder}/logback.xml", "-cp",
                f"{self.home}/lib/*", "org.gaul.s3proxy.Main", "--properties", self.config]

    @property
    def url(self):
        return f"http://{self.address}"

    def client(self):
        return s3.Client(self.url, self.identity, self.credential)

    def answers(self):
        return _port_open(self.port) and self.client().alive()
