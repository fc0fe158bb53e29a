# SPDX-License-Identifier: Apache-2.0
"""Several replicas in one group: coming, going, and killed. Nothing is missing, and Elasticsearch, whose
documents have deterministic ids, shows nothing twice."""
from tests.stack.process import wait_until

from .world import fewer


def test_two_then_three_then_one(world):
    total = fewer(120_000)
    part = total // 4
    world.make_topic(partitions=6)
    world.produce(world.traffic(part))
    a, b = world.router(name="a", ready=False), world.router(name="b", ready=False)
    a.wait_ready().wait_assigned()
    b.wait_ready().wait_assigned()
    world.produce(world.traffic(part, seed=2))
    world.wait_metric(a, "sluice_consumed_records_total", 1)
    c = world.router(name="c").wait_assigned()
    world.produce(world.traffic(part, seed=3))
    world.wait_metric(c, "sluice_consumed_records_total", 1)
    assert a.terminate() == 0, a.log_tail()
    world.produce(world.traffic(total - 3 * part, seed=4))
    assert b.terminate() == 0, b.log_tail()
    world.wait_done(c)
    world.finish(c)
    world.audit(duplicates=("archive", "alerts"))


def moments(share):
    """(name, condition on the metrics): when to kill."""
    return [
        ("assigned", lambda m: True),
        ("the first records are on their way", lambda m: m.sum("sluice_in_flight_records") > 0),
        ("the index has some", lambda m: m.sum("sluice_delivered_records_total", sink="search") > share / 20),
        ("the archive has some", lambda m: m.sum("sluice_delivered_records_total", sink="archive") > 0),
        ("most is done", lambda m: m.sum("sluice_consumed_records_total") > share / 2),
    ]


def test_killed_at_five_moments(world):
    world.members_die()
    part = fewer(100_000) // 5
    world.make_topic(partitions=6)
    for number, (name, condition) in enumerate(moments(part)):
        world.produce(world.traffic(part, seed=number))
        router = world.router(name=f"killed{number}")
        wait_until(lambda: condition(router.metrics()), 60, name, every=0.005)
        router.kill()
        world.audit_commits()
    last = world.router(name="last")
    world.wait_done(last)
    world.finish(last)
    world.audit(duplicates=("archive", "alerts"))


def two_under_load(world, records, partitions):
    """Two replicas that have shared the topic's partitions, the first of which has read something."""
    world.make_topic(partitions=partitions)
    world.produce(world.traffic(records // 2))
    a, b = world.router(name="a", ready=False), world.router(name="b", ready=False)
    a.wait_ready().wait_assigned()
    b.wait_ready().wait_assigned()
    world.produce(world.traffic(records // 2, seed=2))
    world.wait_metric(a, "sluice_consumed_records_total", 1)
    return a, b


def test_one_of_two_is_killed(world):
    world.members_die()
    a, b = two_under_load(world, fewer(60_000), partitions=6)
    a.kill()
    world.wait_done(b)
    world.finish(b)
    world.audit(duplicates=("archive", "alerts"))


def test_f07_a_frozen_replica_loses_its_partitions_and_nothing_else(world):
    """SIGSTOP until the group has thrown it out: what it still holds counts for nothing when it wakes."""
    world.members_die()
    a, b = two_under_load(world, fewer(40_000), partitions=4)
    a.freeze()
    world.wait_done(b)
    a.thaw()
    world.produce(world.traffic(1000, seed=3))
    world.wait_done(b)
    assert a.terminate() == 0, a.log_tail()
    world.finish(b)
    world.audit(duplicates=("archive", "alerts"))
