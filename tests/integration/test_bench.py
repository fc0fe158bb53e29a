# SPDX-License-Identifier: Apache-2.0
"""bench/receiver, which stands for the sinks where the router is measured, knows what came and what did not."""
import gzip
import json
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from bench import cases, corpus, measure                                   # noqa: E402


def post(receiver, path, body, method="POST", **headers):
    request = urllib.request.Request(receiver.url + path, method=method, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=30, context=receiver.context) as reply:
        return reply.headers, reply.read()


def records(numbers):
    return [f'{{"message":"a seq={n:010d}.","rest":"seq={n:010d}."}}' for n in numbers]


def bulk(numbers):
    return "".join('{"create":{"_index":"x"}}\n' + line + "\n" for line in records(numbers)).encode()


@pytest.fixture
def receiver(tmp_path):
    it = measure.Receiver(tmp_path, 10)
    yield it
    it.stop()


def test_each_sink_has_books_of_its_own(receiver):
    _, reply = post(receiver, "/_bulk?filter_path=x", bulk(range(4)))
    assert json.loads(reply) == {"took": 1, "errors": False, "items": [{"create": {"status": 201}}] * 4}
    _, reply = post(receiver, "/_bulk", gzip.compress(bulk([4, 5])), **{"Content-Encoding": "gzip"})
    assert len(json.loads(reply)["items"]) == 2
    post(receiver, "/hook", ("[" + ",".join(records([7])) + "]").encode())
    headers, _ = post(receiver, "/bucket/a", "\n".join(records([0, 9])).encode(), "PUT", **{"x-amz-checksum-crc32c": "abc="})
    assert headers["ETag"] and headers["x-amz-checksum-crc32c"] == "abc="
    got = receiver.ask("/stats")
    assert (got["es"]["records"], got["es"]["missing"], got["es"]["repeated"], got["es"]["requests"]) == (6, 4, 0, 2)
    assert (got["webhook"]["records"], got["s3"]["records"]) == (1, 2)


def test_what_comes_twice_or_was_never_sent_is_told(receiver):
    post(receiver, "/hook", "\n".join(records([1, 2, 1, 11])).encode())
    got = receiver.ask("/stats")["webhook"]
    assert (got["records"], got["repeated"], got["strange"]) == (2, 1, 1)
    with pytest.raises(measure.Wrong, match="webhook: 2 of 3 records arrived, 1 of them again, 1 that nobody sent"):
        measure.check_arrival(receiver, {"webhook": 3})
    receiver.ask("/reset", "POST")
    assert receiver.ask("/stats")["webhook"]["records"] == 0


def test_compressed_objects_are_read_when_asked(receiver):
    members = gzip.compress("\n".join(records(range(3))).encode()) + gzip.compress(records([3])[0].encode())
    post(receiver, "/bucket/a.gz", members, "PUT")
    packed = subprocess.run(["zstd", "-c"], input="\n".join(records([4, 5])).encode(), stdout=subprocess.PIPE, check=True)
    post(receiver, "/bucket/a.zst", packed.stdout, "PUT")
    assert receiver.ask("/stats")["s3"]["records"] == 0
    got = receiver.ask("/stats?settle=1")["s3"]
    assert (got["records"], got["repeated"], got["requests"]) == (6, 0, 2)
    assert got["bytes"] == len(members) + len(packed.stdout) and got["plain_bytes"] > got["bytes"]


def test_a_damaged_object_is_no_arrival(receiver):
    post(receiver, "/bucket/a.gz", gzip.compress(b"seq=0000000001." * 1000)[:-9], "PUT")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        receiver.ask("/stats?settle=1")


def test_delays_are_counted(receiver):
    post(receiver, "/hook", b"seq=0000000001. at=0000000000000000. seq=0000000002. at=9999999999999999.")
    got = receiver.ask("/stats")["webhook"]["latency"]
    assert got["count"] == 2 and got["p50"] > 1e9 and got["max"] > 1e9


def test_the_corpus_and_the_rules_agree_on_where_a_record_goes(tmp_path):
    """cases.expected() tells it by the text, so that Sluice is not asked about itself."""
    paths, size = corpus.write(tmp_path, 3000, 2)
    lines = [line for path in paths.values() for line in path.read_text().splitlines()]
    assert len(lines) == 3000 and sum(map(len, lines)) == size
    for line in lines:
        record = json.loads(line) if line.startswith("{") else {}
        wanted = ["s3"]
        if record.get("level") in ("error", "fatal"):
            wanted = ["s3", "es", "webhook"]
        elif "http" in record:
            wanted = ["s3", "es"]
        assert list(cases.expected(line)) == wanted
        assert line.count("seq=") == 1
