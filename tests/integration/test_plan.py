# SPDX-License-Identifier: Apache-2.0
"""`sluice plan` and `sluice check --sample-topic` over records in Kafka: what they foretell is what a router then does,
and looking changes nothing."""
import json

from tests.integration.test_explain import sluice
from tests.traffic import generate

COUNT = 600
OLD = [{"name": "errors", "when": {"@level": ["error", "fatal"]}, "to": "alerts", "continue": True},
       {"name": "all", "to": ["search", "archive"]}]
NEW = [{"name": "errors", "when": {"@level": ["error", "fatal"]}, "to": "alerts", "continue": True},
       {"name": "no-metrics", "when": {"@kind": "metric"}, "drop": True},
       {"name": "all", "set": {"team": "tests"}, "to": ["archive"]}]


def test_plan_foretells_what_the_new_rules_do(world):
    world.make_topic(partitions=3)
    records = world.produce(world.traffic(COUNT))
    new = world.rules(NEW, "new")
    config = world.write(world.config(routes=world.rules(OLD, "old")), "old-sluice")
    ask = ["plan", "-c", config, "--against", new, "--topic", world.topic, "--last"]

    plan = json.loads(sluice(*ask, COUNT, "--json", status=3).stdout)
    assert plan["records"] == COUNT
    before = {s["sink"]: s["records"]["before"] for s in plan["sinks"]}
    after = {s["sink"]: s["records"]["after"] for s in plan["sinks"]}
    metrics = plan["dropped"]["rule"]["after"]
    assert before["search"] == before["archive"] == COUNT and metrics > 0
    assert after == {"search": 0, "archive": COUNT - metrics, "alerts": before["alerts"]}
    assert sum(c["records"] for c in plan["classes"]) == plan["changed"] == COUNT
    assert {c["example"]["place"].split("/")[0] for c in plan["classes"]} == {world.topic}

    # The newest only, and as text; nothing changes against itself.
    assert json.loads(sluice(*ask, 10, "--json", status=3).stdout)["records"] == 10
    text = sluice(*ask, COUNT, status=3).stdout
    assert text.startswith(f"{COUNT} of {COUNT} records change") and "now dropped by `no-metrics`" in text
    same = sluice("plan", "-c", config, "--against", world.rules(OLD, "same"), "--topic", world.topic, "--last", COUNT)
    assert same.stdout == f"nothing changes for {COUNT} records\n"
    assert set(world.broker.committed(world.group, world.topic).values()) == {None}

    router = world.router(world.config(routes=new))
    world.wait_done(router)
    world.finish(router)
    archived = [line for _, line in world.in_archive()]
    assert len(archived) == after["archive"]
    bytes_after = {s["sink"]: s["bytes"]["after"] for s in plan["sinks"]}
    assert sum(len(line.encode()) + 1 for line in archived) == bytes_after["archive"]
    assert len(records) - len(archived) == metrics


def test_check_reads_a_sample_from_kafka(world):
    world.make_topic(partitions=2)
    world.produce([r for r in world.traffic(COUNT) if r.kind not in generate.REFUSED_BY_SEARCH])
    rules = world.rules([{"name": "typo", "when": {"servcie": "auth"}, "to": "search"},
                         {"name": "all", "to": ["search", "archive", "alerts"]}])
    config = world.write(world.config(routes=rules))
    found = json.loads(sluice("check", "-c", config, "--sample-topic", world.topic, "--last", 200, "--json").stdout)
    assert found["sample_records"] == 200
    assert any("`servcie`; did you mean `service`?" in d["text"] for d in found["diagnostics"]), found
    wrong = sluice("check", "-c", config, "--sample-topic", world.topic + "x", status=1)
    assert f"there is no topic {world.topic}x" in wrong.stderr
