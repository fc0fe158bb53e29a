# SPDX-License-Identifier: Apache-2.0
"""The archive from the operator's side: listed, read back by id and time without reading all of it, and verified."""
import collections
import gzip
import json
import re
import subprocess

import pytest

from tests.stack import duckdb, s3
from tests.stack.fetch import Unavailable
from tests.stack.router import program

from .world import fewer

PATIENCE = 120
PER_REQUEST = 10


def sluice(*words, status=0):
    done = subprocess.run([program(), "archive", *map(str, words)], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


def lines_of(*words):
    return [json.loads(line) for line in sluice("cat", *words, "--json").stdout.splitlines()]


def members_read(done):
    """(read, all) of the members, as the command tells."""
    found = re.search(r"of ([\d,]+) of ([\d,]+) members?", done.stderr)
    assert found, done.stderr
    return tuple(int(n.replace(",", "")) for n in found.groups())


def share_read(done):
    return float(re.search(r"\((\d+\.\d+) %\)", done.stderr).group(1)) / 100


def record(n, day="2026-01-31"):
    """Ten records make a request, which is short among all that go on."""
    request = f"{n // (10 * PER_REQUEST):05d}-{n % 10:04d}-4c3d-9a44-0242ac120002"
    return json.dumps({"timestamp": f"{day}T{n // 3600 % 24:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z", "n": n,
                       "service": f"svc-{n % 7}", "message": f"step {n * 7919 % 10007} of a request, took {n % 311} ms",
                       "correlation_id": request}, separators=(",", ":")).encode()


def archive(world, values, partitions=2, routes=None, **sink):
    """Lets a router archive these values; returns its configuration."""
    if world.topic not in world.topics:
        world.make_topic(partitions=partitions)
    world.broker.produce(world.topic, [(b"%d" % n, value, []) for n, value in enumerate(values)])
    routes = routes or world.rules([{"name": "all", "when": {"n": {"exists": True}}, "to": ["archive"]}])
    router = world.router(world.config(sinks={"archive": world.archive_sink(**sink)}, routes=routes, unmatched="drop"))
    world.wait_done(router)
    world.finish(router)
    return router.config


def in_topic(world):
    """{(partition, offset): value}"""
    return {(r.partition, r.offset): r.value.decode() for r in world.broker.read(world.topic)}


@pytest.mark.parametrize("compression, format_", [("gzip", "json"), ("zstd", "envelope")])
def test_listed_and_found_by_id_in_a_small_part(world, compression, format_):
    count = fewer(40000)
    config = archive(world, [record(n) for n in range(count)], compression=compression, format=format_)
    topic = in_topic(world)

    listed = json.loads(sluice("list", "-c", config, "--json").stdout)
    objects = listed["objects"]
    assert [o["key"] for o in objects] == sorted((o["key"] for o in objects), key=lambda k: k.rsplit("/", 1)[1])
    assert sum(o["records"] for o in objects) == count and all(o["index"] == "indexed" for o in objects)
    assert listed["read"]["member_bytes"] == 0 and listed["read"]["index_bytes"] < listed["read"]["object_bytes"] / 10
    listing = sluice("list", "-c", config)
    assert f"{world.topic}/1  " in listing.stdout and members_read(listing)[0] == 0

    # All of it, in the order of the partitions and offsets, as it was produced.
    everything = lines_of("-c", config)
    places = [(line["partition"], line["offset"]) for line in everything]
    assert places == sorted(topic)
    for line in everything:
        produced = json.loads(topic[line["partition"], line["offset"]])
        assert {k: line["record"][k] for k in produced} == produced
        assert line["topic"] == world.topic and line["time"][:19] == produced["timestamp"][:19]

    # Without --json a line is what the object holds; other tools read the same.
    held = [line for _, line in world.in_archive()]
    assert sorted(sluice("cat", "-c", config).stdout.splitlines()) == sorted(held)

    # One request.
    for n in (0, count // 2, count - 1):
        wanted = json.loads(record(n))["correlation_id"]
        found = sluice("cat", "-c", config, "--id", wanted, "--json")
        assert [json.loads(line)["record"]["n"] for line in found.stdout.splitlines()] == \
            [json.loads(value)["n"] for _, value in sorted(topic.items()) if wanted in value]
        read, members = members_read(found)
        assert 1 <= read <= max(members // 4, 3), found.stderr
        assert count < 20000 or share_read(found) < 0.4, found.stderr
    nothing = sluice("cat", "-c", config, "--id", "no such id")
    assert nothing.stdout == "" and "0 records" in nothing.stderr

    # By fields, by place, by number.
    by_field = lines_of("-c", config, "--where", "service=svc-3", "--where", "n=17")
    assert [line["record"]["n"] for line in by_field] == [17]
    assert {line["partition"] for line in lines_of("-c", config, "--partition", 1)} == {1}
    assert len(lines_of("-c", config, "--limit", 5)) == 5
    assert lines_of("-c", config, "--topic", "another") == []
    assert "all is well" in sluice("verify", "-c", config).stdout


def test_times_narrow_keys_and_members(world):
    count = fewer(6000)
    values = [record(n, day) for day in ("2026-01-30", "2026-01-31", "2026-02-01") for n in range(0, count)]
    config = archive(world, values, partitions=1,
                     key="kind={@kind}/dt={@timestamp:%Y-%m-%d}/hour={@timestamp:%H}")
    whole = json.loads(sluice("list", "-c", config, "--json").stdout)
    hour = ("--from", "2026-01-31T00:00:00Z", "--to", "2026-01-31T01:00:00Z")
    listed = json.loads(sluice("list", "-c", config, "--json", *hour).stdout)
    assert 0 < len(listed["objects"]) < len(whole["objects"])
    assert all("/dt=2026-01-31/hour=00/" in o["key"] for o in listed["objects"])
    assert listed["read"]["objects"] == len(listed["objects"])        # the others were not even listed
    found = lines_of("-c", config, *hour)
    assert [line["record"]["n"] for line in found] == list(range(min(count, 3600)))
    assert {line["time"][:13] for line in found} == {"2026-01-31T00"}
    within = lines_of("-c", config, "--from", "2026-01-31T00:10:00Z", "--to", "2026-01-31T00:10:30Z")
    assert [line["record"]["n"] for line in within] == [n for n in range(600, 630) if n < count]
    assert lines_of("-c", config, "--from", "2026-03-01") == []


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_lists_are_no_ids_with_and_without_an_index(world, compression):
    ids = ["a-1", ["a-1", "b-2"], {"x": "a-1"}, True, 17]
    values = [json.dumps({"n": n, "correlation_id": value}).encode() for n, value in enumerate(ids)]
    config = archive(world, values, partitions=1, compression=compression)
    for wanted, found in (("a-1", [0]), ("b-2", []), ("true", []), ("17", [4])):
        assert [line["record"]["n"] for line in lines_of("-c", config, "--id", wanted)] == found


def put_again(world, key, change):
    """The same object, with its metadata and other bytes."""
    headers, data = world.store.get(world.bucket, key)
    data = bytearray(data)
    change(data)
    meta = {k: v for k, v in headers.items() if k.startswith("x-amz-meta-")}
    world.store.put(world.bucket, key, bytes(data), meta)


def test_verify_finds_what_is_damaged_missing_and_overlapping(world):
    values = [record(n) for n in range(3000)]
    config = None
    for part in range(3):                                # a cut each
        config = archive(world, values[1000 * part:1000 * (part + 1)], partitions=1)
    keys = world.store.keys(world.bucket)
    assert len(keys) >= 3
    good = json.loads(sluice("verify", "-c", config, "--json").stdout)
    assert good["wrong"] == 0 and good["problems"] == [] and good["records"] == 3000
    assert good["without_index"] == good["without_identity"] == 0

    def problems(status=1):
        told = json.loads(sluice("verify", "-c", config, "--json", status=status).stdout)
        assert (told["wrong"] > 0) == (status == 1)
        return [(p["kind"], p["key"]) for p in told["problems"]]

    # Damaged: one bit of a member, of the index, of what follows it.
    _, original = world.store.get(world.bucket, keys[1])
    for at in (len(original) // 3, len(original) - 100, len(original) - 12):
        put_again(world, keys[1], lambda data: data.__setitem__(at, data[at] ^ 4))
        assert problems() == [("damaged", keys[1])], at
        put_again(world, keys[1], lambda data: data.__setitem__(slice(None), original))
    assert problems(status=0) == []

    # Missing.
    headers, _ = world.store.get(world.bucket, keys[1])
    meta = {k: v for k, v in headers.items() if k.startswith("x-amz-meta-")}
    world.store.request("DELETE", f"/{world.bucket}/{keys[1]}")
    assert problems() == [("gap", keys[2])]
    told = sluice("verify", "-c", config, status=1).stdout
    assert "are in no object" in told and "1 thing is wrong" in told
    world.store.put(world.bucket, keys[1], original, meta)

    # Overlapping, and told by another name than its own.
    first = re.search(r"-(\d{20})-(\d{20})-", keys[1])
    other = keys[1].replace(first.group(2), f"{int(first.group(2)) + 1:020d}")
    world.store.put(world.bucket, other, original, meta)
    assert set(problems()) == {("damaged", other), ("overlap", other), ("overlap", keys[2])}


def test_a_gap_proves_nothing_where_rules_send_a_part(world):
    routes = world.rules([{"name": "even", "when": {"service": ["svc-1", "svc-2"]}, "to": ["archive"]}])
    config = None
    for part in range(2):
        config = archive(world, [record(n) for n in range(700 * part, 700 * part + 700)], partitions=1, routes=routes)
    told = json.loads(sluice("verify", "-c", config, "--json").stdout)
    assert told["records"] == 400 and told["wrong"] == 0
    assert [p["kind"] for p in told["problems"] if p["wrong"]] == []


def test_objects_without_an_index_are_read_whole(world):
    config = archive(world, [record(n) for n in range(2000)], partitions=1)
    key = world.store.keys(world.bucket)[-1]
    name = re.sub(r"-\d{20}-\d{20}-", f"-{10 ** 6:020d}-{10 ** 6 + 9:020d}-", key)
    lines = [record(10 ** 6 + n) for n in range(10)]
    world.store.put(world.bucket, name, gzip.compress(b"\n".join(lines) + b"\n"))
    world.store.put(world.bucket, f"{key.rsplit('/', 1)[0]}/_SUCCESS", b"")
    wanted = json.loads(lines[3])["correlation_id"]
    found = sluice("cat", "-c", config, "--id", wanted)
    assert found.stdout.splitlines() == [line.decode() for line in lines if wanted.encode() in line]
    assert "1 object has no index" in found.stderr and "1 key passed over" in found.stderr
    assert {o["index"] for o in json.loads(sluice("list", "-c", config, "--json").stdout)["objects"]} == \
        {"indexed", "plain"}
    told = json.loads(sluice("verify", "-c", config, "--json", status=1).stdout)    # the gap up to it
    assert told["without_index"] == told["without_identity"] == 1
    assert [p["kind"] for p in told["problems"]] == ["gap"]


def test_other_tools_read_the_objects(world):
    """gzip and zstd as the index is passed over; the lines are the same as ours."""
    for compression in ("gzip", "zstd"):
        archive(world, [record(n) for n in range(500)], partitions=1, compression=compression, key=compression)
    for key in world.store.keys(world.bucket):
        _, data = world.store.get(world.bucket, key)
        tool = ["zcat"] if key.endswith(".gz") else ["zstd", "-dcq"]
        assert subprocess.run(tool, input=data, capture_output=True, check=True).stdout == s3.unpack(key, data)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_query_engine_reads_the_folders(world, tmp_path, compression):
    """DuckDB over the keys' partitions; ids are many, so that the index is larger than one header of gzip may be."""
    count = fewer(60000)
    values = [json.dumps({"n": n, "timestamp": f"2026-01-31T{12 + n // (count * 7 // 8):02d}:00:{n % 60:02d}Z",
                          "service": f"svc-{n % 7}", "correlation_id": f"{n * 2654435761 % 2**32:08x}"}).encode()
              for n in range(count)]
    archive(world, values, partitions=1, compression=compression, batch={"age": "5s", "bytes": "16MiB"},
            key="kind={@kind}/dt={@timestamp:%Y-%m-%d}/hour={@timestamp:%H}")
    for key in world.store.keys(world.bucket):
        path = tmp_path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(world.store.get(world.bucket, key)[1])
    try:
        rows = duckdb.query(
            f"SELECT hour::int, service, count(*), sum(n), count(DISTINCT correlation_id) FROM read_json("
            f"'{tmp_path}/kind=server/dt=2026-01-31/hour=*/*.ndjson.*', hive_partitioning=true) GROUP BY ALL")
    except Unavailable as why:
        pytest.skip(str(why))
    wanted = collections.defaultdict(lambda: [0, 0])
    for n in range(count):
        of = wanted[12 + n // (count * 7 // 8), f"svc-{n % 7}"]
        of[0] += 1
        of[1] += n
    assert {(hour, service): [records, int(total)] for hour, service, records, total, _ in rows} == wanted
    assert all(records == ids for _, _, records, _, ids in rows)


def test_what_is_asked_wrongly_is_told(world):
    config = world.write(world.config(sinks={"archive": world.archive_sink(), "other": world.archive_sink()}))
    assert "choose by --sink: archive, other" in sluice("list", "-c", config, status=2).stderr
    assert "there is no S3 sink nowhere" in sluice("list", "-c", config, "--sink", "nowhere", status=2).stderr
    assert "--from is a time" in sluice("cat", "-c", config, "--sink", "other", "--from", "noon", status=2).stderr
    backwards = sluice("cat", "-c", config, "--sink", "other", "--from", "1d", "--to", "2d", status=2)
    assert "--from is not before --to" in backwards.stderr
    assert "FIELD=VALUE" in sluice("cat", "-c", config, "--sink", "other", "--where", "x", status=2).stderr
    assert sluice("list", "-c", config, "--sink", "other").stdout == ""
    broken = world.write(world.config(sinks={"archive": world.archive_sink(secret_key="wrong" * 8)}), "broken")
    assert "secret_key" in sluice("list", "-c", broken, status=1).stderr
