# SPDX-License-Identifier: Apache-2.0
"""What bench/run measures: a line a case."""
import dataclasses

ALL, BY_RULES = "all", "by rules"


@dataclasses.dataclass(frozen=True)
class Topic:
    size: str = "400 B"
    codec: str = "none"
    partitions: int = 64
    broker: str = "mock"          # kafka: a real one, where the mock broker does not hold enough

    @property
    def name(self):
        return f"bench-{self.size.replace(' ', '')}-{self.codec}-{self.partitions}".lower()

    def records(self, most):
        """As many as the mock broker holds: 5 MiB a partition."""
        if self.broker == "kafka":
            return most
        each = {"100 B": 30_000, "400 B": 10_000, "4 KB": 1_000}[self.size]
        return min(most, each * self.partitions)


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    sinks: tuple = ("null",)      # keys of SINKS; several: each gets what BY_RULES gives it
    rules: tuple = ("none", 0)    # kind of bench/rules.py and how many
    topic: Topic = Topic()
    cores: int = 1
    decode: str = "auto"
    memory: str = "64MiB"         # source.kafka.memory
    tls: bool = False
    library: str = "2.12"         # librdkafka
    goal: float = None            # share of raw consume, at least
    quick: bool = False


# By name: the sink as sluice.yaml has it. URL is the receiver's. A batch is sent when it is full or 100 ms old, for the clock
# stops when the last record is acknowledged; a sink that is behind pauses the source, so that the slowest is measured.
COMMON = {"batch": {"age": "100ms"}, "overflow": {"mode": "block"}}
ELASTICSEARCH = {"type": "elasticsearch", "nodes": ["URL"], "index": "bench-{service|other}", "batch": {"age": "100ms"}}
S3 = {"type": "s3", "bucket": "bench", "region": "us-east-1", "endpoint": "URL", "format": "json",
      "key": "kind={@kind}/dt={@timestamp:%Y-%m-%d}"}
SINKS = {
    "null": ("null", {"type": "file", "path": "/dev/null", "format": "json"}),
    "es": ("es", {**ELASTICSEARCH, "compression": "none"}),
    "es 50 ms": ("es", {**ELASTICSEARCH, "compression": "none", "batch": {"age": "50ms"}}),
    "es gzip": ("es", {**ELASTICSEARCH, "compression": "gzip"}),
    "s3": ("s3", {**S3, "compression": "none"}),
    "s3 gzip": ("s3", {**S3, "compression": "gzip"}),
    "s3 zstd": ("s3", {**S3, "compression": "zstd"}),
    "webhook": ("webhook", {"type": "webhook", "url": "URL/hook", "body": "array", "allow_private": True,
                            "batch": {"records": 1000, "age": "100ms"}}),
}
THREE = ("s3", "es", "webhook")
TOPIC = Topic()

CASES = [
    Case("no rules to null"),
    Case("10 field rules to null", rules=("fields", 10), goal=0.85, quick=True),
    Case("10 regexes", rules=("regexes", 10)),
    Case("100 regexes", rules=("regexes", 100)),
    Case("1,000 regexes", rules=("regexes", 1000), goal=0.65, quick=True),
    Case("5,000 regexes", rules=("regexes", 5000), goal=0.45),
    Case("10,000 table rows", rules=("rows", 10_000), goal=0.65, quick=True),
    Case("Elasticsearch plain", sinks=("es",), quick=True),
    Case("Elasticsearch gzip", sinks=("es gzip",)),
    Case("S3 gzip", sinks=("s3 gzip",)),
    Case("S3 zstd", sinks=("s3 zstd",)),
    Case("webhook", sinks=("webhook",)),
    Case("three sinks by rules", sinks=THREE, rules=(BY_RULES, 0), goal=0.60, quick=True),
    Case("three sinks, S3 gzip, two cores", sinks=("s3 gzip", "es", "webhook"), rules=(BY_RULES, 0), cores=2, goal=0.55,
         quick=True),
    Case("three sinks over TLS", sinks=THREE, rules=(BY_RULES, 0), tls=True),
    Case("10 field rules, two cores", rules=("fields", 10), cores=2),
    Case("S3 gzip, two cores", sinks=("s3 gzip",), cores=2),
    Case("decode: json", rules=("fields", 10), topic=Topic(size="100 B"), decode="json"),
    Case("decode: text", rules=("fields", 10), decode="text"),
    Case("1 partition", rules=("fields", 10), topic=Topic(partitions=1, broker="kafka")),
    Case("6 partitions", rules=("fields", 10), topic=Topic(partitions=6, broker="kafka")),
    Case("64 partitions of a real Kafka", rules=("fields", 10), topic=Topic(broker="kafka")),
    Case("topic in lz4", rules=("fields", 10), topic=Topic(codec="lz4")),
    Case("topic in zstd", rules=("fields", 10), topic=Topic(codec="zstd")),
    Case("topic in gzip", rules=("fields", 10), topic=Topic(codec="gzip")),
    Case("records of 100 B", rules=("fields", 10), topic=Topic(size="100 B")),
    Case("records of 4 KB", rules=("fields", 10), topic=Topic(size="4 KB")),
    Case("memory: 16 MiB", rules=("fields", 10), memory="16MiB"),
    Case("memory: 256 MiB", rules=("fields", 10), memory="256MiB"),
    Case("10 field rules, librdkafka 2.0.2", rules=("fields", 10), library="2.0.2"),
    Case("1,000 regexes, librdkafka 2.0.2", rules=("regexes", 1000), library="2.0.2"),
    Case("three sinks, librdkafka 2.0.2", sinks=THREE, rules=(BY_RULES, 0), library="2.0.2"),
]

BY_RULES_FILE = """rules:
  - { name: failing, when: { level: [error, fatal] }, to: [s3, es, webhook] }
  - { name: requests, when: { http.status: { exists: true } }, to: [s3, es] }
  - { name: rest, to: s3 }
"""


def expected(line):
    """Which roles BY_RULES_FILE gives a line of the corpus, told without Sluice."""
    if not line.startswith("{"):
        return ("s3",)
    if '"level":"error"' in line or '"level":"fatal"' in line:
        return ("s3", "es", "webhook")
    return ("s3", "es") if '"http":{' in line else ("s3",)
