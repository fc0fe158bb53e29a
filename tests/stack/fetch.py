# SPDX-License-Identifier: Apache-2.0
"""Brings the servers into a cache folder by Maven, once: tests/stack/<server>/pom.xml says which."""
import fcntl
import hashlib
import itertools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
JARS = {"kafka", "s3proxy"}                 # the others are zips, to be unpacked
SIZES = {"kafka": "43 MB", "s3proxy": "57 MB", "opensearch": "51 MB", "elasticsearch": "60 MB"}


class Unavailable(RuntimeError):
    """A server cannot be had here; the text says why."""


def cache_folder():
    return pathlib.Path(os.environ.get("SLUICE_CACHE") or ROOT / ".cache" / "servers").resolve()


def _run(command, tick):
    """(output, status); tick is called every ten seconds, for a slow line needs minutes."""
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        try:
            for seconds in itertools.count(10, 10):
                try:
                    status = child.wait(10)
                    break
                except subprocess.TimeoutExpired:
                    tick(seconds)
        except BaseException:
            child.kill()
            raise
        out.seek(0)
        return out.read(), status


def _maven(server, folder, say):
    for tool in ("mvn", "java"):
        if not shutil.which(tool):
            raise Unavailable(f"{tool} is not installed: apt-get install maven openjdk-17-jre-headless")
    goal = (["dependency:copy-dependencies", f"-DoutputDirectory={folder}/lib", "-DincludeScope=runtime"]
            if server in JARS else
            ["dependency:unpack-dependencies", f"-DoutputDirectory={folder}",
             f"-DmarkersDirectory={folder}/.markers", "-DexcludeTransitive=true"])
    command = ["mvn", "-q", "-B", "-f", str(HERE / server / "pom.xml"), *goal]
    for attempt in (1, 2):                  # a slow line breaks a download now and then
        out, status = _run(command, lambda seconds: say(f"  {server}: {seconds} s"))
        if status == 0:
            return
        say(f"  {server}: Maven failed{', trying again' if attempt == 1 else ''}")
    lines = [line for line in out.splitlines() if "ERROR" in line]
    raise Unavailable(f"Maven could not bring {server}: {lines[0] if lines else 'see mvn'}")


def fetch(server, say=lambda text: None):
    """The folder with the server; downloads it unless it is there. Safe to call from several processes:
    the first downloads, the others wait. A folder of another pom.xml is replaced."""
    pom = hashlib.sha256((HERE / server / "pom.xml").read_bytes()).hexdigest()[:12]
    folder = cache_folder() / f"{server}-{pom}"
    if folder.is_dir():
        return folder
    cache_folder().mkdir(parents=True, exist_ok=True)
    with open(cache_folder() / f"{server}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return folder
        say(f"  downloading {server} ({SIZES[server]}, once)")
        for old in cache_folder().glob(f"{server}-*"):
            shutil.rmtree(old)
        part = cache_folder() / f"{server}-{pom}.part"
        _maven(server, part, say)
        part.rename(folder)                 # a folder is there whole or not at all
    return folder


def main():
    for server in sys.argv[1:] or sorted(SIZES):
        try:
            print(fetch(server, lambda text: print(text, file=sys.stderr, flush=True)))
        except Unavailable as why:
            sys.exit(f"fetch: {why}")


if __name__ == "__main__":
    main()
