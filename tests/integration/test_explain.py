# SPDX-License-Identifier: Apache-2.0
"""What `sluice explain` says of records in Kafka is what a router did with them; looking changes nothing."""
import json
import subprocess

from tests.stack.router import program
from tests.traffic import generate

from .world import PATIENCE

COUNT = 300


def sluice(*words, stdin=None, status=0):
    done = subprocess.run([program(), *map(str, words)], input=stdin, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done


def explain(config, *words):
    return [json.loads(line) for line in sluice("explain", "-c", config, "--json", *words).stdout.splitlines()]


def by_sink(explained):
    return {sink["sink"]: sink for sink in explained["sinks"]}


def id_of(explained):
    return generate.ID.search(explained["value"]).group()


def test_explain_says_what_the_router_did(world):
    world.make_topic(partitions=3)
    records = {r.id: r for r in world.produce(world.traffic(COUNT))}
    router = world.router()
    config = router.config
    world.wait_done(router)
    world.finish(router)
    committed = world.broker.committed(world.group, world.topic)

    explained = explain(config, "--topic", world.topic, "--last", COUNT)
    assert len(explained) == COUNT
    assert {(e["topic"], e["partition"], e["offset"]) for e in explained} == set(world.place.values())
    for one in explained:
        assert set(by_sink(one)) == set(records[id_of(one)].sinks), one

    documents = {doc: index for index, doc, _ in world.in_search()}
    refused = {r.id for r in records.values() if r.kind in generate.REFUSED_BY_SEARCH}
    for one in explained:
        if "search" in by_sink(one) and id_of(one) not in refused:
            action = by_sink(one)["search"]["action"]["create"]
            assert documents.get(action["_id"]) == action["_index"], one
    keys = {id_: key for key, line in world.in_archive() for id_ in [generate.ID.search(line).group()]}
    for one in explained:
        if "archive" in by_sink(one):
            assert keys[id_of(one)].startswith(by_sink(one)["archive"]["key"] + "/"), one

    # One of them by its place, and as text.
    some = explained[COUNT // 2]
    place = ["--topic", some["topic"], "--partition", some["partition"], "--offset", some["offset"]]
    assert explain(config, *place) == [some]
    text = sluice("explain", "-c", config, *place).stdout
    assert text.startswith(f"{some['topic']}/{some['partition']}/{some['offset']}  "), text
    assert all(f"\u2192 {sink}" in text for sink in by_sink(some)), text

    assert world.broker.committed(world.group, world.topic) == committed


def test_explain_of_what_is_not_there(world):
    world.make_topic(partitions=2)
    world.produce(world.traffic(10))
    config = world.write(world.config())
    ends = world.broker.ends(world.topic)

    def says(words, *options):
        assert words in sluice("explain", "-c", config, *options, status=1).stderr

    says(f"there is no topic {world.topic}x; did you mean {world.topic}?", "--topic", world.topic + "x", "--last", 1)
    says("has no partition 7: it has 2, from 0", "--topic", world.topic, "--partition", 7, "--offset", 0)
    says(f"{ends[1]} is not there yet", "--topic", world.topic, "--partition", 1, "--offset", ends[1])
