# SPDX-License-Identifier: Apache-2.0
"""One request's whole path, from OpenSearch and from S3: both answers are the same."""
import base64
import gzip
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import urllib.request
import uuid

import pytest

from tests.stack.router import program
from tests.stack.search import Search

from .world import World

PATIENCE = 120
NOON = 1769860800000         # 2026-01-31T12:00:00Z
BEGIN = 60000                # of the first request, ms later


def flow(*words, status=0, **env):
    done = subprocess.run([program(), "flow", *map(str, words)], capture_output=True, text=True, timeout=PATIENCE,
                          env={**os.environ, "LANG": "C.UTF-8", "COLUMNS": "80", **env})
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


def uuid7(ms, chance):
    return str(uuid.UUID(int=ms << 80 | 7 << 76 | chance.getrandbits(12) << 64 | 2 << 62 | chance.getrandbits(62)))


def time_of(ms):
    return f"2026-01-31T12:{ms // 60000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}Z"


def request(n, id_):
    """What a shop of services writes about one request; auth's clock is 180 ms behind."""
    at = BEGIN + 20 * n

    def record(ms, service, message, level="info", **more):
        return {"timestamp": time_of(at + ms), "service": service, "instance": f"{service}-{n % 3}", "level": level,
                "message": message, "correlation_id": id_, "n": n, **more}

    span = f"{n:08x}"
    return [
        record(0, "edge", f"GET /tiles/{n}", span_id=span + "e", trace_id=f"{n:032x}"),
        record(5 - 180, "auth", "token is asked for", span_id=span + "a", parent_span_id=span + "e"),
        record(9 - 180, "auth", "token is good", span_id=span + "a", parent_span_id=span + "e", elapsed="4ms"),
        record(20, "catalogue", "scene found", span_id=span + "c", parent_span_id=span + "e", duration_ms=8.5),
        record(20, "catalogue", "and a second record of that time", span_id=span + "c", big=1234567890123456789),
        record(20, "tiles", "from the cache \x1b[31mred", "warn", span_id=span + "t", parent_span_id=span + "e"),
        record(432, "payment", "card refused", "error", span_id=span + "p", parent_span_id=span + "t"),
        record(440, "edge", "answered", span_id=span + "e", request_time=0.44, status=502)]


def requests(count, seed=1):
    chance = random.Random(seed)
    return [uuid7(NOON + BEGIN + 20 * n, chance) for n in range(count)]


@pytest.fixture(scope="module")
def shop(stack, tmp_path_factory):
    """Requests that a router has sent to OpenSearch and to S3; for tests that only look."""
    world = World(stack, tmp_path_factory.mktemp("shop"))
    try:
        yield deliver(world)
        world.check_logs()
    finally:
        world.close(keep_logs=False)


def deliver(world):
    count = 300
    ids = requests(count)
    world.make_topic(partitions=3)
    values = [(n + k, record) for n in range(count) for k, record in enumerate(request(n, ids[n]))]
    values.sort(key=lambda v: v[0])
    world.broker.produce(world.topic, [(record["service"].encode(), json.dumps(record).encode(), [])
                                       for _, record in values])
    rules = world.rules([{"name": "all", "when": {"n": {"exists": True}}, "to": ["search", "archive"]}])
    world.shop = world.config(sinks={"search": world.search_sink(), "archive": world.archive_sink()}, routes=rules)
    router = world.router(world.shop)
    world.wait_done(router)
    world.finish(router)
    world.search.refresh(world.indexes)
    world.flow_config = router.config
    return world, ids


def told(answer):
    """What is the same wherever it was read."""
    answer = json.loads(answer.stdout)
    for record in answer["records"]:
        record.pop("place")
    return answer


def same(found, archived):
    for one, other in zip(found["records"], archived["records"]):
        assert one == other
    assert found == archived


def test_the_same_from_opensearch_and_from_s3(shop):
    world, ids = shop
    for n in (0, 17, len(ids) - 1):
        found = told(flow("-c", world.flow_config, ids[n], "--json"))
        archived = told(flow("-c", world.flow_config, ids[n], "--json", "--archive"))
        same(found, archived)
        wanted = request(n, ids[n])
        assert len(found["records"]) == len(wanted)
        assert [(r["time"], r["service"], r["message"]) for r in found["records"]] == \
            [(r["timestamp"].replace(".000Z", "Z") if r["timestamp"] != t["time"] else r["timestamp"], r["service"],
              r["message"]) for r, t in zip(sorted(wanted, key=lambda r: (r["timestamp"], r["service"])),
                                            found["records"])]
        for one in found["records"]:
            original = next(r for r in wanted if r["message"] == one["message"])
            assert {k: one["record"][k] for k in original} == original
        clocks = {s["service"]: s["clock"] for s in found["services"] if s["clock"]}
        assert set(clocks) == {"auth"} and -460 < clocks["auth"]["ahead_ms"] <= -170, clocks
        assert any(re.match("41[02] ms without a record between tiles and payment|412 ms", g["note"])
                   for g in found["gaps"]), found["gaps"]
        assert found["errors"] == 2
        took = {r["message"]: r["duration_ms"] for r in found["records"]}
        assert took["token is good"] == 4 and took["scene found"] == 8.5 and took["answered"] == 440


def test_pictures(shop, tmp_path):
    world, ids = shop
    shown = flow("-c", world.flow_config, ids[5]).stdout
    assert "\x1b" not in shown and "\\x1b[31mred" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert "auth's clock is" in shown and re.search(r"^!.*ERROR card refused$", shown, re.M)
    assert flow("-c", world.flow_config, ids[5], LANG="C", LC_ALL="C").stdout.isascii()
    page = tmp_path / "flow.html"
    assert flow("-c", world.flow_config, ids[5], "--html", page).stdout == ""
    text = page.read_text()
    assert ids[5] in text and "card refused" in text and "http" not in re.sub(r"http-equiv|http://127[^<]*", "", text)
    assert "\x1b" not in text and "<script" not in text


def test_little_of_the_archive_is_read(shop):
    world, ids = shop
    done = flow("-c", world.flow_config, ids[5], "--archive")
    assert "by the time in the id, 2026-01-31T12:01:00.100Z" in done.stderr
    assert re.search(r"read [\d.]+ \w+ of [\d.]+ \w+ \([\d.]+ %\)", done.stderr), done.stderr
    assert flow("-c", world.flow_config, ids[5], "--archive", "--from", "2026-02-01", status=1)
    outside = flow("-c", world.flow_config, ids[5], "--from", "2026-02-01", status=1)
    assert "from 2026-02-01" in outside.stderr


def test_damaged_parts_hide_nothing_else(shop):
    world, ids = shop
    ask = ("-c", world.flow_config, ids[5], "--json", "--archive")
    whole = told(flow(*ask))
    key = next(key for key, line in world.in_archive() if ids[5] in line and "card refused" in line)
    headers, data = world.store.get(world.bucket, key)
    meta = {k: v for k, v in headers.items() if k.startswith("x-amz-meta-")}
    broken = bytearray(data)
    for at in range(100, len(data) * 2 // 3, 1000):      # the index is at the end
        broken[at] ^= 0x55
    world.store.put(world.bucket, key, bytes(broken), meta)
    try:
        done = flow(*ask, status=1)
    finally:
        world.store.put(world.bucket, key, data, meta)
    left = told(done)
    assert key in left["missing"] and "records may be missing" in done.stderr
    messages = {r["message"] for r in left["records"]}
    assert messages < {r["message"] for r in whole["records"]} and "card refused" not in messages and messages
    assert told(flow(*ask)) == whole


def test_unknown(shop):
    world, _ = shop
    done = flow("-c", world.flow_config, "no such id", status=1)
    assert f"looked in {world.name}-* of sink search" in done.stderr and done.stdout == ""
    done = flow("-c", world.flow_config, "no such id", "--archive", status=1)
    assert f"archive of sink archive (bucket {world.bucket}" in done.stderr
    assert done.stderr.rstrip().endswith("found by Elasticsearch alone")
    # A UUIDv7 of another time is looked for everywhere before it is said to be unknown.
    done = flow("-c", world.flow_config, uuid7(NOON + 10 ** 9, random.Random(5)), "--archive", status=1)
    assert "everything is looked through" in done.stderr


def test_around_a_record(shop):
    world, ids = shop
    for record in world.broker.read(world.topic)[:40:13]:
        done = flow("-c", world.flow_config, "--around", f"{record.topic if hasattr(record, 'topic') else world.topic}/"
                    f"{record.partition}/{record.offset}", "--json")
        assert json.loads(done.stdout)["id"] == json.loads(record.value)["correlation_id"]
    flow("-c", world.flow_config, "--around", f"{world.topic}/0/99999999", status=1)
    flow("-c", world.flow_config, "--around", f"{world.topic}/0", status=2)
    control = gzip.compress(json.dumps({"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "",
                                        "logStream": "", "subscriptionFilters": [], "logEvents": []}).encode())
    world.broker.produce(world.topic, [(None, control, [])], 0)
    last = max(r.offset for r in world.broker.read(world.topic) if r.partition == 0)
    done = flow("-c", world.flow_config, "--around", f"{world.topic}/0/{last}", status=1)
    assert "the message holds no record (a control message of CloudWatch)" in done.stderr
    flow("-c", world.flow_config, status=2)
    backwards = flow("-c", world.flow_config, ids[0], "--from", "2026-02-01", "--to", "2026-01-01", status=2)
    assert "--from is not before --to" in backwards.stderr
    flow("-c", world.flow_config, ids[0], "--sink", "archive", status=2)


def test_more_than_a_page(world):
    """A request with 2,500 records is read by a scroll; another index maps the id otherwise."""
    world.make_topic(partitions=2)
    count = 2500
    values = [json.dumps({"timestamp": time_of(n), "service": f"s{n % 4}", "message": f"step {n}",
                          "correlation_id": "big one", "n": n}).encode() for n in range(count)]
    world.broker.produce(world.topic, [(b"%d" % n, value, []) for n, value in enumerate(values)])
    rules = world.rules([{"name": "all", "when": {"n": {"exists": True}}, "to": ["search", "archive"]}])
    router = world.router(world.config(sinks={"search": world.search_sink(), "archive": world.archive_sink()},
                                       routes=rules))
    world.wait_done(router)
    world.finish(router)
    world.search.call("PUT", f"/{world.name}-odd", {"mappings": {"properties": {"correlation_id": {"type": "long"}}}})
    world.search.call("POST", f"/{world.name}-odd/_doc?refresh=true", {"correlation_id": 7, "message": "a number",
                                                                        "@timestamp": "2026-01-31T12:00:00Z"})
    world.search.refresh(world.indexes)
    found = told(flow("-c", router.config, "big one", "--json"))
    assert [r["record"]["n"] for r in found["records"]] == list(range(count)) and not found["truncated"]
    same(found, told(flow("-c", router.config, "big one", "--json", "--archive")))
    assert json.loads(flow("-c", router.config, "7", "--json").stdout)["records"][0]["message"] == "a number"
    scrolls = world.search.call("GET", "/_nodes/stats/indices/search")
    assert sum(n["indices"]["search"]["scroll_current"] for n in scrolls["nodes"].values()) == 0


def test_elasticsearch_8(world, elasticsearch):
    """Another server, with its own mapping, with documents that are not all Sluice's, and a node that is away."""
    client = Search(elasticsearch.url)
    for n in range(1200):
        client.call("POST", f"/{world.name}-{n % 2}/_doc/{n}", {
            "@timestamp": time_of(n), "correlation_id": "req 8", "service": "edge", "message": f"m{n}"})
    client.refresh(world.indexes)
    config = world.write(world.config(sinks={"search": world.search_sink(nodes=["http://127.0.0.1:1", elasticsearch.url]),
                                             "archive": world.archive_sink(), "alerts": world.alerts_sink()}), "es")
    try:
        found = json.loads(flow("-c", config, "req 8", "--json").stdout)
        assert [r["message"] for r in found["records"]] == [f"m{n}" for n in range(1200)]
        assert json.loads(flow("-c", config, "req 8", "--json", "--from", "2026-01-31T12:00:01.1Z").stdout)["records"][0][
            "message"] == "m1100"
        assert "looked in" in flow("-c", config, "req", status=1).stderr
    finally:
        client.remove(world.indexes)


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
def test_the_page_in_a_browser(shop, tmp_path):
    """As a phone and as a desk shows it: everything is there, and nothing is wider than the screen."""
    world, ids = shop
    page = tmp_path / "flow.html"
    flow("-c", world.flow_config, ids[5], "--html", page)
    # A message of 20,000 letters must not push everything else out of sight.
    page.write_text(page.read_text().replace("card refused</bdi>", "card " + "refused" * 3000 + "</bdi>"))
    # The page itself allows no script; a frame of a given width measures it from outside.
    for width in (360, 1280):
        outer = tmp_path / f"outer-{width}.html"
        outer.write_text(f"""<!doctype html><iframe id=f src="{page.as_uri()}" style="width:{width}px;height:800px;
            border:0"></iframe><pre id=out>none</pre><script>f.onload=()=>{{const d=f.contentDocument;
            out.textContent=JSON.stringify({{wide:d.documentElement.scrollWidth,rows:d.querySelectorAll('li.r').length,
            bad:d.querySelectorAll('li.bad').length,scripts:d.scripts.length,
            high:Math.max(...[...d.querySelectorAll('li.r')].map(r=>r.clientHeight))}})}}</script>""")
        done = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
                               f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000", "--dump-dom",
                               outer.as_uri()], capture_output=True, text=True, timeout=PATIENCE)
        seen = json.loads(re.search(r'<pre id="out">(.*?)</pre>', done.stdout).group(1))
        assert seen["rows"] == 8 and seen["bad"] == 2 and seen["scripts"] == 0 and seen["wide"] <= width, seen
        assert 20 < seen["high"] < 250, seen
