#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy over files, several at a time, and prints each finding once.

    tests/lint/tidy.py [-j N] [-p BUILD] FILE...
"""
import argparse
import concurrent.futures
import re
import subprocess
import sys

FINDING = re.compile(r"^(?:\S+:\d+:\d+: )?(?:warning|error): .*$")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("-j", type=int, default=2)
    options.add_argument("-p", default="build", help="folder with compile_commands.json")
    options.add_argument("files", nargs="+")
    arguments = options.parse_args()

    def tidy(file):
        run = subprocess.run(["clang-tidy", "--quiet", "-p", arguments.p, file], capture_output=True,
                             text=True)
        return run.returncode, run.stdout, run.stderr

    seen, failed = set(), 0
    with concurrent.futures.ThreadPoolExecutor(arguments.j) as pool:
        for file, (status, out, err) in zip(arguments.files, pool.map(tidy, arguments.files)):
            failed += status != 0
            fresh = False
            for line in out.splitlines():
                if FINDING.match(line):
                    fresh = line not in seen
                    seen.add(line)
                if fresh:
                    print(line)
            if status and not out.strip():
                print(f"{file}: {err[-2000:]}")
    print(f"clang-tidy: {len(arguments.files)} files, {len(seen)} findings, {failed} files failed")
    return 1 if seen or failed else 0


if __name__ == "__main__":
    sys.exit(main())
