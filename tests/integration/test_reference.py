# SPDX-License-Identifier: Apache-2.0
"""The examples of routes/reference.md are true: each section's blocks are one routes/ folder, on which `sluice test`
passes."""
import pathlib
import re
import subprocess

import pytest

from tests.stack.router import program

from .world import PATIENCE

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = """
source: { kafka: { brokers: [127.0.0.1:9092], topics: [logs], group: reference } }
routes: routes/
unmatched: [archive]
sinks:
  search: { type: elasticsearch, nodes: ["http://127.0.0.1:9200"], index: logs }
  archive: { type: s3, bucket: logs, region: us-east-1, access_key: a, secret_key: b }
  alerts: { type: webhook, url: "https://hooks.example.com/in" }
"""
WORDS = """equal regex glob prefix suffix contains lt lte gt gte exists cidr in_table case not any all
set remove rename redact parse sample rate_limit drop continue to""".split()
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)


def sections():
    text = (ROOT / "routes" / "reference.md").read_text()
    for part in re.split(r"^##+ ", text, flags=re.M)[1:]:
        title, _, body = part.partition("\n")
        blocks = BLOCK.findall(body)
        if blocks:
            yield pytest.param(blocks, id=title.replace("`", ""))


@pytest.mark.parametrize("blocks", sections())
def test_example(blocks, tmp_path):
    routes = tmp_path / "routes"
    for number, (kind, name, text) in enumerate(blocks):
        path = routes / (name or f"{50 + number}-example.{kind}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "sluice.yaml").write_text(CONFIG)
    run = subprocess.run([program(), "test", "-c", tmp_path / "sluice.yaml"], capture_output=True, text=True,
                         timeout=PATIENCE)
    assert run.returncode == 0, run.stdout + run.stderr
    wanted = sum(text.count("- name:") for kind, _, text in blocks if "tests:" in text for text in
                 [text.split("tests:", 1)[1]])
    assert wanted and f"{wanted} passed, 0 failed" in run.stdout, run.stdout


def test_nothing_is_left_out():
    """Every word of the language is used in some example."""
    examples = "\n".join(text for param in sections() for _, _, text in param.values[0])
    missing = [w for w in WORDS if not re.search(rf"\b{w}:", examples)]
    assert not missing
