# SPDX-License-Identifier: Apache-2.0
"""Memory stays within the budget of interface.md whatever the sinks do."""
import json

import pytest

from tests.stack.process import free_port, wait_until

from .world import SANITIZED

MIB = 1 << 20


@pytest.mark.skipif(SANITIZED, reason="sanitizers have memory of their own")
def test_every_sink_is_down(world):
    """64 partitions, 200 open objects, 120 MB of records, nothing can be delivered."""
    partitions, objects, memory, queue = 64, 200, 16, 16
    world.make_topic(partitions=partitions)
    filler = "x" * 500
    records = [(b"k%d" % n, json.dumps({
        "id": f"r{n:08d}", "service": f"s{n % 8}", "level": "error", "bucket": f"b{n % objects}",
        "message": filler}).encode(), None) for n in range(200_000)]
    for partition in range(partitions):
        path = world.folder / f"memory-{partition}.tsv"
        path.write_bytes(b"".join(key + b"\t" + value + b"\n" for key, value, _ in
                                  records[partition::partitions]))
    for first in range(0, partitions, 16):
        world.broker.produce_files(world.topic, {p: world.folder / f"memory-{p}.tsv"
                                                 for p in range(first, first + 16)})
    down = [free_port() for _ in range(3)]
    more = {"queue": {"bytes": f"{queue}MiB"}, "batch": {"bytes": "2MiB", "age": "500ms"}}
    sinks = {
        "search": world.search_sink(nodes=[f"http://127.0.0.1:{down[0]}"], **more),
        "archive": world.archive_sink(endpoint=f"http://127.0.0.1:{down[1]}", key="b={bucket}",
                                      open_objects=objects * 2,
                                      **{**more, "batch": {"bytes": "4MiB", "age": "5m"}}),
        "alerts": world.alerts_sink(url=f"http://127.0.0.1:{down[2]}/", **more)}
    router = world.router(world.config(sinks=sinks, kafka={"memory": f"{memory}MiB"}))
    budget = (64 + memory + 3 * queue + 16) * MIB
    seen = []

    def full_and_still():
        m = router.metrics()
        seen.append(m.sum("sluice_consumed_records_total"))
        assert router.rss() <= budget
        for sink in sinks:
            assert m.sum("sluice_queue_bytes", sink=sink) <= m.sum("sluice_queue_limit_bytes", sink=sink)
        return len(seen) > 12 and seen[-1] == seen[-12] > 0

    wait_until(full_and_still, 120, "the queues are full and the source is paused", every=0.5)
    peak = router.rss(peak=True)
    print(f"peak {peak / MIB:.0f} MiB of {budget / MIB:.0f}")
    assert peak <= budget
    assert seen[-1] < len(records), "everything was read: the queues were never full"
    assert all(not v for v in world.broker.committed(world.group, world.topic).values())
    router.terminate(30)


@pytest.mark.skipif(SANITIZED, reason="sanitizers have memory of their own")
def test_full_speed(world):
    """All sinks answer: still within the budget."""
    world.make_topic(partitions=6)
    world.produce(world.traffic(100_000))
    more = {"queue": {"bytes": "16MiB"}, "batch": {"bytes": "2MiB", "age": "500ms"}}
    sinks = {"search": world.search_sink(**more), "archive": world.archive_sink(**more),
             "alerts": world.alerts_sink(**more)}
    router = world.router(world.config(sinks=sinks, kafka={"memory": "16MiB"}))
    world.wait_done(router)
    assert router.rss(peak=True) <= (64 + 16 + 3 * 16 + 16) * MIB
    world.finish(router)
    world.audit()
