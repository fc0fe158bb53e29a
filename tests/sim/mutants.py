#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks the core in known ways, one at a time, and expects the simulator to find each within a thousand seeds.

    tests/sim/mutants.py [--seeds N] [NAME...]

Works on a copy of the sources in a folder of its own. Exit status 1: some mutant lives, or its text is not in the
sources any more (then it is to be written anew: a mutant that changes nothing proves nothing).
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "sim"))
from mutants_list import MUTANTS  # noqa: E402


def build(folder: pathlib.Path) -> tuple[bool, str]:
    done = subprocess.run(["ninja", "-C", str(folder / "build"), "-j2", "sim"], capture_output=True, text=True)
    return done.returncode == 0, done.stdout[-2000:]


def hunt(folder: pathlib.Path, seeds: int) -> tuple[int | None, str]:
    """The seed that finds something, and what."""
    done = subprocess.run(
        [folder / "build/tests/sim/sim", "--seeds", f"1..{seeds}", "--most", "1"], capture_output=True, text=True
    )
    found = re.search(r"^seed (\d+) fails at [\d.]+ s: (.*)$", done.stdout, re.M)
    if found:
        return int(found.group(1)), found.group(2)
    return (0, f"ends with status {done.returncode}") if done.returncode not in (0, 1) else (None, "")


def mutate(folder: pathlib.Path, file: str, old: str, new: str) -> str | None:
    path = folder / file
    before = path.read_text() if path.exists() else ""
    if before.count(old) != 1:
        return None
    path.write_text(before.replace(old, new))
    return before


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=1000)
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-mutants-"))
    alive = []
    try:
        for part in ("src", "include", "tests", "CMakeLists.txt", "bench"):
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, folder / part)
            elif source.exists():
                shutil.copy(source, folder / part)
        subprocess.run(
            ["cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", "-DCMAKE_C_FLAGS=-w -Wno-error"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        ok, text = build(folder)
        if not ok:
            print(text)
            return 1
        seed, what = hunt(folder, args.seeds)
        if seed is not None:
            print(f"the unchanged core fails: seed {seed}: {what}")
            return 1
        for name, file, old, new in MUTANTS:
            if args.names and name not in args.names:
                continue
            began = time.monotonic()
            before = mutate(folder, file, old, new)
            if before is None:
                alive.append(name)
                print(f"{name}: its text is not in {file}, or not once")
                continue
            ok, text = build(folder)
            if ok:
                seed, what = hunt(folder, args.seeds)
            else:
                seed, what = None, "does not compile: " + text
            (folder / file).write_text(before)
            if seed is None:
                alive.append(name)
            print(f"{name}: {'lives ' if seed is None else f'seed {seed}: '}{what[:120]} ({time.monotonic() - began:.0f} s)")
            sys.stdout.flush()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(alive)} of {len(args.names or MUTANTS)} mutants live{': ' if alive else ''}{', '.join(alive)}")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
