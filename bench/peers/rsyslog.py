# SPDX-License-Identifier: Apache-2.0
"""rsyslog of Debian: imkafka, then omelasticsearch, or regular expressions and a file."""
import dataclasses
import pathlib
import shutil
import subprocess
import time

from bench import cases, measure, rules
from tests.stack import process

READ = """module(load="imkafka")
module(load="omelasticsearch")
main_queue(queue.type="LinkedList" queue.size="100000" queue.dequeueBatchSize="1000" queue.workerThreads="1")
input(type="imkafka" topic="{topic}" broker="{address}" consumergroup="{group}" ruleset="all"
      confParam=["auto.offset.reset=earliest", "fetch.max.bytes=4194304", "fetch.message.max.bytes=262144"])
template(name="message" type="string" string="%msg%")
template(name="line" type="string" string="%msg%\\n")
"""
SEARCH = """ruleset(name="all") {{
  action(type="omelasticsearch" server="127.0.0.1" serverport="{port}" template="message" searchIndex="bench" searchType=""
         bulkmode="on" maxbytes="8m" usehttps="off"
         queue.type="LinkedList" queue.size="100000" queue.dequeueBatchSize="1000")
}}
"""
GUARANTEES = ("imkafka commits by itself every five seconds, whatever has been delivered: what its queues hold is lost with the "
              "process; records go on as they are, neither parsed nor checked, with no id")


@dataclasses.dataclass(frozen=True)
class Rsyslog:
    name: str
    regexes: int = 0
    topic: cases.Topic = cases.TOPIC
    guarantees: str = GUARANTEES

    def configuration(self, source, group, folder, port):
        read = READ.format(topic=self.topic.name, address=source.address, group=group)
        if not self.regexes:
            return read + SEARCH.format(port=port)
        made = rules.Generator(7)
        tests = [made.regex_rule()["message"]["regex"] for _ in range(self.regexes)]
        # POSIX: no (?i), \\b or \\d
        plain = [t.replace("(?i)", "").replace(r"\b", "").replace(r"\d", "[0-9]").replace("\\", "\\\\").replace('"', '\\"')
                 for t in tests]
        lines = [f'  if re_match($msg, "{t}") then {{ action(type="omfile" file="{folder}/peer.out" template="line") stop }}'
                 for t in plain]
        return "\n".join([read, 'ruleset(name="all") {', *lines,
                          f'  action(type="omfile" file="{folder}/peer.out" template="line")', "}\n"])

    def run(self, source, group, folder):
        if not shutil.which("rsyslogd"):
            raise measure.Wrong("rsyslogd is not installed")
        receiver = None if self.regexes else measure.Receiver(folder, source.records)
        config, out = folder / "rsyslog.conf", folder / "peer.out"
        out.unlink(missing_ok=True)
        config.write_text(self.configuration(source, group, folder, receiver.address.split(":")[1] if receiver else 0))
        told = subprocess.run(["rsyslogd", "-N1", "-f", config], capture_output=True, text=True).stderr
        if "error" in told:                # it would run with what is left of the configuration
            raise measure.Wrong(told.strip().splitlines()[-1])
        peer = process.Process([*measure.pinned(1), "rsyslogd", "-n", "-f", config, "-i", folder / "rsyslog.pid"],
                               folder / "rsyslog.log")
        try:
            return self.watch(peer, source.records, receiver, out)
        finally:
            peer.stop()
            if receiver:
                receiver.stop()

    def watch(self, peer, records, receiver, out):
        def done():
            if receiver:
                return receiver.ask("/stats")["es"]["records"]
            return count(out)

        seen, deadline = [], time.monotonic() + measure.PATIENCE
        while not seen or seen[-1][1] < records:
            got = done()
            if got:
                seen.append((time.monotonic(), got, measure.cpu_seconds(peer.pid)))
            if time.monotonic() > deadline or not peer.running():
                raise measure.Wrong(f"only {got} of {records} arrived: {peer.log_tail()}")
            if got >= records * 0.95:
                break                      # the last of a topic may wait in its queues
            time.sleep(0.1)
        peak = next(int(line.split()[1]) * 1024 for line in
                    pathlib.Path(f"/proc/{peer.pid}/status").read_text().splitlines() if line.startswith("VmHWM:"))
        return {**measure.figures(seen, records, records), "rss": peak}


def count(path):
    """Lines, by what was read at the last look and what has come since."""
    if not path.exists():
        return 0
    with open(path, "rb") as lines:
        return sum(block.count(b"\n") for block in iter(lambda: lines.read(1 << 20), b""))


FEW = cases.Topic(size="400 B", partitions=4)        # 40,000 records: a hundred expressions take it ten seconds
# Debian's omelasticsearch (8.2302) cannot compress.
PEERS = [Rsyslog("rsyslog: Elasticsearch plain"), Rsyslog("rsyslog: 100 regexes to a file", regexes=100, topic=FEW)]
