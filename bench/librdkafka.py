# SPDX-License-Identifier: Apache-2.0
"""Another librdkafka than the system's: the npm package node-rdkafka carries the source of 2.12, which is built once
into the cache folder of tests/stack."""
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

from tests.stack.fetch import cache_folder

ROOT = pathlib.Path(__file__).resolve().parents[1]
PACKAGE, VERSION = "node-rdkafka@3.6.0", "2.12"


class Unavailable(RuntimeError):
    """It cannot be had here; the text says why."""


def _run(command, folder):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {(done.stdout.strip().splitlines() or ['it failed'])[-1]}")


def folder(say=lambda text: None):
    """The folder of librdkafka.so.1, for LD_LIBRARY_PATH."""
    home = cache_folder() / f"librdkafka-{VERSION}"
    if (home / "librdkafka.so.1").exists():
        return home
    if not shutil.which("npm"):
        subprocess.run([ROOT / "tests" / "stack" / "packages.sh", "npm"], stderr=subprocess.DEVNULL, check=False)
    if not shutil.which("npm"):
        raise Unavailable("npm is not installed")
    say(f"  building librdkafka {VERSION}, once")
    with tempfile.TemporaryDirectory(prefix="sluice-librdkafka-") as name:
        work = pathlib.Path(name)
        _run(["npm", "pack", "--silent", PACKAGE], work)
        with tarfile.open(next(work.glob("*.tgz"))) as archive:
            archive.extractall(work)
        source = work / "package" / "deps" / "librdkafka"
        _run(["./configure", "--disable-lz4-ext"], source)
        _run(["make", "-j2", "libs"], source)
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / "src" / "librdkafka.so.1", home / "building")
        (home / "building").rename(home / "librdkafka.so.1")
    return home
