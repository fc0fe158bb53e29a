# SPDX-License-Identifier: Apache-2.0
"""The fault proxy does to connections what it says, and nothing else: a test of the tests."""
import os
import pathlib
import socket
import threading
import time

import pytest

from tests.stack.process import wait_until

from .proxy import Proxy


class Echo:
    """Says back what it hears, and keeps it."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.heard = b""
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with peer:
            try:
                while data := peer.recv(1 << 16):
                    self.heard += data
                    peer.sendall(data)
            except OSError:
                pass


@pytest.fixture
def echo():
    e = Echo()
    yield e
    e.socket.close()


@pytest.fixture
def proxy(tmp_path, echo):
    with Proxy(tmp_path / "proxy.log") as p:
        p.port = p.link("l", echo.address)
        yield p


def connect(proxy):
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=60)


def read(client, n):
    got = b""
    while len(got) < n:
        data = client.recv(n - len(got))
        if not data:
            break
        got += data
    return got


def cpu_seconds(proxy):
    """Of the proxy's process: what it costs, whatever else the machine does."""
    fields = pathlib.Path(f"/proc/{proxy.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_bytes_pass_whole_and_fast(proxy, echo):
    client, data = connect(proxy), bytes(range(256)) * 40_000
    began = cpu_seconds(proxy)
    threading.Thread(target=client.sendall, args=(data,), daemon=True).start()
    assert read(client, len(data)) == data
    took = cpu_seconds(proxy) - began
    assert took < len(data) / 10e6, f"{took:.2f} s"
    assert proxy.stats("l")["up"] == proxy.stats("l")["down"] == len(data)
    client.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b"", "the end passes, too"


def test_delay_and_rate(proxy):
    client = connect(proxy)
    proxy.do("delay", "l", 100)
    began = time.monotonic()
    client.sendall(b"one")
    assert read(client, 3) == b"one"
    assert time.monotonic() - began >= 0.2
    proxy.do("rate", "l", 100_000)
    began = time.monotonic()
    client.sendall(b"x" * 30_000)
    assert read(client, 30_000) == b"x" * 30_000
    assert time.monotonic() - began > 0.25
    proxy.do("rate", "l", 100)
    client.sendall(b"y" * 100_000)          # a quarter of an hour's worth, and then it is fast again
    proxy.do("pass", "l")
    began = time.monotonic()
    assert read(client, 100_000) == b"y" * 100_000
    assert time.monotonic() - began < 120


def test_stall_loses_nothing(proxy):
    client = connect(proxy)
    proxy.do("stall", "l")
    client.sendall(b"one")
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.recv(1)
    proxy.do("pass", "l")
    client.settimeout(60)
    assert read(client, 3) == b"one"


def test_cut_after_so_many_bytes(proxy, echo):
    client = connect(proxy)
    proxy.do("cut", "l", 5, "up")
    with pytest.raises(ConnectionResetError):
        client.sendall(b"0123456789")
        while client.recv(100):
            pass
    wait_until(lambda: echo.heard == b"01234", 60, lambda: echo.heard)
    proxy.do("cut", "l", 3, "down")
    client = connect(proxy)
    client.sendall(b"abcdef")
    got = b""
    with pytest.raises(ConnectionResetError):
        while True:
            got += client.recv(100)
    assert got in (b"abc", b"")             # a reset may overtake what was sent
    wait_until(lambda: echo.heard.endswith(b"abcdef"), 60, lambda: echo.heard)


def test_half_open_swallows_and_is_reset_when_healed(proxy, echo):
    old = connect(proxy)
    old.sendall(b"before")
    assert read(old, 6) == b"before"
    proxy.do("half", "l")
    new = connect(proxy)
    for client in (old, new):
        client.sendall(b"lost")
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.recv(1)
    proxy.do("pass", "l")
    for client in (old, new):
        client.settimeout(60)
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    assert echo.heard == b"before"


def test_garbage_refuse_and_flip(proxy, echo):
    client = connect(proxy)
    proxy.do("garbage", "l")
    client.sendall(b"question")
    try:
        assert client.recv(8) != b"question"[:8]
    except ConnectionResetError:
        pass
    proxy.do("refuse", "l")
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.do("flip", "l", "up", b"marker".hex(), 1)
    client = connect(proxy)
    client.sendall(b"a marker ")
    first = read(client, 9)
    client.sendall(b"a marker ")
    assert read(client, 9) == b"a marker " != first and len(first) == 9


def test_mistakes_are_told(proxy):
    with pytest.raises(RuntimeError, match="KeyError"):
        proxy.do("pass", "nowhere")
    with pytest.raises(RuntimeError, match="no command"):
        proxy.do("explode", "l")
