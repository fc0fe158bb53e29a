# SPDX-License-Identifier: Apache-2.0
"""DuckDB, a query engine that people point at archives: brought from the Python package index into the cache, once."""
import fcntl
import json
import shutil
import subprocess

from .fetch import Unavailable, cache_folder

VERSION = "2.0.0"


def _python():
    """A Python that has it, in a folder of its own."""
    folder = cache_folder() / f"duckdb-{VERSION}"
    there = folder / "there"
    cache_folder().mkdir(parents=True, exist_ok=True)
    with open(cache_folder() / "duckdb.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not there.exists():
            shutil.rmtree(folder, ignore_errors=True)
            for command in (["/usr/bin/python3", "-m", "venv", folder],
                            [folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check",
                             f"duckdb=={VERSION}"]):
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    raise Unavailable(f"duckdb: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
            there.touch()
    return folder / "bin" / "python"


def query(sql):
    """The rows; values as JSON has them."""
    program = "import duckdb, json, sys; print(json.dumps(duckdb.sql(sys.argv[1]).fetchall(), default=str))"
    done = subprocess.run([_python(), "-c", program, sql], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout)
