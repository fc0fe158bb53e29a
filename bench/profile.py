# SPDX-License-Identifier: Apache-2.0
"""Where the time of the main cases goes: perf's samples by thread and library, and by function."""
import json
import os
import shutil
import signal
import subprocess

from bench import cases, measure
from tests.stack import process

NAMES = ("10 field rules to null", "1,000 regexes", "three sinks by rules")
FUNCTIONS = 25


def samples(data, by):
    told = subprocess.run(["perf", "report", "-i", data, "--no-children", "--stdio", "-s", by], capture_output=True, text=True)
    return [line.strip() for line in told.stdout.splitlines() if line.strip() and not line.startswith("#")]


def take(bench, case, number):
    """Samples of one run, from start to the last record: its start is little beside the rest."""
    source, data = bench.source(case.topic), bench.folder / "perf.data"
    admin, config = process.free_port(), bench.folder / "sluice.yaml"
    receiver = measure.Receiver(bench.folder, source.records) if case.sinks != ("null",) else None
    config.write_text(json.dumps(measure.configuration(case, source.address, case.topic.name, f"profile-{os.getpid()}-{number}",
                                                       admin, receiver, bench.folder)))
    router = measure.Pinned(config, bench.folder / "sluice.log", admin, measure.environment(bench.newer), cores=case.cores,
                            under=["perf", "record", "-q", "-F", "1999", "-o", data])
    wanted = sum(source.expected.values()) if case.rules[0] == cases.BY_RULES else source.records
    router.start()
    try:
        measure.watch(router, wanted)
        child = subprocess.run(["pgrep", "-P", str(router.process.pid)], capture_output=True, text=True).stdout.split()
        os.kill(int(child[0]), signal.SIGTERM)         # perf writes what it has when it ends
        router.process.wait(30)
    finally:
        router.process.stop()
        if receiver:
            receiver.stop()
    return samples(data, "comm,dso")[:8], samples(data, "dso,sym")[:FUNCTIONS]


def report(bench, results, say):
    """more-2-profile.md in the results; the names of cases that could not be profiled."""
    if not shutil.which("perf"):
        say("  there is no perf here (apt-get install linux-perf): nothing is profiled")
        return []
    lines, wrong = [], []
    for number, name in enumerate(NAMES):
        case = next(c for c in cases.CASES if c.name == name)
        try:
            libraries, functions = take(bench, case, number)
        except (measure.Wrong, AssertionError, IndexError) as problem:
            say(f"  profile of {name}: {problem}")
            wrong.append(f"profile of {name}")
            continue
        lines += [f"Profile of {name}: share of samples, thread and library; then functions.\n", "```", *libraries, "",
                  *functions, "```", ""]
    (results / "more-2-profile.md").write_text("\n".join(lines))
    return wrong
