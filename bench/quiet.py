# SPDX-License-Identifier: Apache-2.0
"""What no share of a raw consume tells: how long a record takes to be acknowledged at a part of the greatest rate, and
what a process costs that has nothing to do."""
import json
import subprocess
import time

from bench import cases, measure
from tests.stack import process
from tests.stack.router import helper

SHARES, SECONDS, IDLE_SECONDS = (0.1, 0.5, 0.9), 4, 20
IDLE_GOAL, DELAY_GOAL_MS = 0.5, 100
CASE = cases.Case("Elasticsearch plain, batch age 50 ms", sinks=("es 50 ms",))


def started(case, address, topic, group, folder, library, receiver):
    admin = process.free_port()
    config = folder / "sluice.yaml"
    made = measure.configuration(case, address, topic, group, admin, receiver, folder)
    config.write_text(json.dumps(made))
    router = measure.Pinned(config, folder / "sluice.log", admin, measure.environment(library))
    router.start()
    process.wait_until(lambda: router.get("/readyz")[0] == 200, 60, "the assignment", 0.1)
    return router


def delay(mock, topic, group, folder, library, rate):
    """The receiver's percentiles of records that come at this rate. The mock broker forgets what is older than 100,000
    messages a partition, so the topic is new each time."""
    records = int(min(rate * SECONDS, 640_000))
    mock.make_topic(topic, 64)
    receiver = measure.Receiver(folder, records)
    router = None
    try:
        router = started(CASE, mock.address, topic, group, folder, library, receiver)
        made = subprocess.run(["taskset", "-c", "0", helper("bench/paced"), mock.address, topic, "64", str(records), f"{rate:.0f}"],
                              capture_output=True, text=True)
        if made.returncode:
            raise measure.Wrong(f"{rate:,.0f} records a second cannot be produced here: {made.stdout or made.stderr}")
        measure.watch(router, records)
        return measure.check_arrival(receiver, {"es": records})["es"]["latency"]
    finally:
        if router and router.running():
            router.terminate()
        receiver.stop()


def idle(address, topic, group, folder, library, records):
    """Share of one core over IDLE_SECONDS with 64 partitions read to their ends."""
    router = started(cases.Case("idle"), address, topic, group, folder, library, None)
    try:
        measure.watch(router, records)
        time.sleep(2)
        begin, spent = time.monotonic(), measure.cpu_seconds(router.process.pid)
        time.sleep(IDLE_SECONDS)
        return (measure.cpu_seconds(router.process.pid) - spent) / (time.monotonic() - begin)
    finally:
        router.terminate()


def report(bench, mock, most, folder, results, say):
    """more-1-delay.md in the results: delays at shares of `most`, the rate of Elasticsearch plain, and the idle CPU. Returns
    what could not be measured."""
    lines, wrong = [f"Delay from production to acknowledgement, Elasticsearch plain, batch age 50 ms, of {most / 1e3:,.0f} k/s "
                    f"(goal: p99 at 50 % at most {DELAY_GOAL_MS} ms):\n",
                    "| load | records/s | p50, ms | p99 | p99.9 | most |", "|---|---|---|---|---|---|"], []
    for i, share in enumerate(SHARES):
        try:
            got = delay(mock, f"paced-{i}", f"paced-{i}-{time.time_ns()}", folder, bench.newer, most * share)
            lines.append(f"| {share:.0%} | {most * share:,.0f} | {got['p50']:.1f} | {got['p99']:.1f} | {got['p999']:.1f} | "
                         f"{got['max']:.1f} |")
        except (measure.Wrong, AssertionError) as problem:
            say(f"  delay at {share:.0%}: {problem}")
            lines.append(f"| {share:.0%} | {most * share:,.0f} | not measured | | | |")
            wrong.append(f"delay at {share:.0%}")
    source = bench.source(cases.TOPIC)
    used = idle(source.address, cases.TOPIC.name, f"idle-{time.time_ns()}", folder, bench.newer, source.records)
    lines.append(f"\nIdle, 64 partitions read to their ends: {used:.2%} of a core over {IDLE_SECONDS} s (goal: at most "
                 f"{IDLE_GOAL} %).\n")
    (results / "more-1-delay.md").write_text("\n".join(lines))
    return wrong
