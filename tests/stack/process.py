# SPDX-License-Identifier: Apache-2.0
"""Processes that never outlive the one that started them, free ports, and waiting for a condition."""
import atexit
import ctypes
import os
import pathlib
import random
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_started = set()


class Late(AssertionError):
    """A condition did not come true in time."""


LEAST = 180     # seconds that any wait may last: a busy machine may run us, or what we wait for, late


def wait_until(condition, deadline, what, every=0.05):
    """Returns the first true value of condition(); raises Late after `deadline` seconds, or LEAST."""
    deadline = max(deadline, LEAST)
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Late(f"{what() if callable(what) else what}: not within {deadline} s")
        time.sleep(every)


_ports = {}             # port -> what keeps it for this process


def free_port():
    """A loopback port below the range that the kernel uses for outgoing connections, kept for this process as
    long as it lives, so that a server can be stopped and started again on it without somebody else getting it
    meanwhile: test runs beside this one hold the port's name, an abstract socket, as well."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(20000, 32000)
        name = socket.socket(socket.AF_UNIX)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                name.bind(f"\0sluice-test-port-{port}")
                s.bind(("127.0.0.1", port))
            except OSError:
                name.close()
                continue
        _ports[port] = name
        return port
    raise RuntimeError("no free port between 20000 and 32000")


def unprivileged():
    """The words before a command that make it run as nobody; servers of the Elasticsearch family refuse
    root. Changing the user clears the death signal, so setpriv sets it again."""
    if os.getuid() != 0:
        return []
    return ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups",
            "--pdeathsig", "TERM", "--"]


class Process:
    """One process in a session of its own, with its output in a file. It gets SIGTERM when this process
    dies, however it dies; its whole group is ended by stop()."""

    def __init__(self, argv, log, env=None, cwd=None, stdin=subprocess.DEVNULL, stdout=None):
        self.argv, self.log_path = [str(a) for a in argv], pathlib.Path(log)
        parent = os.getpid()

        def die_with_parent():
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        with open(self.log_path, "ab") as out:
            self.child = subprocess.Popen(
                self.argv, stdin=stdin, stdout=stdout if stdout is not None else out, stderr=out,
                env=env, cwd=cwd, start_new_session=True, preexec_fn=die_with_parent)
        self.pid = self.child.pid
        _started.add(self)

    def running(self):
        return self.child.poll() is None

    def signal(self, number):
        if self.running():
            self.child.send_signal(number)

    def signal_group(self, number):
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass

    def ends_within(self, seconds):
        try:
            self.child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait(self, deadline=None):
        """The exit status; raises Late after `deadline` seconds, or LEAST."""
        deadline = deadline and max(deadline, LEAST)
        if not self.ends_within(deadline):
            raise Late(f"{self.argv[0]} (pid {self.pid}): not ended within {deadline} s")
        return self.child.returncode

    def stop(self, deadline=20):
        """SIGTERM, then SIGKILL for what is left of the group. Returns the exit status."""
        if self.running():
            self.signal_group(signal.SIGCONT)
            self.signal_group(signal.SIGTERM)
            self.ends_within(deadline)
        return self.kill()

    def kill(self):
        self.signal_group(signal.SIGKILL)
        status = self.child.wait()
        _started.discard(self)
        return status

    def log_tail(self, lines=30):
        try:
            text = self.log_path.read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


def stop_all():
    """Ends everything that was started here and is still there."""
    for process in list(_started):
        process.signal_group(signal.SIGCONT)
        process.signal_group(signal.SIGTERM)
    for process in list(_started):
        process.ends_within(10)
        process.kill()


atexit.register(stop_all)


def exit_on_sigterm():
    """SIGTERM and SIGHUP end this program through SystemExit, so that `finally` and atexit run."""
    def handler(number, _frame):
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGHUP, handler)
