# SPDX-License-Identifier: Apache-2.0
"""200,000 mixed records over 6 partitions by the shipped routes: each id is exactly where the rules say, in
OpenSearch and in Elasticsearch, in S3 and at the webhook, field for field as produced."""
import pytest

from tests.stack.search import Search

from .world import RECORDS


def fan_out(world, client=None, **search):
    world.make_topic(partitions=6)
    world.produce(world.traffic(RECORDS))
    sinks = {"search": world.search_sink(**search), "archive": world.archive_sink(),
             "alerts": world.alerts_sink()}
    router = world.router(world.config(sinks=sinks))
    world.wait_done(router)
    metrics = router.metrics()
    assert metrics.sum("sluice_consumed_records_total") == RECORDS
    assert metrics.sum("sluice_decoded_records_total") == RECORDS
    health = sum(1 for r in world.produced if not r.sinks)
    assert metrics.sum("sluice_dropped_records_total", rule="health-checks") == health
    assert metrics.sum("sluice_dropped_records_total") == health
    for sink in ("search", "archive", "alerts"):
        assert metrics.sum("sluice_routed_records_total", sink=sink) == \
            sum(1 for r in world.produced if sink in r.sinks)
        assert metrics.sink_state(sink) == "live"
    world.finish(router)
    world.audit(client=client)
    world.audit_contents(client)
    assert world.receiver.problems == []


def test_two_hundred_thousand_records(world):
    fan_out(world)


@pytest.mark.elasticsearch
def test_elasticsearch_8(world, elasticsearch):
    client = Search(elasticsearch.url)
    client.template(world.name, world.indexes, {"status": {"type": "long"}})
    try:
        fan_out(world, client, nodes=[elasticsearch.url])
    finally:
        client.remove(world.indexes)


def test_zstd_and_envelope(world):
    """The archive's other forms: original key, value and place of every record can be read back."""
    import json
    world.make_topic(partitions=3)
    records = world.produce(world.traffic(5000))
    rules = world.rules([{"name": "all", "when": {"@partition": {"gte": 0}}, "to": ["archive"]}])
    archive = world.archive_sink(format="envelope", compression="zstd")
    router = world.router(world.config(sinks={"archive": archive}, routes=rules))
    world.wait_done(router)
    world.finish(router)
    by_place = {world.place[r.id]: r for r in records}
    seen = set()
    for key, line in world.in_archive():
        assert key.endswith(".ndjson.zst")
        envelope = json.loads(line)
        place = (envelope["topic"], envelope["partition"], envelope["offset"])
        record = by_place[place]
        value = envelope["value"]
        assert (value if isinstance(value, str) else json.dumps(value)) is not None
        if isinstance(value, str):
            assert value == record.value
        else:
            assert value == json.loads(record.value)
        assert envelope["key"] == record.key
        seen.add(place)
    assert len(seen) == len(records)


def test_raw_archive_is_the_original_bytes(world):
    world.make_topic(partitions=2)
    records = world.produce(world.traffic(3000))
    rules = world.rules([{"name": "all", "when": {"@partition": {"gte": 0}}, "to": ["archive"]}])
    archive = world.archive_sink(format="raw", compression="none", key="all")
    router = world.router(world.config(sinks={"archive": archive}, routes=rules))
    world.wait_done(router)
    world.finish(router)
    lines = world.in_archive()
    assert sorted(line for _, line in lines) == sorted(r.value for r in records)
    for key, _ in lines:
        name = key.rsplit("/", 1)[1]
        topic, partition, first, last, rest = name.rsplit("-", 4)
        assert topic == world.topic and len(first) == len(last) == 20, key
        assert int(first) <= int(last) and rest.endswith(".ndjson"), key
