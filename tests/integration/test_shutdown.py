# SPDX-License-Identifier: Apache-2.0
"""SIGTERM under load: exit 0 within 10 s, and what a restart delivers is the rest, without a duplicate."""
import signal
import time

from tests.stack.process import wait_until

from .world import RECORDS, fewer


def test_f04_sigterm_under_load_then_the_rest(world):
    world.make_topic(partitions=6)
    world.produce(world.traffic(RECORDS))
    for turn, share in enumerate((0.05, 0.3, 0.6)):
        router = world.router(name=f"turn{turn}")
        wait_until(lambda: world.committed_share() + router.metrics().sum("sluice_consumed_records_total")
                   / len(world.produced) > share, 60, f"{share} consumed", every=0.01)
        world.finish(router)
    world.audit_commits()
    world.deliver_rest()
    world.audit()
    world.audit_contents()


def test_f06_sigterm_before_the_first_assignment(world):
    world.make_topic(partitions=2)
    router = world.router(ready=False)
    wait_until(lambda: router.get("/healthz")[0] == 200, 60, "/healthz")
    assert router.terminate() == 0, router.log_tail()


def test_f05_sigterm_while_a_sink_hangs(world):
    """What was not delivered is not committed; the deadline holds."""
    world.make_topic(partitions=4)
    world.produce(world.traffic(fewer(20_000)))
    world.receiver.behave("hang")
    router = world.router(world.config(shutdown="3s"))
    wait_until(world.receiver.seen, 60, "a request hangs")
    began = time.monotonic()
    status = router.terminate(30)
    assert status == 0, router.log_tail()
    assert time.monotonic() - began < 20    # and not as long as the request may last
    world.audit_commits()
    world.receiver.behave("ok")
    world.deliver_rest()
    # The archive's objects were cut anew after the hang, so it may hold records twice; nobody else.
    world.audit(duplicates=("archive",))


def test_a_restart_sends_a_sink_only_what_it_lacks(world):
    """The webhook holds the group's offset back; the others' own positions are committed beside it."""
    world.make_topic(partitions=4)
    world.produce(world.traffic(fewer(20_000)))
    world.receiver.behave("hang")
    router = world.router()
    others = ("search", "archive")
    wait_until(lambda: all(router.metrics().sum("sluice_in_flight_records", sink=s) == 0
                           and router.metrics().sum("sluice_delivered_records_total", sink=s) > 0
                           for s in others)
               and router.metrics().sum("sluice_consumed_records_total") == len(world.produced),
               120, "search and archive have everything")
    assert router.terminate(30) == 0, router.log_tail()
    world.audit_commits()
    assert world.committed_share() < 1
    world.receiver.behave("ok")
    router = world.router(name="rest")
    world.wait_done(router)
    again = {s: router.metrics().sum("sluice_routed_records_total", sink=s) for s in others}
    world.finish(router)
    assert not any(again.values()), again
    world.audit()


def test_a_second_signal_ends_at_once(world):
    world.members_die()
    world.make_topic(partitions=2)
    world.produce(world.traffic(5000))
    world.receiver.behave("hang")
    router = world.router(world.config(shutdown="600s"))
    wait_until(world.receiver.seen, 60, "a request hangs")
    router.process.signal(signal.SIGTERM)
    wait_until(lambda: router.get("/readyz")[0] != 200, 30, "not ready any more")
    router.process.signal(signal.SIGTERM)
    router.process.wait(180)                # and not ten minutes
    world.audit_commits()
    world.receiver.behave("ok")
    world.deliver_rest()
    world.audit(duplicates=("archive",))
