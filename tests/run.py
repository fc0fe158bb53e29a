#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tests/run [--quick] [STEP...]

Runs the steps and ends with a line for each test that failed, and the line "N passed, N failed". Without STEP,
all of them, cheap ones first; then three lanes beside each other, for what talks to servers mostly waits. --quick
leaves out what repeats others under another compiler or sanitizer. Logs are in build/logs.
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as xml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
LOGS = ROOT / "build" / "logs"
JOBS = str(os.cpu_count() or 2)
FUZZ_SECONDS = os.environ.get("FUZZ_SECONDS", "20")
# Threads: what these folders' tests start or talk to.
THREADED = "^test_(net|kafka|ops|sink|pipeline)_"


class Counts:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.problems = []      # said again at the end, where a long log is read first
        self.names = []         # and of each failed test one line, after all of them
        self.lock = threading.Lock()

    def add(self, passed=0, failed=0, skipped=0, problem="", names=()):
        with self.lock:
            self.passed += passed
            self.failed += failed
            self.skipped += skipped
            if failed:
                self.problems.append(problem)
                self.names += names or [one_line(problem)]


TOTAL = Counts()
BUILT = {}              # preset -> it was built well; what needs one that was not is not tried
BUILDING = {}           # preset -> its lock
SPEAKING = threading.Lock()


def say(text):
    with SPEAKING:
        print(text, flush=True)


def indent(lines):
    return "\n".join(f"   | {line}" for line in lines)


def one_line(text, most=600):
    """The first of what is said, where there is room for a line only."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[:most] + "..."


def tail(log, lines=40):
    return indent(log.read_text(errors="replace").splitlines()[-lines:])


def count_one(name, good, log):
    if good:
        TOTAL.add(passed=1)
        return
    said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    TOTAL.add(failed=1, problem=f"{name}\n{tail(log)}", names=[one_line(": ".join([name, *said[-1:]]))])


def end_group(pid):
    try:
        os.killpg(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass


def execute(command, log, limit=1800, env=None, show=False):
    """Runs a command with its output in a log; True when it exited 0. Nothing of it is left running."""
    log = LOGS / log
    with open(log, "ab") as out:
        out.write(f"$ {' '.join(map(str, command))}\n".encode())
        out.flush()
        child = subprocess.Popen(
            list(map(str, command)), cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True,
            stdout=subprocess.PIPE if show else out, stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})})
        deadline = time.monotonic() + limit
        alarm = threading.Timer(limit, end_group, (child.pid,))
        alarm.start()
        try:
            if show:
                for line in child.stdout:
                    out.write(line)
                    say("   " + line.decode(errors="replace").rstrip("\n"))
            status = child.wait()
        finally:
            alarm.cancel()
            try:
                os.killpg(child.pid, signal.SIGTERM)
                child.wait(30)
                os.killpg(child.pid, signal.SIGKILL)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        if time.monotonic() > deadline:
            out.write(f"ended after {limit} s\n".encode())
        return status == 0


def check(name, command, log, **more):
    """One command that is one test."""
    began = time.monotonic()
    good = execute(command, log, **more)
    say(f"   {'ok    ' if good else 'FAILED'} {name} ({time.monotonic() - began:.0f} s)")
    count_one(name, good, LOGS / log)
    return good


def sources(*endings):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *endings], cwd=ROOT,
                            capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\n") if name and (ROOT / name).is_file()]


def build(preset, targets=()):
    """Configures and builds a preset once; a failure counts as one failed test."""
    folder = "build" if preset == "release" else f"build-{preset}"
    with BUILDING.setdefault(preset, threading.Lock()):
        if preset not in BUILT:
            BUILT[preset] = check(f"build {preset}", ["sh", "-c", f"cmake -S . --preset {preset} && ninja -C {folder} "
                                                      f"-j{JOBS} -k0 {' '.join(targets)}"], f"build-{preset}.log")
        return BUILT[preset]


def unit(preset, pattern=".", env=None):
    """Unit tests by ctest; cmocka's own count where it gives one."""
    folder = "build" if preset == "release" else f"build-{preset}"
    log = f"unit-{preset}.log"
    began = time.monotonic()
    # More at a time than there are cores: those that speak to a mock broker mostly wait.
    execute(["ctest", "--test-dir", folder, "-V", "-j4", "-R", pattern], log, env=env)
    text = (LOGS / log).read_text(errors="replace")
    passed = sum(map(int, re.findall(r"\[  PASSED  \] (\d+) test", text)))
    failed = sum(map(int, re.findall(r"\[  FAILED  \] (\d+) test", text)))
    programs = re.search(r"(\d+) tests failed out of (\d+)", text)
    # A program that crashed says nothing itself, but ctest counts it.
    failed = max(failed, int(programs.group(1)) if programs else 1)
    if not programs or int(programs.group(2)) == 0:
        failed = max(failed, 1)
    say(f"   {'ok    ' if not failed else 'FAILED'} unit tests, {preset}: {passed} passed, {failed} failed "
        f"({time.monotonic() - began:.0f} s)")
    if not failed:
        TOTAL.add(passed=passed)
        return
    names = [f"{preset}: {name}" for name in unit_names(text)]
    say(indent([*names, *unit_problems(text)]))
    TOTAL.add(passed=passed, failed=failed, names=names,
              problem="\n".join([f"unit tests, {preset}", *names, indent(unit_problems(text))]))


def unit_failures(text):
    """Of each program that failed by ctest -V: (its name, what it wrote)."""
    for number, name in re.findall(r"^\s*\d+/\d+ Test\s+#(\d+): (\S+).*(?:Failed|Timeout|Exception|Abort)", text, re.M):
        yield name, [line for line in text.splitlines()
                     if re.match(rf"{number}: |\s*\d+/\d+ Test\s+#{number}: ", line)]


def unit_names(text):
    """A line for each test that failed, with its assertion; for a program that says no more, with its end."""
    for program, mine in unit_failures(text):
        said, any_test = [], False
        for line in mine:
            if match := re.search(r"(?:\[ +(?:ERROR|LINE) +\] --- )+(.*)", line):
                said.append(match[1])
            elif re.search(r"\[ RUN      \]|\[       OK \]", line):
                said = []
            elif said and (match := re.search(r"\[  FAILED  \] (\w+)$", line)):
                yield one_line(f"{program}::{match[1]}: {'; '.join(said)}")
                said, any_test = [], True
        if not any_test:
            yield one_line(f"{program}: {' '.join(line.partition(': ')[2] for line in mine[-4:-1])} {mine[-1].strip()}")


def unit_problems(text):
    """What ctest -V wrote of the programs that failed: the assertions, a sanitizer's report, or the end."""
    found = []
    for _, mine in unit_failures(text):
        told = [i for i, line in enumerate(mine) if re.search(
            r"\[  ERROR   \]|\[   LINE   \]|\[  FAILED  \]|runtime error|ERROR: |WARNING: ThreadSanitizer| Test +#", line)]
        wanted = {k for i in told for k in range(i - 3, i + 12 if "anitizer" in mine[i] else i + 1)} or set(
            range(len(mine) - 20, len(mine)))
        found += [line for i, line in enumerate(mine) if i in wanted][-40:]
    return found or text.splitlines()[-20:]


def pytest(name, arguments, env=None, limit=3000):
    report = LOGS / f"{name}.xml"
    report.unlink(missing_ok=True)
    execute(["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "-v", "-rs",
             f"--junitxml={report}", *arguments], f"{name}.log", env=env, show=True, limit=limit)
    try:
        suites = list(xml.parse(report).iter("testsuite"))
    except (OSError, xml.ParseError):
        say(f"   FAILED {name}: pytest wrote no report")
        TOTAL.add(failed=1, problem=f"{name}: pytest wrote no report\n{tail(LOGS / f'{name}.log')}")
        return
    count = {key: sum(int(s.get(key, 0)) for s in suites) for key in
             ("tests", "failures", "errors", "skipped")}
    bad = count["failures"] + count["errors"]
    problems = list(pytest_problems(suites))
    names = [f"{name}: {test}: {message}" for test, message, _ in problems]
    TOTAL.add(passed=max(count["tests"] - bad - count["skipped"], 0), failed=bad or int(not count["tests"]),
              skipped=count["skipped"], names=names or [f"{name}: no test was run"],
              problem="\n".join([name, *names, *(f"{test}\n{indent(lines)}" for test, _, lines in problems)]))


def pytest_problems(suites):
    """(test, its assertion's own words in one line, the end of all that was said) of each that failed"""
    for case in (case for suite in suites for case in suite.iter("testcase")):
        for problem in (*case.findall("failure"), *case.findall("error")):
            message, text = problem.get("message") or "", problem.text or ""
            yield (f"{case.get('classname')}::{case.get('name')}", one_line(message or text[-600:]),
                   (text or message).splitlines()[-30:])


# ---- steps ----------------------------------------------------------------------------------------

def lint():
    check("direction of includes, sizes of files", ["/usr/bin/python3", "tests/lint/includes.py"], "lint.log")
    c = sources("*.c", "*.h")
    check(f"clang-format, {len(c)} files", ["clang-format", "--dry-run", "-Werror", *c], "format.log")
    scripts = [name for name in sources()
               if (ROOT / name).open("rb").read(20).startswith((b"#!/bin/bash", b"#!/bin/sh"))]
    check("rows of the fault tables and their tests", ["/usr/bin/python3", "tests/lint/rows.py"], "lint.log")
    check("shell scripts parse", ["sh", "-c", 'for f; do bash -n "$f" || exit 1; done', "sh", *scripts],
          "lint.log")
    python = sources("*.py")
    check("Python compiles", ["/usr/bin/python3", "-c",
                              "import sys\nfor f in sys.argv[1:]: compile(open(f).read(), f, 'exec')",
                              *python], "lint.log")


def release():
    if build("release"):
        unit("release")


def asan():
    if build("asan"):
        unit("asan")
        # Who dies leaves its memory behind.
        check("simulator, sanitized", [ROOT / "build-asan" / "tests" / "sim" / "sim", "--seeds", "10001..10400", "--most", "3"],
              "sim-asan.log", env={"ASAN_OPTIONS": "detect_leaks=0"})


def clang():
    if build("clang"):
        unit("clang")


def tsan():
    if not build("tsan"):
        return
    threads = ROOT / "build-tsan" / "tsan_threads.so"     # its head says why
    if not check("threads for ThreadSanitizer", ["cc", "-O1", "-g", "-shared", "-fPIC", "-o", threads,
                                                 "tests/lint/tsan_threads.c"], "build-tsan.log"):
        return
    unit("tsan", THREADED, {"TSAN_OPTIONS": f"suppressions={HERE}/lint/tsan.supp", "LD_PRELOAD": str(threads)})


def tidy():
    # gcc's build has flags that clang-tidy does not know.
    if not (ROOT / "build-clang" / "compile_commands.json").exists() and not build("clang"):
        return
    files = [name for name in sources("src/*.c", "src/**/*.c")]
    check(f"clang-tidy, {len(files)} files",
          ["/usr/bin/python3", "tests/lint/tidy.py", "-p", "build-clang", "-j", JOBS, *files], "tidy.log",
          limit=3600)


def fuzz():
    if not list((HERE / "fuzz").glob("fuzz_*.c")):
        return
    if not build("fuzz"):
        return
    waiting = [p for p in sorted((ROOT / "build-fuzz" / "tests").glob("fuzz_*"))
               if p.is_file() and os.access(p, os.X_OK)]
    running = []
    while waiting or running:        # as many at a time as there are cores
        while waiting and len(running) < int(JOBS):
            running.append(start_fuzzer(waiting.pop(0)))
        end_fuzzer(*running.pop(0))


def start_fuzzer(program):
    name = program.name
    short = re.sub(r"^fuzz_", "", name)
    corpora = [p for p in (HERE / "fuzz" / "corpus" / name, HERE / "fuzz" / "corpus" / short,
                           HERE / "fuzz" / "corpus" / short.split("_", 1)[-1]) if p.is_dir()][:1]
    grown = ROOT / "build-fuzz" / "corpus" / name
    grown.mkdir(parents=True, exist_ok=True)
    command = [program, f"-max_total_time={FUZZ_SECONDS}", "-rss_limit_mb=2048", "-timeout=10",
               f"-artifact_prefix={ROOT}/build-fuzz/{name}-", grown, *corpora]
    log = LOGS / f"{name}.log"
    with open(log, "wb") as out:
        return name, log, subprocess.Popen(list(map(str, command)), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
                                           stderr=subprocess.STDOUT, start_new_session=True)


def end_fuzzer(name, log, child):
    try:
        good = child.wait(int(FUZZ_SECONDS) + 300) == 0
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        good = False
    say(f"   {'ok    ' if good else 'FAILED'} {name}")
    count_one(name, good, log)


def sim():
    """The simulator: runs of everything, then of each scenario."""
    if not build("release"):
        return
    program = ROOT / "build" / "tests" / "sim" / "sim"
    names = subprocess.run([program, "--scenarios"], capture_output=True, text=True).stdout.split()
    check("simulator", [program, "--seeds", "1..10000", "--most", "3"], "sim.log")
    for name in names or ["none is named"]:
        # f09: the n-th allocation fails in the seed of that number
        check(f"simulator, {name}", [program, "--seeds", "1..3000" if name == "f09" else "1..200", "--most", "3",
                                     "--scenario", name], "sim.log")


def guard():
    """Instructions a record of each piece of the hot path: each is a test."""
    if not build("release"):
        return
    report = LOGS / "guard.json"
    report.unlink(missing_ok=True)
    execute(["/usr/bin/python3", "tests/guard/run", "--report", report], "guard.log", show=True)
    pieces = json.loads(report.read_text()) if report.exists() else {"guard": f"no report\n{tail(LOGS / 'guard.log')}"}
    for piece, wrong in pieces.items():
        name = f"guard: {piece} {wrong}"
        TOTAL.add(passed=not wrong, failed=bool(wrong), problem=name, names=[one_line(name)])


def integration():
    if build("release"):
        pytest("integration", ["tests/integration"])


def integration_asan():
    if build("asan"):
        pytest("integration-asan", ["tests/integration"], {
            "SLUICE_BIN": str(ROOT / "build-asan" / "sluice"), "SLUICE_RECORDS": "30000",
            "SLUICE_SANITIZED": "1", "SLUICE_OUTAGE": "8", "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
            "UBSAN_OPTIONS": "print_stacktrace=1"})


def fault():
    if build("release"):
        pytest("fault", ["tests/fault"])


def quickstart():
    if build("release"):
        check("deploy/quickstart --light", ["deploy/quickstart", "--light"], "quickstart-light.log", limit=600)


# What everything else stands on, and then three lanes: one computes, the others mostly wait for servers.
FIRST = {"lint": lint, "release": release}
COMPUTES = {"guard": guard, "sim": sim, "asan": asan, "clang": clang, "tsan": tsan, "fuzz": fuzz, "tidy": tidy}
WAITS = {"quickstart": quickstart, "integration": integration}
BREAKS = {"fault": fault, "integration-asan": integration_asan}
STEPS = {**FIRST, **COMPUTES, **WAITS, **BREAKS}
QUICK = ["lint", "release", "guard", "sim", "integration", "quickstart"]
BEGAN = time.monotonic()


def run(names):
    for name in names:
        say(f"== {name} ({(time.monotonic() - BEGAN) / 60:.0f} min)")
        try:
            STEPS[name]()
        except Exception as problem:          # a lane that died silently would pass
            say(f"   FAILED {name}: {problem!r}")
            TOTAL.add(failed=1, problem=f"{name}: {problem!r}")


def run_all():
    run(FIRST)
    lanes = [threading.Thread(target=run, args=(names,)) for names in (COMPUTES, WAITS, BREAKS)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()


def main():
    arguments = [a for a in sys.argv[1:] if a != "--quick"]
    if any(a in ("-h", "--help") for a in arguments):
        print(__doc__ + "\nSteps: " + " ".join(STEPS))
        return 0
    unknown = [a for a in arguments if a not in STEPS]
    if unknown:
        print(f"tests/run: no step {unknown[0]}; there are: {' '.join(STEPS)}", file=sys.stderr)
        return 2
    LOGS.mkdir(parents=True, exist_ok=True)
    for log in LOGS.glob("*.log"):
        log.unlink()
    if arguments or "--quick" in sys.argv:
        run(arguments or QUICK)
    else:
        run_all()
    nothing = TOTAL.passed + TOTAL.failed == 0
    if nothing:
        say("tests/run: nothing was run")
    skipped = f", {TOTAL.skipped} skipped" if TOTAL.skipped else ""
    say(f"== done ({(time.monotonic() - BEGAN) / 60:.1f} min)")
    for problem in TOTAL.problems:
        say(f"FAILED {problem}")
    for name in TOTAL.names:              # the very end is what is read first, and maybe alone
        say(f"FAILED {name}")
    say(f"{TOTAL.passed} passed, {TOTAL.failed} failed{skipped}")
    return 1 if TOTAL.failed or nothing else 0


if __name__ == "__main__":
    sys.exit(main())
