# SPDX-License-Identifier: Apache-2.0
"""The short chaos run. SLUICE_CHAOS has other options for chaos.py: "--minutes 60 --kills 300 --rebalances 50"."""
import os
import shlex

from . import chaos


def test_chaos(stack):
    words = shlex.split(os.environ.get("SLUICE_CHAOS", "--minutes 3 --replicas 3 --seed 5 --rebalances 5"))
    said = []

    def say(text):
        said.append(text)
        print(text)

    bad = chaos.one_run(chaos.parse(words), stack, say)
    assert not bad, f"{bad} findings: " + "; ".join(text for text in said if text.startswith("FINDING"))[:2000]
