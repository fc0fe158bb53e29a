# SPDX-License-Identifier: Apache-2.0
"""What the source side meets: restarts, many partitions, odd records, every compression."""
import json

from tests.stack.process import wait_until

from .world import fewer


def test_f25_kafka_is_restarted_under_load(world, stack):
    world.make_topic(partitions=6)
    world.produce(world.traffic(fewer(100_000)))
    world.receiver.behave("slow", times=20)   # keeps the run long enough to be under load
    router = world.router()
    world.wait_metric(router, "sluice_consumed_records_total", 1000)
    stack.kafka.kill()
    stack.kafka.start()
    world.produce(world.traffic(2000, seed=2))
    world.wait_done(router)
    world.finish(router)
    world.audit(duplicates=("archive", "alerts"))


def test_sixty_four_partitions(world):
    world.make_topic(partitions=64)
    world.produce(world.traffic(fewer(64_000)))
    router = world.router()
    world.wait_done(router)
    assert len(router.metrics().by("sluice_lag_records", "partition")) == 64
    world.finish(router)
    world.audit()


def test_f30_partitions_added_while_running(world):
    """A partition that appears later is read from its beginning."""
    world.make_topic(partitions=1)
    world.produce(world.traffic(1000))
    config = world.config(kafka={"client": {"topic.metadata.refresh.interval.ms": "500"}, "start": "latest"})
    router = world.router(config)
    world.wait_done(router)
    world.broker.add_partitions(world.topic, 4)
    late = world.produce(world.traffic(2000, seed=2))
    world.wait_done(router)
    world.finish(router)
    # `latest` passed over the first thousand; of the others, nothing is missing.
    world.audit(records=late)


def test_c10_c11_c14_empty_large_and_deleted_records(world):
    """0 bytes, 1 MB, tombstones: delivered, delivered, counted."""
    world.make_topic(partitions=1)
    big = json.dumps({"id": "r00000001", "service": "auth", "message": "x" * 999_000}).encode()
    text = b"r00000002 " + b"y" * 999_000
    values = [b"", big, None, text, b"", None,
              b'{"id":"r00000003","service":"auth","message":"the last"}']
    world.broker.produce(world.topic, [(b"k", value, None) for value in values])
    router = world.router()
    world.wait_done(router)
    metrics = router.metrics()
    world.finish(router)
    assert metrics.sum("sluice_consumed_records_total") == len(values)
    assert metrics.sum("sluice_dropped_records_total", reason="tombstone") == 2
    archived = [json.loads(line) for _, line in world.in_archive()]
    assert sorted(len(record["message"]) for record in archived) == [0, 0, 8, 999_000, len(text)]
    assert {"r00000001", "r00000003"} == {source["id"] for _, _, source in world.in_search()}
    assert [s["message"] for _, _, s in world.in_search() if s["id"] == "r00000001"] == ["x" * 999_000]


def test_topics_of_every_compression(world):
    kinds = ("gzip", "snappy", "lz4", "zstd", "none")
    topics = [f"{world.name}-{kind}" for kind in kinds]
    for topic, kind in zip(topics, kinds):
        world.make_topic(topic, 2)
        world.produce(world.traffic(5000, seed=len(topic)), topic=topic, compression=kind)
    router = world.router(world.config(topics=[f"^{world.name}-.*"]))
    world.wait_done(router, topics=topics)
    world.finish(router)
    world.audit()
    world.audit_contents()


def test_a_topic_that_appears_later(world):
    world.make_topic(f"{world.name}-one")
    world.produce(world.traffic(500), topic=f"{world.name}-one")
    config = world.config(topics=[f"^{world.name}-.*"],
                          kafka={"client": {"topic.metadata.refresh.interval.ms": "500"}})
    router = world.router(config)
    world.wait_done(router, topics=[f"{world.name}-one"])
    world.make_topic(f"{world.name}-two", 2)
    world.produce(world.traffic(500, seed=2), topic=f"{world.name}-two")
    world.wait_done(router, topics=[f"{world.name}-one", f"{world.name}-two"])
    world.finish(router)
    world.audit()


def test_an_operator_s_offset_reset_wins(world):
    """The group's offsets are the truth: set back, the records come again, and the index shows them once."""
    from kafka import OffsetAndMetadata, TopicPartition
    world.make_topic(partitions=1)
    world.produce(world.traffic(2000))
    router = world.router()
    world.wait_done(router)
    world.finish(router)
    consumer = world.broker.consumer(group_id=world.group)

    def reset():
        try:
            consumer.commit({TopicPartition(world.topic, 0): OffsetAndMetadata(500, "")})
            return True
        except Exception:                    # the member that left may still be known for a moment
            return False

    wait_until(reset, 30, "offsets are set back")
    consumer.close()
    assert world.broker.committed(world.group, world.topic) == {0: 500}
    router = world.router(name="again")
    world.wait_done(router)
    assert router.metrics().sum("sluice_consumed_records_total") == 1500
    world.finish(router)
    world.audit_index_only()
