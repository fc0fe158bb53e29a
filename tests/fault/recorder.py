# SPDX-License-Identifier: Apache-2.0
"""An HTTP way to a destination that notes what the destination confirmed, before whoever asked can know it.

Routers reach OpenSearch and S3Proxy through it, so for each record the moment of its confirmation is known by
other means than the router's word, on the clock of the machine that also stamps Kafka's commits. A router
cannot know of a delivery earlier than it is noted here; so a commit that is older than the note was not
justified by it. What a destination took without an answer (it died) is noted when it says so: 409 on create,
412 on a PUT of the same key."""
import gzip
import http.client
import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.stack import s3

HOP_BY_HOP = {"connection", "keep-alive", "expect", "transfer-encoding", "proxy-connection"}


def taken_by_bulk(method, path, headers, body, status, reply):
    """The source lines that a _bulk reply confirms."""
    if status != 200 or not path.startswith("/_bulk"):
        return []
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    items = json.loads(reply)["items"]
    sources = body.split(b"\n")[1:-1:2]
    if len(items) != len(sources):
        raise ValueError(f"{len(sources)} sent, {len(items)} answered")
    return [source for source, item in zip(sources, items)
            if next(iter(item.values()))["status"] in (200, 201, 409)]


def taken_by_put(method, path, headers, body, status, reply):
    """The lines of an archive object that the store has now (412: since before)."""
    if method != "PUT" or status not in (200, 412):
        return []
    return s3.unpack(path.partition("?")[0], body).split(b"\n")[:-1]


class Recorder:
    """A reverse proxy at `port`; note(lines, what) is called with what was confirmed."""

    def __init__(self, target, taken, note):
        self.target, self.taken, self.note = target, taken, note
        self.problems = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16
            upstream = None

            def log_message(self, *args):
                pass

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def finish(self):
                if self.upstream:
                    self.upstream.close()
                try:
                    super().finish()
                except OSError:
                    pass

            def pass_on(self):
                recorder.pass_on(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = pass_on

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request, client_address):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def ask(self, handler, body):
        """The server's (reply, its body); a connection that died while it was idle is made anew."""
        for attempt in (1, 2):
            fresh = handler.upstream is None
            if fresh:
                handler.upstream = http.client.HTTPConnection(self.target, timeout=120)
            up = handler.upstream
            try:
                up.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
                for name, value in handler.headers.items():
                    if name.lower() not in HOP_BY_HOP:
                        up.putheader(name, value)
                up.endheaders(body or None)
                reply = up.getresponse()
                return reply, reply.read()
            except (OSError, http.client.HTTPException):
                up.close()
                handler.upstream = None
                if fresh or handler.command not in ("GET", "HEAD"):
                    raise

    def pass_on(self, handler):
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        try:
            reply, data = self.ask(handler, body)
        except (OSError, http.client.HTTPException):
            # The server is away, or died over it: so does the connection.
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.close_connection = True
            return
        headers = {name.lower(): value for name, value in handler.headers.items()}
        try:
            lines = self.taken(handler.command, handler.path, headers, body, reply.status, data)
            if lines:
                self.note(lines, time.time(), f"{handler.command} {handler.path} {reply.status}")
        except (ValueError, KeyError, OSError, EOFError) as why:
            self.problems.append(f"{handler.command} {handler.path}: {reply.status}: {why!r}")
        handler.send_response_only(reply.status, reply.reason)
        for name, value in reply.getheaders():
            if name.lower() not in HOP_BY_HOP | {"content-length"}:
                handler.send_header(name, value)
        length = reply.getheader("content-length") if handler.command == "HEAD" else str(len(data))
        if length is not None:
            handler.send_header("Content-Length", length)
        handler.end_headers()
        handler.wfile.write(data)
        handler.wfile.flush()
