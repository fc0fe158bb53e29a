# SPDX-License-Identifier: Apache-2.0
"""Rows of the fault table that need real servers and real processes: those of the router itself and of Kafka.
Each is named after its row and ends with the auditor. Those of destinations are in test_faults_sinks.py."""
import ctypes
import json
import os
import resource
import subprocess

import pytest
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from tests.integration.world import SANITIZED, fewer
from tests.stack.process import wait_until
from tests.stack.router import ROOT

SLOW = bool(os.environ.get("SLUICE_SLOW"))      # also what lasts minutes


def test_f01_kill_9_idle(world):
    """Nothing is under way: the next one goes on where it stood, and nobody gets anything twice."""
    world.members_die()
    world.make_topic(partitions=4)
    world.produce(world.traffic(2000))
    router = world.router()
    world.wait_done(router)
    router.kill()
    after = world.router(name="after")
    world.produce(world.traffic(1000))
    world.wait_done(after)
    assert after.metrics().sum("sluice_consumed_records_total") == 1000
    world.finish(after)
    world.audit()


def test_f02_kill_9_between_ack_and_commit(world):
    """Delivered, but Kafka cannot be told; then killed. Only the webhook may see that."""
    world.members_die()
    world.make_topic(partitions=4)
    records = world.produce(world.for_all(2000))
    config = world.config(kafka={"brokers": [world.way_to_kafka()]})
    world.receiver.behave("503")            # nothing can be committed before Kafka cannot be told
    router = world.router(config)
    wait_until(lambda: router.metrics().sum("sluice_consumed_records_total") > 0, 60, "it reads", every=0.002)
    world.proxy.do("stall", "kafka-0")
    world.receiver.behave("ok")
    had = router.metrics().sum("sluice_consumed_records_total")
    wait_until(lambda: world.delivered(router, "alerts") > 0 and world.delivered(router, "search") > 0, 30, "delivered")
    committed = world.committed_share() * len(records)
    router.kill()
    assert committed < had
    world.audit_commits()
    world.proxy.do("pass", "kafka-0")
    world.deliver_rest()
    arrived = world.audit(duplicates=("alerts",))
    assert len(arrived["alerts"]) - len(records) <= had + 500


def test_f03_kill_9_mid_put(world):
    """The body of an object is under way when the router dies: there is no half of an object."""
    world.members_die()
    world.make_topic(partitions=2)
    world.produce(world.for_all(4000))
    router = world.router(world.config(sinks=world.sinks()))
    world.proxy.do("rate", "archive", 5_000)
    world.wait_metric(router, "sluice_consumed_records_total", 4000)
    before = world.proxy.stats("archive")["up"]
    wait_until(lambda: world.proxy.stats("archive")["up"] > before + 5000, 60, "a body is under way")
    router.kill()
    world.proxy.do("drop", "archive")
    world.proxy.do("pass", "archive")
    world.in_archive()                      # every object there is whole
    world.audit_commits()
    world.deliver_rest()
    world.audit(duplicates=("alerts",))


SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17


def test_f08_loop_blocked_longer_than_max_poll(world):
    """The loop's thread stands still while the Kafka client's go on: the group takes the partitions away, and it
    comes back without having lost or committed anything."""
    libc = ctypes.CDLL(None, use_errno=True)
    world.make_topic(partitions=4)
    config = world.config(kafka={"consumer": {"session.timeout.ms": "6000", "heartbeat.interval.ms": "500",
                                              "max.poll.interval.ms": "8000"}})
    router = world.router(config)
    world.produce(world.traffic(fewer(20_000)))
    world.wait_metric(router, "sluice_consumed_records_total", 1)
    pid = router.process.pid                # the main thread is the loop
    assert libc.ptrace(SEIZE, pid, 0, 0) == 0 and libc.ptrace(INTERRUPT, pid, 0, 0) == 0
    try:
        other = world.router(name="other", config=config)
        world.produce(world.traffic(1000))
        world.wait_done(other)
    finally:
        libc.ptrace(DETACH, pid, 0, 0)
    wait_until(lambda: "max.poll.interval" in router.log_text(), 30, "it says so")
    world.produce(world.traffic(1000))
    world.wait_done(router, other)
    world.finish(other)
    world.produce(world.traffic(1000))
    world.wait_done(router)
    world.finish(router)
    world.audit(duplicates=("alerts",))


def test_f11_fd_exhaustion(world):
    """No descriptor can be had for a while: it backs off and goes on afterwards."""
    world.make_topic(partitions=4)
    router = world.router(world.config(sinks=world.sinks()))
    world.produce(world.traffic(1000))
    world.wait_done(router)
    limits = resource.prlimit(router.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(router.process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    for sink in ("search", "archive", "alerts"):
        world.proxy.do("drop", sink)
    world.produce(world.for_all(500))
    wait_until(lambda: "open files" in router.log_text() or "request failed" in router.log_text(), 60, "it says so")
    assert router.running()
    resource.prlimit(router.process.pid, resource.RLIMIT_NOFILE, limits)
    world.wait_done(router)
    world.finish(router)
    world.audit()


@pytest.mark.skipif(SANITIZED, reason="the sanitizers' library has to be the first that is preloaded")
@pytest.mark.parametrize("seconds", [3600, -3600])
def test_f12_clock_one_hour_off(world, seconds):
    """The store refuses such signatures; its own clock is taken from its reply. Timers do not care."""
    shim = world.folder / "clock.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", shim, ROOT / "tests" / "fault" / "clock.c"], check=True)
    world.make_topic(partitions=2)
    world.produce(world.traffic(2000))
    # The webhook's signature bears the time, and its receiver is right to refuse it: another's business.
    sinks = {name: sink for name, sink in world.sinks().items() if name != "alerts"}
    rules = world.rules([{"name": "all", "to": ["archive"]}])
    router = world.router(world.config(sinks={"archive": sinks["archive"]}, routes=rules), start=False)
    router.environment |= {"LD_PRELOAD": str(shim), "CLOCK_OFFSET": str(seconds)}
    router.start().wait_ready(60)
    world.wait_done(router)
    assert router.metrics().sum("sluice_requests_total", sink="archive", code="403") >= 1
    world.finish(router)
    ids = [json.loads(line).get("id") or line for _, line in world.in_archive()]
    assert len(ids) == len(world.produced)


def test_f13_rolling_restart(world):
    """Two replicas, each restarted five times under load: not one record twice."""
    world.make_topic(partitions=6)
    config = world.config(shutdown="60s")
    pair = [world.router(config, name=name, ready=False) for name in ("a", "b")]
    for router in pair:
        router.wait_ready()
    for turn in range(10):
        world.produce(world.traffic(fewer(4000)))
        router = pair[turn % 2]
        assert router.terminate() == 0, router.log_tail()
        router.start()
        wait_until(lambda: router.get("/readyz")[0] == 200, 60, "ready again")
    world.wait_done(*pair)
    for router in pair:
        world.finish(router)
    world.audit()


def test_f14_scale_1_8_1(world):
    world.make_topic(partitions=8)
    part = fewer(10_000)
    world.produce(world.traffic(part))
    config = world.config(shutdown="60s")
    first = world.router(config, name="r0")
    more = [world.router(config, name=f"r{n}", ready=False) for n in range(1, 8)]
    world.produce(world.traffic(part))
    for router in more:
        router.wait_ready(120)
    world.produce(world.traffic(part))
    for router in more:
        assert router.terminate() == 0, router.log_tail()
        world.produce(world.traffic(500))
    world.wait_done(first)
    world.finish(first)
    world.audit()


def test_f17_zombie_and_new_owner_both_deliver(world):
    """Frozen with requests under way, replaced, and awake again: what both deliver is there once."""
    world.members_die()
    world.make_topic(partitions=4)
    config = world.config(sinks=world.sinks())
    a = world.router(config, name="a")
    for link in ("search", "archive", "alerts"):
        world.proxy.do("stall", link)       # requests have left, and are nowhere yet
    world.produce(world.for_all(2000))
    world.wait_metric(a, "sluice_consumed_records_total", 2000)
    wait_until(lambda: all(a.metrics().sum("sluice_in_flight_records", sink=s) for s in ("search", "alerts")), 30,
               "requests are under way")
    a.freeze()
    b = world.router(name="b")              # straight to the servers
    world.wait_done(b)
    for link in ("search", "archive", "alerts"):
        world.proxy.do("pass", link)
    a.thaw()
    world.produce(world.for_all(500))
    world.wait_done(a, b)
    assert a.terminate() == 0, a.log_tail()
    world.finish(b)
    arrived = world.audit(duplicates=("alerts",))
    assert len(arrived["alerts"]) <= 2 * len(world.produced)


def test_f26_broker_half_open(world):
    """The broker's connections swallow everything: noticed by time, replaced, nothing lost."""
    world.make_topic(partitions=4)
    config = world.config(kafka={"brokers": [world.way_to_kafka()], "consumer": {
        "session.timeout.ms": "3000", "heartbeat.interval.ms": "500", "socket.timeout.ms": "4000",
        "reconnect.backoff.max.ms": "1000"}})
    router = world.router(config)
    world.produce(world.traffic(2000))
    world.wait_metric(router, "sluice_consumed_records_total", 1)
    world.proxy.do("half", "kafka-0")
    made = world.proxy.stats("kafka-0")["connections"]
    world.produce(world.traffic(2000))
    # It gives the silent connections up and tries others, which are silent, too.
    wait_until(lambda: world.proxy.stats("kafka-0")["connections"] >= made + 2, 60, "it tries again")
    world.proxy.do("pass", "kafka-0")
    world.wait_done(router)
    world.finish(router)
    world.audit(duplicates=("alerts",))


def test_f27_corrupt_wire_bytes(world):
    """One bit of a record changes on the way from the broker: the batch is read again."""
    world.make_topic(partitions=1)
    marker = b"ratio\":1e-"
    world.produce([r for r in world.traffic(4000) if r.is_json][:1000])
    assert any(marker.decode() in r.value for r in world.produced)
    brokers = [world.way_to_kafka()]
    world.proxy.do("flip", "kafka-0", "down", marker.hex(), 3)
    router = world.router(world.config(kafka={"brokers": brokers}))
    world.wait_done(router)
    world.finish(router)
    world.audit()
    world.audit_contents()


def test_f29_topic_recreated(world):
    """Under a running router the topic is made anew, with fewer records: it stops and says so. When the operator
    has decided, the new records come, and are no repetition of the old ones at the same offsets."""
    world.make_topic(partitions=1)
    world.produce(world.traffic(3000))
    router = world.router()
    world.wait_done(router)
    world.broker.remove_topic(world.topic)
    wait_until(lambda: not world.broker.ends(world.topic), 60, "the topic is gone")
    world.make_topic(partitions=1)
    world.produce(world.traffic(500))
    wait_until(lambda: "partition stopped" in router.log_text(), 90, lambda: f"it says so\n{router.log_tail(5)}")
    assert router.process.wait(30) == 1, "every partition is stopped"
    router = world.router(world.config(kafka={"out_of_range": "earliest"}), name="decided")
    wait_until(lambda: world.lag() == 0, 60, "the new records are done")
    world.finish(router)
    world.audit()


def test_f31_hung_transaction(world):
    """Behind an open transaction nothing can be read: the lag shows it (and after a minute a warning tells what to
    look for); nothing of it arrives, and what is behind it does when it has ended."""
    world.make_topic(partitions=1)
    world.produce(world.traffic(500))
    router = world.router()
    world.wait_done(router)
    words = ["kcat", "-P", "-b", world.stack.kafka.address, "-t", world.topic, "-p", "0", "-X",
             f"transactional.id={world.name}", "-X", "linger.ms=0"]
    hung = subprocess.Popen([*words, "-X", f"transaction.timeout.ms=300000"],      # not while this runs
                            stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        # More than what kcat reads at a time, or it would wait for the rest.
        hung.stdin.write(b'{"id":"r99999999","service":"never","message":"aborted"}\n' * 2000)
        hung.stdin.flush()
        wait_until(lambda: world.broker.ends(world.topic)[0] > 500, 30, "the transaction has begun")
        behind = world.produce(world.traffic(500))
        wait_until(lambda: router.metrics().sum("sluice_lag_records") >= len(behind), 60, "the lag shows it")
        if SLOW:
            wait_until(lambda: "transaction that is left open" in router.log_text(), 90, "it says so")
        assert router.metrics().sum("sluice_consumed_records_total") == 500
    finally:
        hung.kill()
        hung.wait()
    # Who takes over the id ends what was left open.
    subprocess.run(words, input=b"", check=True, stderr=subprocess.DEVNULL)
    wait_until(lambda: router.metrics().sum("sluice_consumed_records_total") == 1000, 60, "it goes on")
    wait_until(lambda: world.lag() <= 1, 60, lambda: f"done, lag {world.lag()}")
    world.finish(router)
    world.audit()


def test_f32_group_offsets_gone(world):
    """`start` decides, and never silently."""
    world.make_topic(partitions=2)
    world.produce(world.traffic(1000))
    router = world.router()
    world.wait_done(router)
    world.finish(router)
    wait_until(lambda: group_deleted(world), 30, "the group is deleted")
    router = world.router(world.config(kafka={"start": "fail"}), name="fails", ready=False)
    assert router.process.wait(60) == 1, router.log_tail()
    assert "no committed offset" in router.log_text(), router.log_tail()
    router = world.router(name="again")
    world.wait_done(router)
    assert router.metrics().sum("sluice_consumed_records_total") == 1000
    world.finish(router)
    world.audit_index_only()


def group_deleted(world):
    try:
        world.stack.kafka.tool("consumer.group.ConsumerGroupCommand", "--delete", "--group", world.group)
        return True
    except RuntimeError:                     # the member that left may still be known for a moment
        return False


def test_f33_acl_revoked(world):
    """Reading is forbidden while it runs: it stays, says so, and goes on when it may again."""
    world.make_topic(partitions=2)
    world.produce(world.traffic(1000))
    router = world.router()
    world.wait_done(router)
    rule = ACL(principal="User:ANONYMOUS", host="*", operation=ACLOperation.READ,
               permission_type=ACLPermissionType.DENY,
               resource_pattern=ResourcePattern(ResourceType.TOPIC, world.topic))
    also = ACL(principal="User:ANONYMOUS", host="*", operation=ACLOperation.ALL,
               permission_type=ACLPermissionType.ALLOW,
               resource_pattern=ResourcePattern(ResourceType.TOPIC, world.topic))
    admin = world.broker._admin()
    try:
        admin.create_acls([rule, also])      # with any rule for it, nobody else may anything
        world.produce(world.traffic(500))
        wait_until(lambda: "not allowed" in router.log_text(), 60, "it says so")
        assert router.running()
    finally:
        admin.delete_acls([rule, also])
        admin.close()
    world.wait_done(router)
    world.finish(router)
    world.audit()


def test_f34_fenced_instance_id(world):
    """Two routers with one group.instance.id: the older one ends in words, the other does the work."""
    world.make_topic(partitions=2)
    world.produce(world.traffic(1000))
    config = world.config(kafka={"consumer": {"session.timeout.ms": "6000", "heartbeat.interval.ms": "500",
                                              "group.instance.id": "one"}})
    a = world.router(config, name="a")
    world.wait_done(a)
    b = world.router(config, name="b", ready=False)
    world.produce(world.traffic(1000))
    assert a.process.wait(60) == 1, a.log_tail()
    assert "fenced" in a.log_text().lower(), a.log_tail()
    world.wait_done(b)
    world.finish(b)
    world.audit(duplicates=("alerts",))


def address_space(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmPeak:"))


@pytest.mark.skipif(SANITIZED, reason="sanitizers take the address space for themselves")
def test_c15_a_batch_of_gzip_that_kills(world):
    """A batch that inflates beyond the memory limit ends the process; the fourth one leaves its partition alone, says
    so, and reads the others."""
    world.members_die()
    world.make_topic(partitions=2)
    world.produce(world.for_all(100))
    router = world.router(world.config(sinks=world.sinks()))
    world.wait_done(router)
    limit = address_space(router.process.pid) + (256 << 20)
    router.terminate()
    world.audit()
    bomb = json.dumps({"id": "r10000000", "message": "x" * 900_000}).encode()
    path = world.folder / "bomb.tsv"
    path.write_bytes((b"k\t" + bomb + b"\n") * 500)
    subprocess.run(["kcat", "-P", "-b", world.stack.kafka.address, "-t", world.topic, "-p", "0", "-K", "\t", "-z", "gzip",
                    "-X", "linger.ms=10000", "-X", "batch.size=1000000000", "-X", "message.max.bytes=1000000000", "-l", path],
                   check=True, stdin=subprocess.DEVNULL)
    for _ in range(3):
        router.start()
        resource.prlimit(router.process.pid, resource.RLIMIT_AS, (limit, limit))
        wait_until(lambda: not router.running(), 60, "it dies of it")
    router.start()
    resource.prlimit(router.process.pid, resource.RLIMIT_AS, (limit, limit))
    wait_until(lambda: f"{world.topic}-0: parked for 60 s" in router.get("/readyz")[1], 60,
               lambda: f"it says so\n{router.get('/readyz')[1]}{router.log_tail(5)}")
    more = [(b"k", b'{"id":"r%08d","level":"error","service":"a"}' % n, None) for n in range(20000000, 20000010)]
    world.broker.produce(world.topic, more, partition=1)
    wait_until(lambda: "r20000009" in world.receiver.ids(), 60, "the other partition goes on")
    assert router.running() and "memory limit" in router.log_text()
    router.terminate()
    world.routers.remove(router)        # its log has the library's failed assertions


def test_c16_a_batch_of_zstd_over_the_cap(world):
    """A batch that inflates beyond what is taken: its partition is parked and named, the others go on."""
    world.make_topic(partitions=2)
    bomb = json.dumps({"id": "r00000000", "message": "x" * 900_000}).encode()
    path = world.folder / "bomb.tsv"
    path.write_bytes((b"k\t" + bomb + b"\n") * 40)
    subprocess.run(["kcat", "-P", "-b", world.stack.kafka.address, "-t", world.topic, "-p", "0", "-K", "\t", "-z", "zstd",
                    "-X", "linger.ms=2000", "-X", "batch.size=50000000", "-X", "message.max.bytes=60000000", "-l", path],
                   check=True, stdin=subprocess.DEVNULL)
    world.broker.produce(world.topic, [(b"k", b'{"id":"r00000001","level":"error","service":"a"}', None)] * 10, partition=1)
    config = world.config(kafka={"consumer": {"receive.message.max.bytes": "2000000"}, "memory": "1MiB"})
    router = world.router(config)
    wait_until(lambda: len(world.receiver.ids()) == 10, 60, "the other partition goes on")
    wait_until(lambda: f'"topic":"{world.topic}"' in router.log_text() and "stopped" in router.get("/readyz")[1], 60,
               lambda: f"it is named\n{router.get('/readyz')[1]}{router.log_tail(5)}")
    router.terminate()
