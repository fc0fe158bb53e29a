# SPDX-License-Identifier: Apache-2.0
"""Rules that change while records flow. Version N of the rules marks every record with N and sends it to one
sink, which N names: so each record tells by which version it was judged, and arrives once, where that says."""
import json
import os

import pytest

from tests.stack.process import wait_until
from tests.traffic import generate

from .world import SANITIZED, fewer

TARGETS = ["archive", "alerts", "local"]
BAD = {
    "a key that is none": "rules:\n  - name: bad\n    too: archive\n",
    "half a file": "rules:\n  - name: bad\n    when: { service: [a,\n",
    "a sink that is none": "rules:\n  - { name: bad, to: nowhere }\n",
    "a bad pattern": "rules:\n  - { name: bad, when: { message: { regex: '(' } }, to: archive }\n",
    "no rules": "rules: []\n",
}
MIB = 1 << 20


def version(number):
    """A rule file; the comment makes sizes differ."""
    return (f"# {'x' * (number % 50)}\nrules:\n  - name: v{number}\n    set: {{ version: \"{number}\" }}\n"
            f"    to: [{TARGETS[number % len(TARGETS)]}]\n")


class Changing:
    """A router whose rules change, and what became of its records."""

    def __init__(self, world, partitions=4):
        self.world, self.number = world, 1
        self.routes = world.folder / "routes"
        self.routes.mkdir()
        self.file = self.routes / "10.yaml"
        self.local = world.folder / "local.ndjson"
        world.make_topic(partitions=partitions)

    def config(self, **more):
        sinks = {"archive": self.world.archive_sink(), "alerts": self.world.alerts_sink(),
                 "local": {"type": "file", "path": str(self.local), "format": "json"}}
        return self.world.config(sinks=sinks, routes=str(self.routes), **more)

    def start(self, **more):
        if not self.file.exists():
            self.file.write_text(version(self.number))
        self.router = self.world.router(self.config(**more))
        return self.router

    def produce(self, count):
        self.world.produce(self.world.traffic(count))

    def rename(self, text):
        new = self.routes / ".new"
        new.write_text(text)
        new.rename(self.file)

    def in_place(self, text):
        self.file.write_text(text)

    def live(self, number):
        return f"v{number}" in self.router.metrics().by("sluice_rule_records_total", "rule")

    def next(self, write, sighup=False):
        """The next version, live; records go on coming meanwhile."""
        self.number += 1
        write(version(self.number))
        if sighup:
            self.router.reload()
        self.produce(50)
        wait_until(lambda: self.live(self.number), 60, lambda: f"v{self.number} is live\n"
                   f"{self.router.log_tail()}")

    def refused(self, write, text):
        """A bad change is refused, in words, and nothing else changes."""
        before = self.router.metrics()
        write(text)
        self.produce(50)
        wait_until(lambda: self.router.metrics().sum("sluice_config_last_reload_successful") == 0, 60,
                   lambda: f"refused: {text}\n{self.router.log_tail()}")
        after = self.router.metrics()
        assert after.by("sluice_rules_info", "hash") == before.by("sluice_rules_info", "hash")
        stamp = "sluice_config_last_reload_success_timestamp_seconds"
        assert after.sum(stamp) == before.sum(stamp) > 0
        status, page = self.router.get("/readyz")
        assert status == 200 and page.startswith("ready\n"), page
        assert "was refused: " in page and "the rules before it are live" in page, page
        assert self.router.status()["rules"]["notes"] in page
        return page

    def judged(self):
        """{id: [(sink, version)]}"""
        ret = {}
        with self.local.open() as lines:
            local = list(lines)
        for sink, texts in (("archive", [line for _, line in self.world.in_archive()]), ("local", local),
                            ("alerts", [json.dumps(r) for r in self.world.receiver.records])):
            for text in texts:
                record = generate.ID.search(text).group()
                ret.setdefault(record, []).append((sink, int(json.loads(text)["version"])))
        return ret

    def audit(self, seen_at_least=1):
        judged, last, versions = self.judged(), {}, set()
        assert set(judged) == {r.id for r in self.world.produced}, "records are missing, or others are there"
        for record in sorted(judged, key=lambda r: self.world.place[r]):
            assert len(judged[record]) == 1, f"{record} arrived {judged[record]}"
            sink, number = judged[record][0]
            partition = self.world.place[record][1]
            assert sink == TARGETS[number % len(TARGETS)], f"{record}: version {number} in {sink}"
            assert last.get(partition, 0) <= number, f"{record}: {number} after {last[partition]}"
            last[partition] = number
            versions.add(number)
        assert len(versions) >= seen_at_least, versions

    def finish(self):
        self.world.wait_done(self.router)
        m = self.router.metrics()
        assert m.sum("sluice_decoded_records_total") == m.sum("sluice_kept_records_total") \
            == m.sum("sluice_rule_records_total")
        self.world.finish(self.router)
        assert self.world.receiver.problems == []


@pytest.fixture
def changing(world):
    return Changing(world)


def test_f55_rules_change_under_load(changing):
    router = changing.start()
    changing.produce(fewer(20_000))
    for bad in BAD.values():
        changing.next(changing.rename)
        changing.refused(changing.in_place, bad)
        changing.next(changing.in_place)
        changing.produce(500)
        changing.next(changing.rename, sighup=True)
    assert changing.refused(changing.rename, BAD["a key that is none"]).count("10.yaml:3:5: ") == 1
    changing.next(changing.rename)
    changing.finish()
    changing.audit(seen_at_least=5)
    log = router.log_text()
    assert log.count('"rules reloaded"') == changing.number - 1
    assert log.count('"rules were not reloaded') == len(BAD) + 1
    assert "needs a restart" not in log


def test_an_emptied_folder_changes_nothing(changing):
    router = changing.start()
    changing.file.unlink()
    wait_until(lambda: "no rules" in router.get("/readyz")[1], 30, "the empty folder is refused")
    changing.produce(500)
    changing.rename(version(1))
    wait_until(lambda: router.metrics().sum("sluice_config_last_reload_successful") == 1, 30, "as before")
    assert router.get("/readyz")[1] == "ready\n"
    changing.next(changing.rename)
    changing.produce(500)
    changing.finish()
    changing.audit(seen_at_least=2)


def test_a_config_map(changing):
    """Kubernetes swaps a link to a folder; files are links through it, several files change as one."""
    def publish(number, file=changing.file):
        folder = changing.routes / f"..{number}"
        folder.mkdir()
        (folder / "10.yaml").write_text(version(number))
        (folder / "05-first.yaml").write_text(
            f"rules:\n  - {{ name: first-{number}, when: {{ never: {number} }}, to: local }}\n")
        os.symlink(f"..{number}", changing.routes / "..data_tmp")
        (changing.routes / "..data_tmp").rename(changing.routes / "..data")

    publish(1)
    for name in ("10.yaml", "05-first.yaml"):
        (changing.routes / name).symlink_to(f"..data/{name}")
    router = changing.start()
    for _ in range(4):
        changing.produce(500)
        changing.next(lambda _text: publish(changing.number))
        assert f"first-{changing.number}" in router.metrics().by("sluice_rule_records_total", "rule")
    changing.finish()
    changing.audit(seen_at_least=4)
    assert router.log_text().count('"rules reloaded"') == 4
    assert "not reloaded" not in router.log_text()


def test_f54_hundreds_of_reloads(changing):
    """By SIGHUP, good and bad ones mixed, records all the while; memory stays flat."""
    router, memory = changing.start(), None
    changing.produce(fewer(20_000))
    bad = list(BAD.values())
    for turn in range(300):
        if turn % 3 == 2:
            (changing.rename, changing.in_place)[turn % 2](bad[turn // 3 % len(bad)])
            router.reload()
            wait_until(lambda: router.metrics().sum("sluice_config_last_reload_successful") == 0, 30, "refused",
                       every=0.005)
        changing.number += 1
        (changing.in_place, changing.rename)[turn % 2](version(changing.number))
        router.reload()
        if turn % 5 == 0:
            changing.produce(100)
        wait_until(lambda: changing.live(changing.number), 30, lambda: f"v{changing.number} is live\n"
                   f"{router.log_tail()}", every=0.005)
        if turn == 100:
            memory = router.rss()
    print(f"{memory / MIB:.1f} MiB after 100 reloads, {router.rss() / MIB:.1f} after 300")
    if not SANITIZED:
        assert router.rss() < memory + 8 * MIB
    # Of the rules that came and went one label is left, and the live one's.
    assert set(router.metrics().by("sluice_rule_records_total", "rule")) == \
        {f"v{changing.number}", "(removed)", "(unmatched)"}
    changing.finish()
    changing.audit(seen_at_least=20)


def test_rules_change_while_one_sink_is_behind_then_kill_and_start_under_the_new(changing):
    """A record that one sink has and another lacks is judged for both by the rules that were live when the first
    had it: their version is in the state topic, so also after a kill -9 and a start under other rules."""
    world = changing.world
    world.members_die()
    both = "rules:\n  - {{ name: all, set: {{ version: \"{}\" }}, to: [local, alerts] }}\n"
    changing.file.write_text(both.format(1))
    world.receiver.behave("hang")
    config = changing.config(shutdown="4s")
    config["sinks"]["alerts"] |= {"queue": {"bytes": "1MiB"}, "batch": {"bytes": "64KiB"}}
    changing.router = router = world.router(config)
    changing.produce(fewer(8000))
    world.wait_metric(router, "sluice_delivered_records_total", len(world.produced), sink="local")
    assert "sink detached" in router.log_text()
    changing.rename(both.format(2))
    router.reload()
    wait_until(lambda: '"rules reloaded"' in router.log_text(), 30, "the change is live at once")
    changing.produce(500)
    world.wait_metric(router, "sluice_delivered_records_total", len(world.produced), sink="local")
    wait_until(lambda: router.metrics().sum("sluice_sink_lag_records", sink="local") == 0, 30, "its position")
    router.kill()
    changing.rename(both.format(3))
    changing.router = router = world.router(config, name="again")
    changing.produce(500)
    world.wait_metric(router, "sluice_delivered_records_total", 500, sink="local")
    world.receiver.behave("ok")
    changing.finish()
    judged, versions = changing.judged(), set()
    for record in world.produced:
        arrived = judged[record.id]
        assert {sink for sink, _ in arrived} == {"alerts", "local"}, f"{record.id}: {arrived}"
        assert len({number for _, number in arrived}) == 1, f"{record.id}: two versions: {arrived}"
        versions.add(arrived[0][1])
    assert versions == {1, 2, 3}


def test_sighup_tells_what_needs_a_restart(changing):
    router = changing.start()
    config = json.loads(router.config.read_text())
    router.reload()
    wait_until(lambda: "they are what is live" in router.log_text(), 30, "an answer")
    assert "needs a restart" not in router.log_text()
    config["shutdown"] = "5s"
    router.config.write_text(json.dumps(config))
    router.reload()
    wait_until(lambda: "needs a restart" in router.log_text(), 30, "a warning")
    changing.finish()


def test_c22_a_rule_that_keeps_hitting_limits_is_set_aside(changing):
    world = changing.world
    changing.file.write_text(
        "rules:\n"
        "  - { name: bomb, when: { message: { regex: '(a+)+$' } }, to: alerts }\n"
        "  - { name: rest, set: { version: \"1\" }, to: local }\n")
    router = changing.start(rule_errors="archive", unmatched="drop")
    fuse = json.dumps({"id": "r99999999", "message": "a" * 64 + "!"})
    world.broker.produce(world.topic, [(b"k", fuse.encode(), None)] * 250)
    changing.produce(1000)
    wait_until(lambda: router.metrics().sum("sluice_rules_set_aside", rule="bomb") == 1, 60,
               lambda: f"set aside\n{router.log_tail()}")
    assert "10.yaml:2" in router.log_text()
    status, page = router.get("/readyz")
    assert status == 200 and "bomb" in page
    world.wait_done(router)
    assert router.metrics().sum("sluice_rule_limit_records_total") >= 100
    router.reload()
    wait_until(lambda: router.metrics().sum("sluice_rules_set_aside") == 0, 30, "taken back")
    assert router.get("/readyz")[1] == "ready\n"
    world.finish(router)
    lines = [line for _, line in world.in_archive()]
    assert sum(1 for line in lines if "r99999999" in line) == 250
    # With the rule set aside go there all that it might have taken; no record is anywhere twice.
    others = [generate.ID.search(line).group() for line in lines if "r99999999" not in line]
    others += [generate.ID.search(line).group() for line in changing.local.read_text().splitlines()]
    assert sorted(others) == sorted(r.id for r in world.produced)
