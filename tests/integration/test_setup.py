# SPDX-License-Identifier: Apache-2.0
"""`sluice setup` makes the topics that are missing, changes none that are there, and says what will hurt."""
import json
import subprocess

from kafka.admin import ConfigResource, ConfigResourceType

from tests.stack.process import free_port
from tests.stack.router import program

from .world import PATIENCE


def sluice_setup(config, *words, status=0):
    done = subprocess.run([program(), "setup", "-c", config, *words], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == status, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def as_json(config, *words, status=0):
    found = json.loads(sluice_setup(config, "--json", *words, status=status).stdout)
    return found, {topic["topic"]: topic for topic in found["topics"]}


def settings(world, topic):
    admin = world.broker._admin()
    try:
        reply = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        return {entry[0]: entry[1] for part in reply for resource in part.resources for entry in resource[4]}
    finally:
        admin.close()


def test_what_is_missing_is_made_once(world):
    dead, other, state = (f"{world.name}.{n}" for n in ("letters", "hook-letters", "state"))
    world.make_topic(max_message_bytes=2_000_000)
    config = world.config(dead_letter={"topic": dead}, state={"topic": state})
    config["sinks"]["alerts"]["dead_letter"] = {"topic": other}
    path = world.write(config)
    world.topics += [dead, other, state]

    dry, topics = as_json(path, "--dry-run")
    assert dry["dry_run"] is True
    assert [topics[t]["status"] for t in (dead, other, state, world.topic)] == ["missing"] * 3 + ["exists"]
    assert not any(world.broker.ends(t) for t in (dead, other, state)), "a dry run makes nothing"
    text = sluice_setup(path, "--dry-run").stdout
    assert f"create   dead-letter topic {dead}: 1 partition, 1 replica, kept 30d\n" in text
    assert "nothing was created" in text

    made, topics = as_json(path)
    assert [topics[t]["status"] for t in (dead, other, state)] == ["created"] * 3
    assert made["warnings"] == []
    assert {one["sink"] for one in made["not_set_up"]} == {"search", "archive"}
    letters, kept = settings(world, dead), settings(world, state)
    assert (letters["cleanup.policy"], letters["retention.ms"]) == ("delete", str(30 * 86_400_000))
    assert int(letters["max.message.bytes"]) > 2_000_000
    assert kept["cleanup.policy"] == "compact"
    assert len(world.broker.ends(state)) == len(world.broker.ends(dead)) == 1

    again = sluice_setup(path).stdout
    assert again.count("exists ") == 3 and "created" not in again
    assert f"exists   state topic {state}: 1 partition, 1 replica, compacted\n" in again
    assert "not set up by this version: sink search: index template" in again


def test_what_will_hurt_is_said(world):
    state = f"{world.name}.state"
    world.make_topic(cleanup_policy="compact")
    world.make_topic(f"{world.name}-big", max_message_bytes=3_000_000)
    world.make_topic(state, partitions=3, min_insync_replicas=2)
    world.make_topic(f"{world.name}.cdead", cleanup_policy="compact")
    config = world.config(topics=[f"^{world.name}", "absent-topic"], state={"topic": state},
                          dead_letter={"topic": f"{world.name}.cdead"})
    done = sluice_setup(world.write(config))
    said = done.stderr
    assert f"state topic {state} has 1 replica(s) and min.insync.replicas is 2" in said
    assert f"state topic {state} is not compacted" in said
    assert f"dead-letter topic {world.name}.cdead is compacted" in said
    assert f"source topic {world.name}-big up to 3000000" in said
    assert f"source topic {world.name} is compacted" in said
    assert "source topic absent-topic does not exist" in said
    assert len(said.splitlines()) == 6, said
    assert len(world.broker.ends(state)) == 3, "what is there stays as it is"


def test_what_the_cluster_refuses(world):
    """A name that Kafka does not take together with one that is there: `a.b` and `a_b`."""
    world.make_topic(f"{world.name}_x")
    world.topics.append(f"{world.name}-state")
    config = world.config(dead_letter={"topic": f"{world.name}.x"}, state={"topic": f"{world.name}-state"})
    path = world.write(config)
    _, topics = as_json(path, "--dry-run", status=1)
    assert topics[f"{world.name}.x"]["status"] == "refused"
    done = sluice_setup(path, status=1)
    assert f"topic {world.name}.x cannot be created: " in done.stdout and "collides" in done.stdout
    assert f"created  state topic {world.name}-state" in done.stdout, "the others are made nevertheless"


def test_no_broker(world):
    config = world.config()
    config["source"]["kafka"]["brokers"] = [f"127.0.0.1:{free_port()}"]
    assert "no connection to the broker" in sluice_setup(world.write(config), status=1).stderr
