"""Requests that EventBridge's API destinations make: what a webhook, Slack or GitHub would get."""

import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from cloud.stand_ins.loopback import HttpReply, HttpRequest, LoopbackServer


class Call(NamedTuple):
    """A request, when it came (seconds since 1970), and the status that it was answered with."""

    request: HttpRequest
    time: float
    status: int

    @property
    def content(self) -> Any:  # noqa: ANN401 - any JSON
        """The parsed body."""
        return json.loads(self.request.body)


class Webhook(LoopbackServer):
    """Keeps each call; `answer` gives the status and text, 200 by default."""

    def __init__(self, answer: Callable[[HttpRequest], tuple[int, str]] = lambda _request: (200, "ok")) -> None:
        """Nobody has called yet."""
        self.answer = answer
        self.calls: list[Call] = []

    def reply(self, request: HttpRequest) -> HttpReply:
        """Keep the call."""
        status, text = self.answer(request)
        self.calls.append(Call(request, time.time(), status))
        return HttpReply(status, "text/plain", text.encode())

    def taken(self) -> list[Any]:
        """The content of each call that was answered with success."""
        return [call.content for call in self.calls if call.status < 400]  # noqa: PLR2004 - HTTP's
