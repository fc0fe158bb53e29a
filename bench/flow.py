#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long `sluice flow --archive` takes to find one request among many, and how much it reads.

    bench/flow.py [--requests 500000] [--partitions 8] [--build build]

Makes the objects (bench/archive_make), puts them into S3Proxy, and asks for three requests: each by its id
alone, and with ten minutes around it.
"""
import argparse
import json
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tests.stack.stack import Stack             # noqa: E402


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--requests", type=int, default=500000)
    options.add_argument("--partitions", type=int, default=8)
    options.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    options.add_argument("--objects", type=pathlib.Path, help="made before; ids in ids.txt")
    o = options.parse_args()
    with tempfile.TemporaryDirectory() as made, Stack(["s3proxy"], print) as stack:
        folder = o.objects or pathlib.Path(made)
        if not o.objects:
            ids = subprocess.run([o.build / "bench" / "archive_make", folder, str(o.requests), str(o.partitions)],
                                 check=True, capture_output=True, text=True).stdout
            (folder / "ids.txt").write_text(ids)
        proxy, client = stack.s3proxy, stack.s3proxy.client()
        client.make_bucket("bench")
        total = 0
        for path in sorted(folder.glob("*.gz")):
            data = path.read_bytes()
            total += len(data)
            client.put("bench", f"kind=server/{path.name}", data)
        print(f"{10 * o.requests:,} records of {o.requests:,} requests in {total / 1e6:,.0f} MB of gzip")
        config = pathlib.Path(made) / "sluice.yaml"
        config.write_text(json.dumps({
            "source": {"kafka": {"brokers": ["127.0.0.1:1"], "topics": ["logs"], "group": "bench"}},
            "routes": str(ROOT / "routes"), "unmatched": ["archive"],
            "sinks": {name: {"type": "s3", "bucket": "bench", "region": "us-east-1", "endpoint": proxy.url,
                             "access_key": proxy.identity, "secret_key": proxy.credential, "key": "kind={@kind}"}
                      for name in ("archive", "search", "alerts")}}))
        for id_ in (folder / "ids.txt").read_text().split():
            at = (uuid.UUID(id_).int >> 80) / 1000
            span = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at + d)) for d in (-300, 300)]
            for more in ([], ["--from", span[0], "--to", span[1]]):
                before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
                done = subprocess.run([o.build / "sluice", "flow", "-c", config, "--archive", "--sink", "archive",
                                       "--json", id_, *more], capture_output=True, text=True)
                wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
                assert done.returncode == 0, done.stderr
                cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                read = re.search(r"read (.*)", done.stderr).group(1)
                print(f"{id_} {' '.join(more)}\n  {len(json.loads(done.stdout)['records'])} records, "
                      f"{cpu:.2f} s of CPU, {wall:.2f} s; {read}")


if __name__ == "__main__":
    main()
