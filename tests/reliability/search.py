"""An exhaustive search of what can happen to one key: every interleaving of the calls that `publish` really makes.

The code under search is `distributor.publish.publish` on the real `Store`, not a model of it. It is run again from its
start with the answers that S3 has given so far; where they end, the call that it makes next is known. What S3 does is
modelled as coarsely as S3 promises: a copy reads its source at one moment and lands at a later one, a copy whose client
gave up does so too, or never, and events are delivered in any order, at any time.

Assumed, as in the promise: events arrive, a failed delivery is delivered again, and no abandoned copy outlives the
minute that passes until then.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any, NamedTuple, TypeVar

from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody

from distributor.outcomes import Failed
from distributor.publish import publish
from distributor.store import ObjectStore, Store
from tests.distributor.fake_s3 import etag, refusal
from tests.distributor.world import task

AnyWorld = TypeVar("AnyWorld")
Body = bytes | None
Answer = tuple[str, Body]
Answers = tuple[Answer, ...]
TASK = task()


class NextCall(BaseException):
    """The answers end here; no handler of the code under search may catch it."""

    def __init__(self, operation: str, condition: str | None = None) -> None:
        super().__init__(operation)
        self.operation, self.condition = operation, condition


class Replay:
    """A boto3 client that repeats given answers and then stops the code with the call that it makes next."""

    def __init__(self, answers: Answers) -> None:
        self._answers = iter(answers)

    def get_object(self, **_: object) -> dict[str, Any]:
        body = self._next(NextCall("GET"), "NoSuchKey")
        return response(ETag=etag(body), ContentLength=len(body), Body=StreamingBody(BytesIO(body), len(body)))

    def head_object(self, **_: object) -> dict[str, Any]:
        return response(ETag=etag(self._next(NextCall("HEAD"), "404")))

    def copy_object(self, **request: Any) -> dict[str, Any]:
        body = self._next(NextCall("COPY", request.get("CopySourceIfMatch")), "NoSuchKey")
        return response(CopyObjectResult={"ETag": etag(body)})

    def _next(self, call: NextCall, missing: str) -> bytes:
        answer = next(self._answers, None)
        match answer:
            case None:
                raise call
            case ("body", bytes(body)):
                return body
            case ("changed", _):
                raise refusal("PreconditionFailed")
            case ("lost", _):
                raise ReadTimeoutError(endpoint_url="http://s3")
            case _:
                raise refusal(missing)


def response(**fields: Any) -> dict[str, Any]:
    """An answer as boto3 gives it, at the first try."""
    return {"ResponseMetadata": {"HTTPStatusCode": 200, "RetryAttempts": 0}, **fields}


Variant = Callable[[Store], ObjectStore]
"""The store as the protocol gets it; the weakened variants wrap it."""


class Copy(NamedTuple):
    """A copy under way: sent, or with its source read and about to land."""

    condition: str | None
    read: Body = None


class Delivery(NamedTuple):
    """An invocation under way: what it has been answered, and its copy if one is under way."""

    answers: Answers = ()
    copy: Copy | None = None

    @property
    def copy_has_read(self) -> bool:
        """Whether a copy is about to land, whose answer shows the source as it was and not as it is."""
        return self.copy is not None and self.copy.read is not None


@dataclass(frozen=True, slots=True)
class History:
    """What happens besides the calls: the writes in their order (None deletes), and how many faults of each kind."""

    writes: tuple[Body, ...]
    duplicates: int = 0
    crashes: int = 0
    timeouts: int = 0
    drops: int = 0


class World(NamedTuple):  # quicker to copy and to hash than a dataclass
    """Everything that decides what can happen next.

    `unseen`: no call has shown the source as it is now. `edge_behind`: the website was written, and no delivery has
    asked for an invalidation since.
    """

    writes: tuple[Body, ...]
    duplicates: int
    crashes: int
    timeouts: int
    drops: int
    unseen: bool = False
    edge_behind: bool = False
    source: Body = None
    website: Body = None
    events: int = 0
    retries: int = 0
    running: tuple[Delivery, ...] = ()
    abandoned: tuple[Copy, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How much was searched, and how the first violation came about, step by step; empty if there is none."""

    states: int
    rests: int
    violation: tuple[str, ...] = ()


def is_fit(body: Body) -> bool:
    """Whether a body of these histories may be published."""
    return body is not None and body.startswith(b"[")


def search(history: History, variant: Variant = lambda store: store) -> Result:
    """Visit every state that can be reached, breadth first, so that a violation is shown by a shortest way."""
    step_of = _stepper(variant)
    first = World(history.writes, history.duplicates, history.crashes, history.timeouts, history.drops)
    came_from: dict[World, tuple[World, str] | None] = {first: None}
    to_visit, rests = deque([first]), 0
    while to_visit:
        world = to_visit.popleft()
        following = list(_following(world, step_of))
        rests += not following
        if _is_violated(world, history, at_rest=not following):
            return Result(len(came_from), rests, way_to(world, came_from))
        for action, after in following:
            if after not in came_from:
                came_from[after] = (world, action)
                to_visit.append(after)
    return Result(len(came_from), rests)


def _is_violated(world: World, history: History, *, at_rest: bool) -> bool:
    fit = {body for body in history.writes if is_fit(body)}
    if world.website is not None and world.website not in fit:
        return True
    if not at_rest:
        return False
    # Where events may be lost, a write that no delivery came upon is left to the sweep.
    if is_fit(world.source) and world.website != world.source and not (history.drops and world.unseen):
        return True
    # Whoever looks after a crash, or before an abandoned copy lands, can't know of it if there is nothing to publish.
    known = is_fit(world.source) or not (history.crashes or history.timeouts)
    return world.edge_behind and known


def way_to(world: AnyWorld, came_from: dict[AnyWorld, tuple[AnyWorld, str] | None]) -> tuple[str, ...]:
    """The actions that lead to this world, from the first."""
    way: list[str] = []
    while step := came_from[world]:
        world, action = step
        way.append(action)
    return tuple(reversed(way))


@dataclass(frozen=True, slots=True)
class End:
    """A delivery's end: whether it comes again, and whether it asks for an invalidation."""

    failed: bool
    landed: bool


Step = NextCall | End
"""What a delivery does next."""


def _stepper(variant: Variant) -> Callable[[Answers], Step]:
    @cache
    def step_of(answers: Answers) -> Step:
        store = Store(Replay(answers), 1000)  # type: ignore[arg-type]
        try:
            outcome = publish(TASK, variant(store), clock=lambda: 0.0)
        except NextCall as call:
            return call
        return End(isinstance(outcome, Failed), outcome.landed is not None)

    return step_of


def _following(world: World, step_of: Callable[[Answers], Step]) -> Iterator[tuple[str, World]]:
    if world.writes:
        body, *rest = world.writes
        silent = world._replace(writes=tuple(rest), source=body, unseen=True)
        if body is None:  # a deletion sends no event that the distributor listens to
            yield "delete", silent
        else:
            yield f"write {body!r}", silent._replace(events=world.events + 1)
            if world.drops:
                yield f"write {body!r}, and its event is lost", silent._replace(drops=world.drops - 1)
    if world.events:
        yield "deliver", world._replace(events=world.events - 1, running=_sorted(*world.running, Delivery()))
        if world.duplicates:
            yield "duplicate", world._replace(events=world.events + 1, duplicates=world.duplicates - 1)
    if world.retries and not world.abandoned:
        yield "deliver again", world._replace(retries=world.retries - 1, running=_sorted(*world.running, Delivery()))
    for index, delivery in enumerate(world.running):
        others = world.running[:index] + world.running[index + 1 :]
        yield from _of_delivery(world._replace(running=others), delivery, step_of(delivery.answers))
    for index, copy in enumerate(world.abandoned):
        left = world._replace(abandoned=world.abandoned[:index] + world.abandoned[index + 1 :])
        yield "an abandoned copy dies", left
        yield from _of_abandoned(left, copy)


def _of_delivery(others: World, delivery: Delivery, step: Step) -> Iterator[tuple[str, World]]:
    def goes_on(*answer: Answer, copy: Copy | None = None, world: World = others) -> World:
        after = Delivery(delivery.answers + answer, copy)
        looked = any(kind in {"body", "missing", "changed"} for kind, _ in answer) and not delivery.copy_has_read
        return world._replace(running=_sorted(*world.running, after), unseen=world.unseen and not looked)

    if isinstance(step, End):
        edge_behind = others.edge_behind and not step.landed
        yield repr(step), others._replace(retries=others.retries + step.failed, edge_behind=edge_behind)
        return
    abandoned = (*others.abandoned, delivery.copy) if delivery.copy else others.abandoned
    if others.crashes:
        crashed = others._replace(crashes=others.crashes - 1, retries=others.retries + 1, abandoned=abandoned)
        yield f"crash before {step.operation} is answered", crashed
    if delivery.copy and others.timeouts:
        given_up = others._replace(timeouts=others.timeouts - 1, abandoned=abandoned)
        yield "the copy's answer is lost", goes_on(("lost", None), world=given_up)
    source: Answer = ("missing", None) if others.source is None else ("body", others.source)
    if step.operation != "COPY":
        yield f"{step.operation} {others.source!r}", goes_on(source)
    elif delivery.copy is None:
        yield "COPY is sent", goes_on(copy=Copy(step.condition))
    elif delivery.copy.read is not None:
        landed = others._replace(website=delivery.copy.read, edge_behind=True)
        yield f"COPY lands {delivery.copy.read!r}", goes_on(("body", delivery.copy.read), world=landed)
    elif others.source is None:
        yield "COPY finds nothing", goes_on(source)
    elif step.condition not in {None, etag(others.source)}:
        yield "COPY finds another ETag", goes_on(("changed", None))
    else:
        yield f"COPY reads {others.source!r}", goes_on(copy=delivery.copy._replace(read=others.source))


def _of_abandoned(left: World, copy: Copy) -> Iterator[tuple[str, World]]:
    if copy.read is not None:
        yield f"an abandoned copy lands {copy.read!r}", left._replace(website=copy.read, edge_behind=True)
    elif left.source is not None and copy.condition in {None, etag(left.source)}:
        reading = copy._replace(read=left.source)
        yield "an abandoned copy reads", left._replace(abandoned=(*left.abandoned, reading))


def _sorted(*running: Delivery) -> tuple[Delivery, ...]:
    """Deliveries of one key are alike, so any order will do that is always the same."""
    return tuple(sorted(running, key=hash))
