#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy that harms what passes through it. Each *link* listens on a loopback port and leads to one
server; tests put links between routers and servers and change what a link does while it is used.

As a program it takes commands on standard input, one a line, and answers each with `ok ...` or `error ...`;
`Proxy` below starts it as a process of its own and speaks to it.

    link NAME HOST:PORT [PORT]   a new link (on the port given); answers with its port
    pass NAME                    as if nothing stood between; what can no longer be whole is reset
    delay NAME MS                latency, each way
    rate NAME BYTES              bytes a second, each way, of each connection
    stall NAME                   nothing passes and nothing is lost: it waits for `pass`
    cut NAME BYTES [up|down]     each connection is reset when so many more bytes have passed (in one direction)
    half NAME                    half open: connections are accepted and stay, and what is sent into them is lost
    garbage NAME                 instead of what the server says next come random bytes, then a reset
    flip NAME up|down HEX [N]    the next N times (1) that these bytes pass that way inside one piece, one
                                 bit of them is not as it was
    refuse NAME                  nobody listens, and connections are reset
    drop NAME                    resets the connections that there are; the link stays as it is
    stats NAME                   answers `ok UP DOWN CONNECTIONS CUT`: bytes passed, connections made, reset

`up` is what the client sends, `down` what the server answers.
"""
import asyncio
import collections
import contextlib
import os
import pathlib
import random
import socket
import struct
import subprocess
import sys

if __package__ in (None, ""):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tests.stack.process import Process, free_port                          # noqa: E402

HELD_MAX = 1 << 20      # bytes that wait in one direction before the sender is told to wait


class Side(asyncio.Protocol):
    """One end of a connection; `other` is the end to which its bytes go on."""

    def __init__(self, link, other=None):
        self.link, self.other = link, other
        self.transport = None
        self.up = other is None             # bytes that come in here came from the client
        self.waiting = collections.deque()  # (due, bytes; None for the end), to be written to the other end
        self.waiting_bytes = 0
        self.due = 0.0
        self.timer = None
        self.ended = False                  # no more comes in here
        self.swallowed = False
        self.paused = set()                 # why nothing is read here
        self.passed = 0                     # since `cut` was set

    # ---- connection ----

    def connection_made(self, transport):
        self.transport = transport
        if self.other is None:
            self.link.clients.add(self)
            self.link.connections += 1
            if self.link.mode == "half":
                self.swallowed = True       # nobody is behind it
                return
            self.link.loop.call_soon(self.pause, "connecting")
            asyncio.ensure_future(self.connect())
        else:
            self.other.other = self
            self.other.resume("connecting")
            if self.link.mode == "stall":
                # Only later: until this returns, reading has not begun and cannot be paused.
                self.link.loop.call_soon(self.pause, "stall")
            self.other.arm()

    async def connect(self):
        try:
            await self.link.loop.create_connection(lambda: Side(self.link, self), *self.link.target)
        except OSError:
            self.reset()

    def connection_lost(self, exc):
        self.ended = True
        if self.timer:
            self.timer.cancel()
        self.link.clients.discard(self)
        if self.other and not self.other.transport.is_closing():
            if exc:
                self.other.reset()
            elif not self.waiting:
                self.other.transport.close()
            # else: what waits is written first, then the end

    def reset(self):
        """RST, both ways; what has not been sent is lost."""
        for side in (self, self.other):
            if side and side.transport and not side.transport.is_closing():
                sock = side.transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                side.transport.abort()
        self.link.cuts += 1

    def pause(self, why):
        if why == "connecting" and self.other:
            return                          # it was quick
        if not self.paused and not self.transport.is_closing():
            self.transport.pause_reading()
        self.paused.add(why)

    def resume(self, why):
        if why in self.paused:
            self.paused.discard(why)
            if not self.paused and not self.transport.is_closing():
                self.transport.resume_reading()

    def pause_writing(self):
        if self.other:
            self.other.pause("full")

    def resume_writing(self):
        if self.other:
            self.other.resume("full")

    # ---- bytes ----

    def data_received(self, data):
        link = self.link
        if link.mode == "half" or self.swallowed:
            self.swallowed = True
            return
        if link.mode == "garbage" and not self.up:
            # Starts with a length that no protocol of ours takes, and is no HTTP either.
            self.other.transport.write(b"\x7f\xff" + os.urandom(200))
            link.loop.call_soon(self.reset)
            return
        if link.mode == "flip":
            data = link.flip(self.up, data)
        if link.mode == "cut" and link.way in (None, self.up):
            left = link.bytes - self.passed
            if len(data) >= left:
                self.forward(data[:max(left, 0)])
                link.loop.call_later(0.001, self.reset)
                self.swallowed = True
                return
            self.passed += len(data)
        self.forward(data)

    def eof_received(self):
        self.ended = True
        if not self.swallowed:
            self.forward(None)
        return True                         # the other direction goes on

    def forward(self, data):
        now = self.link.loop.time()
        slow = self.link.mode in ("delay", "rate") or not self.other
        if not slow and not self.waiting:
            self.write(data)
            return
        if self.link.mode == "delay":
            self.due = max(self.due, now + self.link.seconds)
        elif self.link.mode == "rate":
            for piece in self.slices(data):
                self.due = max(self.due, now) + len(piece or b"") / self.link.bytes
                self.hold(piece)
            return
        else:
            self.due = max(self.due, now)
        self.hold(data)

    def slices(self, data):
        if data is None:
            return [None]
        step = max(1, int(self.link.bytes / 20))
        return [data[i:i + step] for i in range(0, len(data), step)]

    def hold(self, data):
        self.waiting.append((self.due, data))
        self.waiting_bytes += len(data or b"")
        if self.waiting_bytes > HELD_MAX:
            self.pause("held")
        self.arm()

    def arm(self):
        if self.timer is None and self.waiting and self.other:
            self.timer = self.link.loop.call_at(self.waiting[0][0], self.release)

    def release(self):
        self.timer = None
        now = self.link.loop.time()
        while self.waiting and self.waiting[0][0] <= now + 0.0005:
            data = self.waiting.popleft()[1]
            self.waiting_bytes -= len(data or b"")
            self.write(data)
        if self.waiting_bytes < HELD_MAX / 2:
            self.resume("held")
        self.arm()

    def hurry(self):
        """The link is fast again: what waits goes out now, in order."""
        if self.timer:
            self.timer.cancel()
            self.timer = None
        self.waiting = collections.deque((0.0, data) for _, data in self.waiting)
        self.due = 0.0
        if self.other:
            self.release()

    def write(self, data):
        if not self.other or self.other.transport.is_closing():
            return
        if data is None:
            if self.other.transport.can_write_eof():
                with contextlib.suppress(OSError):      # the peer is gone, and connection_lost on its way
                    self.other.transport.write_eof()
            if self.other.ended:
                self.other.transport.close()
                self.transport.close()
            return
        if self.up:
            self.link.up += len(data)
        else:
            self.link.down += len(data)
        self.other.transport.write(data)


class Link:
    def __init__(self, loop, target, port):
        host, _, number = target.rpartition(":")
        self.loop, self.target, self.port = loop, (host, int(number)), port
        self.mode, self.server = "pass", None
        self.seconds = self.bytes = 0
        self.way = None                     # of cut: up is True
        self.marker, self.flips, self.flip_up = b"", 0, False
        self.clients = set()
        self.up = self.down = self.connections = self.cuts = 0

    async def listen(self):
        if not self.server:
            self.server = await self.loop.create_server(lambda: Side(self), "127.0.0.1", self.port,
                                                        reuse_address=True, backlog=256)
            self.port = self.server.sockets[0].getsockname()[1]

    def close(self):
        if self.server:
            self.server.close()
            self.server = None

    def sides(self):
        return [side for client in list(self.clients) for side in (client, client.other) if side]

    def flip(self, up, data):
        if up != self.flip_up or not self.flips or self.marker not in data:
            return data
        self.flips -= 1
        at = data.index(self.marker) + len(self.marker) // 2
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]

    async def change(self, mode, *words):
        """Sets what the link does from now on."""
        if mode == "drop":
            for client in list(self.clients):
                client.reset()
            return
        self.mode = mode
        self.seconds = float(words[0]) / 1000 if mode == "delay" else 0
        self.bytes = float(words[0]) if mode == "rate" else int(words[0]) if mode == "cut" else 0
        self.way = {"up": True, "down": False}[words[1]] if mode == "cut" and len(words) > 1 else None
        if mode == "flip":
            self.flip_up, self.marker = words[0] == "up", bytes.fromhex(words[1])
            self.flips = int(words[2]) if len(words) > 2 else 1
        if mode == "refuse":
            self.close()
            await self.change("drop")
        else:
            await self.listen()
        for side in self.sides():
            side.passed = 0
            if mode == "stall":
                side.pause("stall")
            else:
                side.resume("stall")
            if mode not in ("delay", "rate"):
                side.hurry()
        if mode != "half":
            for client in list(self.clients):
                if client.swallowed or (client.other and client.other.swallowed):
                    client.reset()          # a byte stream with a hole cannot go on


MODES = ("pass", "delay", "rate", "stall", "cut", "half", "garbage", "flip", "refuse", "drop")


async def obey(loop, links, words):
    if words[0] == "link":
        link = links[words[1]] = Link(loop, words[2], int(words[3]) if len(words) > 3 else free_port())
        await link.listen()
        return str(link.port)
    link = links[words[1]]
    if words[0] == "stats":
        return f"{link.up} {link.down} {link.connections} {link.cuts}"
    if words[0] not in MODES:
        raise ValueError(f"no command {words[0]}")
    await link.change(words[0], *words[2:])
    return ""


async def serve():
    loop, links = asyncio.get_running_loop(), {}
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while True:
        line = (await lines.readline()).decode()
        if not line:
            break
        try:
            answer = f"ok {await obey(loop, links, line.split())}".rstrip()
        except (KeyError, IndexError, ValueError, OSError) as why:
            answer = f"error {type(why).__name__} {why}".replace("\n", " ")
        print(answer, flush=True)
    for link in links.values():
        link.close()


class Proxy:
    """The proxy as a process; safe to use from several threads through its lock."""

    def __init__(self, log):
        import threading
        self.lock = threading.Lock()
        self.process = Process([sys.executable, pathlib.Path(__file__).resolve()], log, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)

    __enter__ = lambda self: self

    def __exit__(self, *exc):
        self.stop()

    def do(self, *words):
        with self.lock:
            self.process.child.stdin.write((" ".join(map(str, words)) + "\n").encode())
            self.process.child.stdin.flush()
            answer = self.process.child.stdout.readline().decode().strip()
        if answer != "ok" and not answer.startswith("ok "):
            raise RuntimeError(f"proxy: {' '.join(map(str, words))}: {answer}\n{self.process.log_tail()}")
        return answer[3:]

    def link(self, name, target, port=None):
        """The port of a new link."""
        return int(self.do("link", name, target, *([port] if port else [])))

    def stats(self, name):
        """{up, down, connections, cuts}"""
        return dict(zip(("up", "down", "connections", "cuts"), map(int, self.do("stats", name).split())))

    def stop(self):
        self.process.child.stdin.close()
        self.process.stop()
        self.process.child.stdout.close()


if __name__ == "__main__":
    random.seed()
    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        pass
