# SPDX-License-Identifier: Apache-2.0
"""`sluice positions`: what it shows is what is committed, and what it sets is where a sink goes on."""
import json
import subprocess

from tests.stack.process import wait_until
from tests.stack.router import program

from .world import PATIENCE, fewer


def positions(world, *options, status=0):
    done = subprocess.run([program(), "positions", "-c", world.folder / "router.yaml", *options],
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def by_sink(world):
    """{sink: [(position, lag) of each partition]}, from --json."""
    told = json.loads(positions(world, "--json").stdout)
    assert told["group"] == world.group
    return {name: [(s["position"], s["lag"]) for part in told["partitions"] for s in part["sinks"]
                   if s["name"] == name] for name in ("search", "archive", "alerts")}


def test_shows_and_sets_positions(world):
    world.make_topic(partitions=2)
    world.produce(world.traffic(fewer(4000)))
    router = world.router()
    world.wait_done(router)
    refused = positions(world, "--sink", "alerts", "--to", "earliest", status=1)
    assert "stop every replica first" in refused.stderr
    world.finish(router)

    ends = [(end, 0) for _, end in sorted(world.broker.ends(world.topic).items())]
    assert by_sink(world) == {name: ends for name in ("search", "archive", "alerts")}
    had = len(world.receiver.ids())
    archived = len(world.in_archive())

    dry = positions(world, "--sink", "alerts", "--to", "earliest", "--dry-run")
    assert "nothing was changed" in dry.stdout
    assert by_sink(world)["alerts"] == ends
    beyond = positions(world, "--sink", "alerts", "--to", "999999999", status=1)
    assert "is not in the log" in beyond.stderr and by_sink(world)["alerts"] == ends

    positions(world, "--sink", "alerts", "--to", "earliest")
    after = by_sink(world)
    assert after["alerts"] == [(0, end) for end, _ in ends]
    assert after["search"] == ends and after["archive"] == ends

    # It goes on there: that sink has everything once more, the others have nothing new.
    again = world.router(name="again")
    wait_until(lambda: len(world.receiver.ids()) == 2 * had, 60,
               lambda: f"{2 * had} records; now {len(world.receiver.ids())}")
    world.wait_done(again)
    world.finish(again)
    assert len(world.in_archive()) == archived
    world.audit(duplicates=("alerts",))


def test_what_cannot_be_set_is_said(world):
    world.make_topic(partitions=1)
    world.write(world.config(), "router")
    for options, words in ((("--sink", "nosuch", "--to", "latest"), "no sink `nosuch`"),
                           (("--sink", "search"), "--sink and --to go together"),
                           (("--sink", "search", "--to", "yesterday"), "--to takes earliest, latest"),
                           (("--dry-run",), "goes with --sink"),
                           (("--partition", "1"), "goes with --topic")):
        assert words in positions(world, *options, status=2).stderr
    told = positions(world, "--sink", "search", "--to", "latest")
    assert "nothing is committed yet" in told.stdout
