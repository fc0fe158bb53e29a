# SPDX-License-Identifier: Apache-2.0
"""Values that are no good JSON are still records: routed by @parse_error, kept as they came. No value that the
scanner lets through may make the index refuse a whole request."""
import base64
import json

EVIL = {
    "truncated": b'{"a":1',
    "two documents": b'{"a":1}{"b":2}',
    "trailing text": b'{"a":1} tail',
    "duplicate routed key": b'{"service":"a","service":"b"}',
    "deep": b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "deeper": b'{"a":' * 100_000,
    "bad escape": b'{"a":"\\x"}',
    "control character": b'{"a":"\x01"}',
    "raw line break": b'{"a":"x\ny"}',
    "invalid UTF-8": b'{"a":"\xff\xfe"}',
    "overlong": b'{"a":"\xc0\xaf"}',
    "surrogate": b'{"a":"\xed\xa0\x80"}',
    "nul": b'{"a":"\x00"}',
    "no quotes": b"{a:1}",
    "single quotes": b"{'a':1}",
    "trailing comma": b'{"a":1,}',
    "leading zero": b'{"a":01}',
    "NaN": b'{"a":NaN}',
    "unclosed string": b'{"a":"b',
}
FINE = {
    "big number": b'{"id":"r00000001","n":123456789012345678901234567890,"service":"a"}',
    "huge exponent": b'{"id":"r00000002","x":"1e400","service":"a"}',
    "unicode escapes": b'{"id":"r00000003","m":"\\u00e9\\ud83d\\ude00","service":"a"}',
    "white space": b' \t{ "id" : "r00000004" , "service" : "a" } ',
    "line breaks between": b'{\r\n"id":"r00000005",\n"service":"a"\n}',
    "empty key": b'{"id":"r00000006","service":"a","e":{}}',
}


def run(world, values):
    world.make_topic(partitions=1)
    world.broker.produce(world.topic, [(b"k", value, None) for value in values], partition=0)
    rules = world.rules([
        {"name": "broken", "when": {"@parse_error": {"exists": True}}, "to": ["archive"]},
        {"name": "good", "when": {"id": {"exists": True}}, "to": ["search"]}])
    sinks = {"search": world.search_sink(), "archive": world.archive_sink()}
    router = world.router(world.config(sinks=sinks, routes=rules))
    world.wait_done(router)
    world.finish(router)
    return [json.loads(line) for _, line in world.in_archive()]


def original(record):
    return (base64.b64decode(record["message_base64"]) if "message_base64" in record
            else record["message"].encode())


def test_c01_to_c09_every_evil_value_is_kept_as_it_came(world):
    archived = sorted(original(record) for record in run(world, EVIL.values()))
    assert archived == sorted(EVIL.values())
    assert world.in_search() == []
    assert world.letters() == []


def test_fine_values_arrive_among_evil_ones(world):
    archived = run(world, [*EVIL.values(), *FINE.values(), *EVIL.values()])
    ids = sorted(source["id"] for _, _, source in world.in_search())
    refused = sorted(json.loads(letter.value)["id"] for letter in world.letters())
    assert sorted(ids + refused) == [f"r{n:08d}" for n in range(1, 7)]
    assert len(archived) == 2 * len(EVIL)


def test_noise(world):
    """Seeded garbage, cut and flipped records: every one is somewhere, and the router lives."""
    import random
    rng = random.Random(7)
    good = b'{"id":"r00000001","service":"a","message":"x \\u00e9","user":{"id":[1,2.5e3,null,true]}}'
    values = []
    for _ in range(3000):
        value = bytearray(good)
        for _ in range(rng.randrange(1, 4)):
            value[rng.randrange(len(value))] = rng.randrange(256)
        values.append(bytes(value[:rng.randrange(1, len(value) + 1)]))
    world.make_topic(partitions=1)
    world.broker.produce(world.topic, [(b"k", value, None) for value in values], partition=0)
    rules = world.rules([{"name": "all", "when": {"@partition": 0}, "to": ["search", "archive"]}])
    sinks = {"search": world.search_sink(), "archive": world.archive_sink()}
    router = world.router(world.config(sinks=sinks, routes=rules))
    world.wait_done(router)
    world.finish(router)
    assert len(world.in_archive()) == len(values)
    assert len(world.in_search()) + len(world.letters()) == len(values)
