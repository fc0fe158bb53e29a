# SPDX-License-Identifier: Apache-2.0
"""The main job against real servers: Kafka, rules, OpenSearch and S3Proxy, and bench/receiver as the webhook. What Sluice's own
process costs, however slow they are."""
import gzip
import json
import os
import subprocess
import time

from bench import cases, measure
from tests.stack import process
from tests.stack.search import Search
from tests.stack.stack import Stack

RECORDS, BUCKET, INDEX = 100_000, "bench", "bench-real"
CASE = cases.Case("real servers", sinks=cases.THREE, rules=(cases.BY_RULES, 0), topic=cases.Topic(partitions=6, broker="kafka"))
GOAL_US, GOAL_MIB = 6, 128


def configure(stack, source, group, admin, receiver, folder):
    made = measure.configuration(CASE, source.address, CASE.topic.name, group, admin, receiver, folder)
    made["sinks"]["es"].update(nodes=[stack.opensearch.url], index=INDEX)
    made["sinks"]["s3"].update(endpoint=stack.s3proxy.url, batch={"age": "5s"}, compression="gzip")
    path = folder / "sluice.yaml"
    path.write_text(json.dumps(made))
    return path


def check(stack, source, receiver):
    store = stack.s3proxy.client()
    lines = sum(gzip.decompress(store.get(BUCKET, key)[-1]).count(b"\n") for key in store.keys(BUCKET) if key.endswith(".gz"))
    found = {"es": Search(stack.opensearch.url).count(INDEX), "s3": lines,
             "webhook": receiver.ask("/stats")["webhook"]["records"]}
    if found != source.expected:
        raise measure.Wrong(f"real servers: {found} arrived of {source.expected}")


def run(stack, source, folder, library):
    receiver, admin = measure.Receiver(folder, source.records), process.free_port()
    group = f"real-{os.getpid()}-{time.time_ns()}"
    stack.s3proxy.client().make_bucket(BUCKET)
    Search(stack.opensearch.url).template("bench", INDEX)
    keys = {"AWS_ACCESS_KEY_ID": stack.s3proxy.identity, "AWS_SECRET_ACCESS_KEY": stack.s3proxy.credential}
    router = measure.Pinned(configure(stack, source, group, admin, receiver, folder), folder / "sluice.log", admin,
                            {**measure.environment(library), **keys}, cores=1)
    try:
        router.start()
        seen, metrics = measure.watch(router, sum(source.expected.values()), 300)
        if metrics.ledger_problems():
            raise measure.Wrong("; ".join(metrics.ledger_problems()))
        check(stack, source, receiver)
        return seen[-1][2] / source.records, router.rss(peak=True), seen[-1][0] - seen[0][0]
    finally:
        if router.process and router.running():
            router.terminate()
        receiver.stop()


def report(make_source, folder, results, library, say):
    """more-3-real.md in the results; the names of what could not be measured. make_source(topic, records, address)."""
    try:
        with Stack(["kafka", "opensearch", "s3proxy"], say) as stack:
            for server in stack.servers.values():
                subprocess.run(["taskset", "-a", "-c", "-p", "0", str(server.process.pid)], stdout=subprocess.DEVNULL,
                               check=False)
            cpu, rss, seconds = run(stack, make_source(CASE.topic, RECORDS, stack.kafka.address), folder, library)
    except (measure.Wrong, RuntimeError, AssertionError) as problem:
        say(f"  real servers: {problem}")
        return ["real servers"]
    (results / "more-3-real.md").write_text(
        f"Real Kafka, OpenSearch and S3Proxy, three sinks by rules, {RECORDS:,} records in {seconds:.0f} s: {cpu * 1e6:.1f} us of CPU a "
        f"record, start included (goal: at most {GOAL_US}), {rss / 2 ** 20:.0f} MiB (goal: at most {GOAL_MIB}).\n")
    return []
