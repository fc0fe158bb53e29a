#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A webhook receiver: verifies Standard Webhooks signatures, keeps what it accepted, and can be told to
misbehave. In tests it is an object; as a program it prints its address and serves until SIGTERM:

    tests/stack/webhook.py --secret SECRET [--port N]      GET /count, /ids and /state tell what arrived
"""
import argparse
import base64
import hashlib
import hmac
import json
import pathlib
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

if __package__ in (None, ""):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
from tests.stack.exact import exact                                       # noqa: E402

TOLERANCE = 300     # seconds that webhook-timestamp may be off, as the specification advises


def key_of(secret):
    return base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()


def signature_problem(secret, headers, body, now):
    """None, or what is wrong with the request by the Standard Webhooks specification."""
    message_id = headers.get("webhook-id") or ""
    stamp = headers.get("webhook-timestamp") or ""
    given = headers.get("webhook-signature") or ""
    if not message_id or "." in message_id:
        return f"webhook-id is {message_id!r}"
    if not stamp.isdigit() or abs(int(stamp) - now) > TOLERANCE:
        return f"webhook-timestamp is {stamp!r}"
    content = f"{message_id}.{stamp}.".encode() + body
    mac = base64.b64encode(hmac.new(key_of(secret), content, hashlib.sha256).digest()).decode()
    if not any(hmac.compare_digest(one, f"v1,{mac}") for one in given.split()):
        return f"webhook-signature {given!r} does not sign this body"
    return None


class Receiver:
    """`behave(mode)` sets what the next requests meet: ok, 500, 429, 401, 400, hang, cut, slow; with
    `times`, that many of them, then ok again. `refuse` names a text whose presence in a body gives 400."""

    def __init__(self, secret, port=0, id_of=lambda record: record.get("id"), retry_after="1"):
        self.secret, self.id_of, self.retry_after = secret, id_of, retry_after
        self.lock = threading.Lock()
        self.mode, self.left = "ok", None
        self.refuse = None
        self.release = threading.Event()    # ends what hangs
        self.records = []                   # accepted, in order
        self.accepted = []                  # (wall time, webhook-id, records), in order
        self.on_accept = None               # called with (webhook-id, records) before they are confirmed
        self.requests = []                  # (time, webhook-id, status, records)
        self.connections = 0
        self.problems = []                  # signatures and bodies that were wrong
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_POST(self):
                receiver.take(self)

            def do_GET(self):
                receiver.tell(self)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def verify_request(self, request, client_address):
                receiver.connections += 1
                return True

            def handle_error(self, request, client_address):
                pass                        # a cut connection is what some tests ask for

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/in"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    __enter__ = lambda self: self

    def __exit__(self, *exc):
        self.stop()

    def behave(self, mode, times=None):
        with self.lock:
            self.mode, self.left = mode, times
            if mode == "ok":
                self.release.set()          # what hung is let go, unanswered
                self.release = threading.Event()

    def _next_mode(self):
        with self.lock:
            if self.left is not None:
                if self.left == 0:
                    self.mode, self.left = "ok", None
                else:
                    self.left -= 1
            return self.mode, self.release

    def seen(self, status=None):
        with self.lock:
            return [r for r in self.requests if status is None or r[2] == status]

    def ids(self):
        with self.lock:
            return [self.id_of(record) for record in self.records]

    def repeated(self):
        """{id of a record: [(wall time, webhook-id), ...]} of those that were accepted more than once."""
        times = {}
        with self.lock:
            for when, message_id, records in self.accepted:
                for record in records:
                    times.setdefault(self.id_of(record), []).append((when, message_id))
        return {one: when for one, when in times.items() if len(when) > 1}

    def take(self, handler):
        length = int(handler.headers.get("content-length") or 0)
        body = handler.rfile.read(length)
        mode, release = self._next_mode()
        message_id = handler.headers.get("webhook-id") or ""
        if mode == "hang":
            self._note(message_id, 0, 0)
            release.wait(120)
            handler.close_connection = True
            return
        if mode == "cut":
            self._note(message_id, 0, 0)
            handler.close_connection = True
            handler.connection.close()
            return
        if mode == "slow":
            release.wait(1)
        if mode in ("500", "429", "401", "400", "503", "302"):
            self._note(message_id, int(mode), 0)
            extra = {"429": {"Retry-After": self.retry_after},
                     "302": {"Location": "http://127.0.0.1:9/"}}.get(mode, {})
            self._answer(handler, int(mode), b"told to", extra)
            return
        problem = signature_problem(self.secret, handler.headers, body, time.time())
        try:
            text = body.decode("utf-8")
            records = (exact(text) if text.lstrip().startswith("[")
                       else [exact(line) for line in text.split("\n") if line])
        except ValueError as error:
            records, problem = [], problem or f"the body is no JSON: {error}"
        if problem:
            with self.lock:
                self.problems.append(problem)
            self._note(message_id, 400, 0)
            self._answer(handler, 400, problem.encode(), {})
            return
        if self.refuse and self.refuse in text:
            self._note(message_id, 400, len(records))
            self._answer(handler, 400, b"refused for its content", {})
            return
        if self.on_accept:
            self.on_accept(message_id, records)
        else:
            with self.lock:
                self.records += records
                self.accepted.append((time.time(), message_id, records))
        self._note(message_id, 200, len(records))
        self._answer(handler, 200, b"", {})

    def _note(self, message_id, status, records):
        with self.lock:
            self.requests.append((time.monotonic(), message_id, status, records))

    def _answer(self, handler, status, body, headers):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def tell(self, handler):
        if handler.path == "/ids":
            body = "".join(f"{i}\n" for i in self.ids()).encode()
        elif handler.path == "/count":
            body = f"{len(self.ids())}\n".encode()
        elif handler.path == "/state":
            with self.lock:
                body = json.dumps({"records": len(self.records), "requests": len(self.requests),
                                   "problems": self.problems[:10]}).encode()
        else:
            self._answer(handler, 404, b"", {})
            return
        self._answer(handler, 200, body, {})


def main():
    options = argparse.ArgumentParser(description="A webhook receiver for trying Sluice.")
    options.add_argument("--secret", required=True)
    options.add_argument("--port", type=int, default=0)
    arguments = options.parse_args()
    receiver = Receiver(arguments.secret, arguments.port)
    print(receiver.url, flush=True)
    try:
        receiver.thread.join()
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
