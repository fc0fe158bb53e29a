# SPDX-License-Identifier: Apache-2.0
"""Dead letters from the operator's side: seen, looked at, mended, sent once more, and never twice."""
import json
import re
import signal
import subprocess

from tests.stack.process import wait_until
from tests.stack.router import program

from .world import PATIENCE


def sluice(*words, status=0):
    done = subprocess.run([program(), "dlq", *map(str, words)], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


def as_json(*words, status=0):
    return json.loads(sluice(*words, "--json", status=status).stdout)


def record(number, **fields):
    return json.dumps({"id": f"r{number:08d}", **fields}, separators=(",", ":")).encode()


def bad(number):
    """What a field of type long does not take."""
    return record(number, status={"no": "number"})


def rules(world, to, **more):
    return world.rules([{"name": "all", "when": {"id": {"exists": True}}, "to": to, **more}])


def waiting(config, *filters):
    listed = as_json("list", "-c", config, "--limit", 100000, *filters)
    return {letter["letter"]: letter for letter in listed["letters"]}


def refuse(world, values, sinks, **more):
    """Lets a router refuse what it refuses, and returns the configuration."""
    world.produced_at = world.broker.produce(world.topic, values)
    config = world.config(sinks=sinks, routes=rules(world, list(sinks)), unmatched="drop", **more)
    router = world.router(config)
    world.wait_done(router)
    world.finish(router)
    return router.config


def ids_in_search(world):
    return {source["id"]: doc for _, doc, source in world.in_search()}


def explained_id(config, topic, partition, offset):
    out = subprocess.run([program(), "explain", "-c", config, "--json", "--topic", topic, "--partition",
                          str(partition), "--offset", str(offset)], capture_output=True, text=True, check=True).stdout
    return json.loads(out)["sinks"][0]["action"]["create"]["_id"]


def test_seen_mended_redriven_and_never_twice(world):
    world.make_topic(partitions=2)
    headers = [("traceparent", b"00-1"), ("bin", b"\x00\xff")]
    values = [(b"key %d" % n, bad(n) if n % 3 == 0 else record(n, status=n), headers) for n in range(60)]
    config = refuse(world, values, {"search": world.search_sink()})
    refused = {f"r{n:08d}" for n in range(0, 60, 3)}
    source = {json.loads(r.value)["id"]: r for r in world.broker.read(world.topic)}

    # Seen: counted as one kind, and one by one.
    listed = as_json("list", "-c", config, "--limit", 100)
    assert listed["topics"] == [{"topic": world.dead, "waiting": 20, "redriven": 0, "others": 0}]
    assert [(g["letters"], g["sink"], g["rule"], g["status"]) for g in listed["groups"]] == \
        [(20, "search", "all", "400")]
    assert "status" in listed["groups"][0]["reason"]
    assert len(listed["letters"]) == 20
    text = sluice("list", "-c", config, "--limit", 3).stdout
    assert text.startswith("  LETTERS  LAST") and "The newest 3:" in text and "20 letters wait" in text
    assert waiting(config, "--sink", "other") == waiting(config, "--until", "1h") == {}
    assert len(waiting(config, "--where", f"sink=search topic={world.topic} since=1h reason=status")) == 20

    # Looked at: all of the record, and why.
    for place, letter in list(waiting(config).items())[:3]:
        shown = as_json("show", "-c", config, place)
        original = source[json.loads(shown["value"])["id"]]
        assert shown["value"].encode() == original.value and shown["key"].encode() == original.key
        assert shown["headers"] == [["traceparent", "00-1"], ["bin", {"base64": "AP8="}]]
        assert (shown["topic"], shown["partition"], shown["offset"]) == \
            (world.topic, original.partition, original.offset)
        assert shown["timestamp"].startswith("20") and shown["redriven"] is False
        assert {name: shown[name] for name in letter} == letter
        raw = subprocess.run([program(), "dlq", "show", "-c", config, "--raw", place], capture_output=True,
                             check=True).stdout
        assert raw == original.value
        assert "refused by search with status 400" in sluice("show", "-c", config, place).stdout

    # Nothing is mended yet: a dry run sends nothing, and what is refused again makes no second letter.
    ends = world.broker.ends(world.dead)
    dry = sluice("redrive", "-c", config, "--dry-run").stdout
    assert "20 would be sent" in dry and dry.count("→ search") == 3
    again = as_json("redrive", "-c", config, status=1)
    assert (again["redriven"], again["refused"], again["stopped"]) == (0, 20, None)
    assert [k["letters"] for k in again["kinds"]] == [20] and "status" in again["kinds"][0]["why"]
    assert world.broker.ends(world.dead) == ends
    assert set(ids_in_search(world)) == set(f"r{n:08d}" for n in range(60)) - refused

    # Mended by a rule: the current rules count. One of them, two of them, the rest, and then none.
    world.rules([{"name": "mend", "when": {"id": {"exists": True}}, "rename": {"status": "state"}, "to": ["search"]}])
    places = list(waiting(config))
    assert as_json("redrive", "-c", config, places[0])["redriven"] == 1
    assert as_json("show", "-c", config, places[0])["redriven"] is True
    assert "has been redriven" in sluice("show", "-c", config, places[0]).stdout
    assert as_json("redrive", "-c", config, "--limit", 2)["redriven"] == 2
    assert len(waiting(config)) == 17
    done = sluice("redrive", "-c", config, "--where", "sink=search")
    assert done.stdout == "17 redriven\n  17  search\n" and done.stderr == ""
    ends = world.broker.ends(world.dead)
    none = sluice("redrive", "-c", config)
    assert none.stdout == "no letter is left to redrive\n"
    assert world.broker.ends(world.dead) == ends
    assert as_json("list", "-c", config)["topics"][0]["redriven"] == 20

    # With the ids that they would have had.
    have = ids_in_search(world)
    assert len(have) == 60
    for one in sorted(refused)[:4]:
        place = source[one]
        assert have[one] == explained_id(config, world.topic, place.partition, place.offset)
    assert all(r.key is None and r.value is None and r.headers[0][0] == "sluice-redriven"
               for r in world.broker.read(world.dead) if r.value is None)


def hook_config(world, count, **more):
    """`count` letters of the webhook, which would take them now."""
    world.make_topic(partitions=2)
    world.receiver.refuse = '"hook":"no"'
    values = [(b"k%d" % n, record(n, hook="no"), None) for n in range(count)]
    config = refuse(world, values, {"alerts": world.alerts_sink()}, dead_letter={"topic": world.dead, "limit": 1000})
    assert len(waiting(config)) == count
    assert world.receiver.ids() == []
    world.receiver.refuse = None
    sinks = {"alerts": world.alerts_sink(batch={"records": 1, "age": "10ms"}, **more)}
    return world.write(world.config(sinks=sinks, routes=rules(world, ["alerts"]), unmatched="drop"), "redrive")


def start(config, *words):
    return subprocess.Popen([program(), "dlq", "redrive", "-c", config, *words], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def test_interrupted_and_gone_on_with(world):
    count = 120
    config = hook_config(world, count, rate="20/s")
    running = start(config, "--json")
    wait_until(lambda: len(world.receiver.ids()) >= 20, PATIENCE, "some were redriven")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 1 and "finishing what is under way" in err, err
    assert "goes on with what is left" in err
    first = json.loads(out)
    assert 20 <= first["redriven"] == len(world.receiver.ids()) < count, "what was not under way is left"
    assert first["stopped"] == "stopped" and first["unknown"] == first["refused"] == 0
    assert len(waiting(config)) == count - first["redriven"]

    rest = as_json("redrive", "-c", config)
    assert rest["redriven"] == count - first["redriven"] and rest["stopped"] is None
    assert sorted(world.receiver.ids()) == [f"r{n:08d}" for n in range(count)], "each once"
    assert waiting(config) == {}


def test_killed_and_gone_on_with(world):
    """What was delivered and not noted comes once more: at most what a moment delivers."""
    count = 120
    config = hook_config(world, count, rate="20/s")
    running = start(config)
    wait_until(lambda: len(world.receiver.ids()) >= 40, PATIENCE, "some were redriven")
    running.kill()
    running.communicate()
    noted = count - len(waiting(config))
    assert noted > 0, "marks are written while it runs"
    sluice("redrive", "-c", config)
    got = world.receiver.ids()
    assert set(got) == {f"r{n:08d}" for n in range(count)}
    assert len(got) <= count + 40
    assert waiting(config) == {}


def test_back_to_the_topic(world):
    world.make_topic(partitions=3)
    values = [(b"key %d" % n, bad(n), [("h", b"%d" % n)]) for n in range(12)]
    config = refuse(world, values, {"search": world.search_sink()}, dead_letter={"topic": world.dead, "limit": 1000})
    before = world.broker.read(world.topic)
    dry = as_json("redrive", "-c", config, "--to-topic", "--dry-run")
    assert (dry["dry_run"], dry["redriven"]) == (True, 12)
    assert sum(world.broker.ends(world.topic).values()) == 12

    done = sluice("redrive", "-c", config, "--to-topic").stdout
    assert done == f"12 redriven\n  12  {world.topic}\n"
    assert sluice("redrive", "-c", config, "--to-topic").stdout == "no letter is left to redrive\n"
    assert waiting(config) == {}
    after = world.broker.read(world.topic)
    assert len(after) == 24
    new = {r.key: r for r in after if any(name == "sluice-letter" for name, _ in r.headers)}
    for old in before:
        copy = new.pop(old.key)
        assert (copy.value, copy.partition, copy.timestamp) == (old.value, old.partition, old.timestamp)
        assert copy.headers[0] == old.headers[0] and copy.headers[1][1].startswith(f"{world.dead}/".encode())
        assert copy.headers[2] == ("sluice-refused-by", b"search")
    assert new == {}

    # The router reads them again, under rules that mend them.
    world.rules([{"name": "mend", "when": {"id": {"exists": True}}, "remove": ["status"], "to": ["search"]}])
    router = world.router(json.loads(config.read_text()), name="again")
    world.wait_done(router)
    world.finish(router)
    assert len(ids_in_search(world)) == 12


def letter(world, value, offset, sink="alerts", truncated=None, timestamp=None, topic=None):
    own = [("sluice-sink", sink.encode()), ("sluice-reason", b"refused"), ("sluice-status", b"400"),
           ("sluice-rule", b"all"), ("sluice-topic", (topic or world.topic).encode()), ("sluice-partition", b"0"),
           ("sluice-offset", b"%d" % offset), ("sluice-index", b"0"), ("sluice-time", b"2026-01-31T12:00:00Z")]
    if timestamp is not None:
        own.insert(8, ("sluice-timestamp", b"%d" % timestamp))
    return (None, value, own + ([("sluice-truncated", truncated)] if truncated else []))


def test_copies_of_a_letter_are_sent_once(world):
    world.make_topic()
    world.broker.produce(world.dead, [letter(world, record(n // 2), n // 2, timestamp=1769860700000)
                                      for n in range(20)])
    config = world.write(world.config(sinks={"alerts": world.alerts_sink()}, routes=rules(world, ["alerts"]),
                                      unmatched="drop"))
    assert as_json("redrive", "-c", config)["redriven"] == 20
    assert sorted(world.receiver.ids()) == [f"r{n:08d}" for n in range(10)]
    assert waiting(config) == {}


def test_c14_letters_that_only_point_to_their_record(world):
    """Too large for the dead-letter topic: the record is read from its own topic, if it is there still."""
    world.make_topic()
    world.broker.produce(world.topic, [(b"k", record(n, pad="x" * 50_000), None) for n in range(3)])
    times = {r.offset: r.timestamp for r in world.broker.read(world.topic)}
    world.broker.produce(world.dead, [
        letter(world, b"", 1, truncated=b"value", timestamp=times[1]),
        letter(world, b"", 2, truncated=b"value", timestamp=times[2] - 1),   # of another record, once
        letter(world, b"", 3, truncated=b"value"),
        letter(world, b"", 0, truncated=b"value", topic="gone")])
    config = world.write(world.config(sinks={"alerts": world.alerts_sink()}, routes=rules(world, ["alerts"]),
                                      unmatched="drop"))
    done = as_json("redrive", "-c", config, status=1)
    assert (done["redriven"], done["gone"]) == (1, 3)
    assert world.receiver.ids() == ["r00000001"]
    assert len(world.receiver.records[0]["pad"]) == 50_000
    why = " ".join(kind["why"] for kind in done["kinds"])
    assert "another record stands in its place" in why and "not there yet" in why and "no topic gone" in why


def test_letters_that_are_not_sent(world):
    world.make_topic()
    world.broker.produce(world.dead, [letter(world, record(n), n, sink) for n, sink in
                                      enumerate(["alerts", "renamed", "archive", "search"])])
    world.broker.produce(world.dead, [(b"k", b"not a letter", None)])
    config = world.write(world.config(routes=world.rules([
        {"name": "noise", "when": {"id": "r00000000"}, "drop": True},
        {"name": "all", "when": {"id": {"exists": True}}, "to": ["alerts", "archive"]}]), unmatched="drop"))
    done = as_json("redrive", "-c", config, status=1)
    assert (done["redriven"], done["elsewhere"], done["no_sink"], done["archive"]) == (0, 2, 1, 1)
    why = {kind["sink"]: kind["why"] for kind in done["kinds"]}
    assert why["alerts"] == "rule noise drops them"
    assert why["search"] == "rule all sends them to alerts archive"
    text = sluice("redrive", "-c", config, status=1).stdout
    assert "--to-topic" in text and "there is no such sink any more" in text
    assert len(waiting(config)) == 4
    assert "1 of its records" not in sluice("list", "-c", config, "--sink", "none").stderr
    assert "is no dead letter" in sluice("show", "-c", config, f"{world.dead}/0/4", status=1).stderr


def test_a_topic_that_is_not_there_yet(world):
    config = world.config(sinks={"alerts": world.alerts_sink()}, routes=rules(world, ["alerts"]), unmatched="drop")
    config["dead_letter"] = {"topic": f"{world.name}.absent"}
    path = world.write(config)
    listed = sluice("list", "-c", path)
    assert re.search("there is no topic .*absent", listed.stderr)
    assert sluice("redrive", "-c", path).stdout == "no letter is left to redrive\n"
