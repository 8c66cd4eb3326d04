"""A loopback web server that answers with the very bytes, or the very behaviour, that a test gives it."""

import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from typing import Any, Self

Answer = Callable[[socket.socket, Event], None]
"""Answers one request on the connection, until the event says that the server stops."""


def answer(
    body: bytes = b"", status: str = "200 OK", content_type: str | None = "application/rss+xml", **headers: str
) -> Answer:
    """A whole answer; `_` in a header's name stands for `-`."""
    fields = {"Content-Length": str(len(body)), **{name.replace("_", "-"): text for name, text in headers.items()}}
    if content_type is not None:
        fields["Content-Type"] = content_type
    head = "".join(f"{name}: {text}\r\n" for name, text in fields.items())
    return raw(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)


def redirect(location: str, status: str = "302 Found") -> Answer:
    """Sends the reader on."""
    return answer(status=status, Location=location)


def raw(*parts: bytes, every: float = 0) -> Answer:
    """The parts as they are, `with `every` so many seconds between them."""

    def send(connection: socket.socket, stopped: Event) -> None:
        for part in parts:
            connection.sendall(part)
            stopped.wait(every)

    return send


def endless(head: bytes, part: bytes) -> Answer:
    """The head, then the part again and again until the reader hangs up."""

    def send(connection: socket.socket, stopped: Event) -> None:
        connection.sendall(head)
        while not stopped.is_set():
            connection.sendall(part)

    return send


def reset_after(head: bytes) -> Answer:
    """The head, then a TCP reset."""

    def send(connection: socket.socket, _stopped: Event) -> None:
        connection.sendall(head)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return send


class _Server(ThreadingTCPServer):
    daemon_threads = False  # server_close waits for them
    request_queue_size = 16

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that hangs up is what many tests want."""


@dataclass
class FeedServer:
    """Answers by path; `requested` are the requests' paths and `heads` their heads, in order. https with a context."""

    answers: dict[str, Answer]
    tls: ssl.SSLContext | None = None
    requested: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        world = self
        self._stopped = Event()

        class Handler(StreamRequestHandler):
            timeout = 5  # seconds: a reader that stops halfway must not hold up the end of a test

            def handle(self) -> None:
                lines = takewhile(lambda line: line not in {b"\r\n", b""}, self.rfile)
                head = b"".join(lines).decode("latin-1")
                _, path, *_ = head.split()  # fails if the reader hung up before: that is no request
                world.heads.append(head)
                world.requested.append(path)
                world.answers.get(path, answer(status="404 Not Found"))(self.request, world._stopped)

        self._server = _Server(("127.0.0.1", 0), Handler)
        if self.tls:
            self._server.socket = self.tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str = "/feed") -> str:
        scheme, port = "https" if self.tls else "http", self._server.server_address[1]
        return f"{scheme}://127.0.0.1:{port}{path}"
