"""An exhaustive search of what can happen to releases: every interleaving of runs, deliveries and copies under way.

As in `tests.reliability.search`, the code under search is the real `publish` on the real `Store`, run again from its
start with the answers that S3 has given so far. Here the source has several files and runs overlap as they like: each
writes its files in its own order, and its manifest last; only the manifest's event publishes a release.

Assumed, as in the promise: a failed delivery is delivered again, and no abandoned copy outlives the minute until then.
"""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any, NamedTuple

from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody

from distributor.outcomes import Failed
from distributor.publish import publish
from distributor.store import ObjectStore, Store
from tests.distributor.fake_s3 import etag, refusal
from tests.distributor.world import WEBSITE, manifest_of, manifest_task
from tests.reliability.search import response, way_to

MANIFEST = "manifest.json"
TASK = manifest_task()
Answer = tuple[str, bytes | None]
Answers = tuple[Answer, ...]
Objects = tuple[tuple[str, bytes], ...]
"""What a bucket holds below its prefix, sorted by name."""


class Write(NamedTuple):
    """A file that the source gets, or, without a body, loses."""

    name: str
    body: bytes | None


def run(number: int, **files: bytes) -> tuple[Write, ...]:
    """The writes of a run, the manifest last. `f=b"[1]"` is the file `f.json`."""
    named = {f"{name}.json": body for name, body in files.items()}
    return *(Write(name, body) for name, body in named.items()), Write(MANIFEST, manifest_of(named, number))


class NextCall(BaseException):
    """The answers end here; no handler of the code under search may catch it."""

    def __init__(self, operation: str, name: str, target: str = "", condition: str | None = None) -> None:
        super().__init__(operation)
        self.operation, self.name, self.target, self.condition = operation, name, target, condition


class Replay:
    """A boto3 client that repeats given answers and then stops the code with the call that it makes next."""

    def __init__(self, answers: Answers) -> None:
        self._answers = iter(answers)
        self.retries = 0

    def get_object(self, **request: Any) -> dict[str, Any]:
        body = self._next(NextCall("GET", _name(request)), "NoSuchKey")
        return response(ETag=etag(body), ContentLength=len(body), Body=StreamingBody(BytesIO(body), len(body)))

    def head_object(self, **request: Any) -> dict[str, Any]:
        return response(ETag=etag(self._next(NextCall("HEAD", _name(request)), "404")))

    def copy_object(self, **request: Any) -> dict[str, Any]:
        target = request["Key"].removeprefix(f"{WEBSITE.prefix}/")
        call = NextCall("COPY", _name(request["CopySource"]), target, request.get("CopySourceIfMatch"))
        answer = response(CopyObjectResult={"ETag": etag(self._next(call, "NoSuchKey"))})
        answer["ResponseMetadata"]["RetryAttempts"] = self.retries
        return answer

    def _next(self, call: NextCall, missing: str) -> bytes:
        match next(self._answers, None):
            case None:
                raise call
            case ("body", bytes(body)):
                self.retries = 0
                return body
            case ("body again", bytes(body)):
                self.retries = 1
                return body
            case ("changed", _):
                raise refusal("PreconditionFailed")
            case ("changed again", _):
                raise refusal("PreconditionFailed", retries=1)
            case ("lost", _):
                raise ReadTimeoutError(endpoint_url="http://s3")
            case _:
                raise refusal(missing)


def _name(request: Mapping[str, Any]) -> str:
    name: str = request["Key"].removeprefix(f"{TASK.source.prefix}/")
    return name


Variant = Callable[[Store], ObjectStore]
"""The store as the protocol gets it; the weakened variants wrap it."""


class Copy(NamedTuple):
    """A copy under way: sent, or with its source read and about to land. `again`: the SDK's second request for it."""

    name: str
    target: str
    condition: str | None
    read: bytes | None = None
    again: str = ""


class Delivery(NamedTuple):
    """An invocation under way: what it has been answered, and its copy if one is under way."""

    answers: Answers = ()
    copy: Copy | None = None


class World(NamedTuple):  # quicker to copy and to hash than a dataclass
    """Everything that decides what can happen next; at first, what will happen besides the calls.

    `runs`: what each has yet to write. `unannounced`: the last write had no event of a manifest that arrived.
    """

    runs: tuple[tuple[Write, ...], ...]
    duplicates: int = 0
    crashes: int = 0
    timeouts: int = 0
    repeats: int = 0
    drops: int = 0
    unannounced: bool = True
    source: Objects = ()
    website: Objects = ()
    events: int = 0
    retries: int = 0
    running: tuple[Delivery, ...] = ()
    abandoned: tuple[Copy, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """How much was searched, and how the first violation came about, step by step; empty if there is none.

    `named`: the releases that some state's website names.
    """

    states: int
    rests: int
    named: frozenset[str]
    violation: tuple[str, ...] = ()


def search(first: World, variant: Variant = lambda store: store) -> Result:
    """Visit every state that can be reached, breadth first, so that a violation is shown by a shortest way."""
    step_of, known = _stepper(variant), _known(first)
    came_from: dict[World, tuple[World, str] | None] = {first: None}
    to_visit, rests, named = deque([first]), 0, set[str]()
    while to_visit:
        world = to_visit.popleft()
        following = list(_following(world, step_of))
        rests += not following
        if pointer := dict(world.website).get(MANIFEST):
            named.add(_release(pointer)[0])
        if _is_violated(world, known, at_rest=not following):
            return Result(len(came_from), rests, frozenset(named), way_to(world, came_from))
        for action, after in following:
            if after not in came_from:
                came_from[after] = (world, action)
                to_visit.append(after)
    return Result(len(came_from), rests, frozenset(named))


@cache
def _release(manifest: bytes) -> tuple[str, Mapping[str, str]]:
    """The folder that a manifest names, and the hash of each file in it."""
    fields = json.loads(manifest)
    hashes = {file["name"]: file["sha256"] for file in fields["files"]}
    return fields["path"], {**hashes, MANIFEST: _sha256(manifest)}


@cache
def _sha256(body: bytes | None) -> str:
    return hashlib.sha256(body).hexdigest() if body is not None else ""


def _known(first: World) -> dict[str, str]:
    """The hash of each file of each release that may come about, by its name on the website."""
    manifests = [write.body for writes in first.runs for write in writes if write.name == MANIFEST and write.body]
    return {f"{folder}{name}": value for folder, hashes in map(_release, manifests) for name, value in hashes.items()}


def _is_violated(world: World, known: Mapping[str, str], *, at_rest: bool) -> bool:
    website, source = dict(world.website), dict(world.source)
    pointer, manifest = website.get(MANIFEST), source.get(MANIFEST)
    if pointer and not _is_whole(pointer, website):
        return True
    if any(known[name] != _sha256(body) for name, body in website.items() if name != MANIFEST):
        return True
    is_publishable = manifest and not world.unannounced and _is_whole(manifest, source, in_folder=False)
    return bool(at_rest and is_publishable and pointer != manifest)


def _is_whole(manifest: bytes, objects: Mapping[str, bytes], *, in_folder: bool = True) -> bool:
    folder, hashes = _release(manifest)
    return all(_sha256(objects.get(f"{folder * in_folder}{name}")) == value for name, value in hashes.items())


Step = NextCall | bool
"""What a delivery does next: a call, or it ends and, if True, comes again."""


def _stepper(variant: Variant) -> Callable[[Answers], Step]:
    @cache
    def step_of(answers: Answers) -> Step:
        store = Store(Replay(answers), 10_000)  # type: ignore[arg-type]
        try:
            return isinstance(publish(TASK, variant(store), clock=lambda: 0.0), Failed)
        except NextCall as call:
            return call

    return step_of


def _following(world: World, step_of: Callable[[Answers], Step]) -> Iterator[tuple[str, World]]:
    for index, writes in enumerate(world.runs):
        if writes:
            rest = (*world.runs[:index], writes[1:], *world.runs[index + 1 :])
            yield from _of_write(world._replace(runs=rest), *writes[0])
    if world.events:
        yield from _of_delivery(world._replace(events=world.events - 1), Delivery(), step_of(()))
        if world.duplicates:
            yield "duplicate", world._replace(events=world.events + 1, duplicates=world.duplicates - 1)
    if world.retries and not world.abandoned:
        yield from _of_delivery(world._replace(retries=world.retries - 1), Delivery(), step_of(()))
    for index, delivery in enumerate(world.running):
        others = world.running[:index] + world.running[index + 1 :]
        yield from _of_delivery(world._replace(running=others), delivery, step_of(delivery.answers))
    for index, copy in enumerate(world.abandoned):
        left = world._replace(abandoned=world.abandoned[:index] + world.abandoned[index + 1 :])
        yield "an abandoned copy dies", left
        yield from _of_abandoned(left, copy)


def _of_write(world: World, name: str, body: bytes | None) -> Iterator[tuple[str, World]]:
    if body is None:
        left = tuple(held for held in world.source if held[0] != name)
        yield f"delete {name}", world._replace(source=left, unannounced=True)
        return
    silent = world._replace(source=_with(world.source, name, body), unannounced=True)
    action = f"write {name} {body[:20]!r}"
    if name != MANIFEST:
        yield action, silent
        return
    yield action, silent._replace(events=world.events + 1, unannounced=False)
    if world.drops:
        yield f"{action}, and its event is lost", silent._replace(drops=world.drops - 1)


def _of_delivery(others: World, delivery: Delivery, step: Step) -> Iterator[tuple[str, World]]:
    def goes_on(*answer: Answer, copy: Copy | None = None, world: World = others) -> World:
        return world._replace(running=_sorted(*world.running, Delivery(delivery.answers + answer, copy)))

    if isinstance(step, bool):
        yield "comes again" if step else "is done", others._replace(retries=others.retries + step)
        return
    copy, action = delivery.copy, f"{step.operation} {step.target or step.name}"
    abandoned = (*others.abandoned, copy) if copy else others.abandoned
    if others.crashes:
        crashed = others._replace(crashes=others.crashes - 1, retries=others.retries + 1, abandoned=abandoned)
        yield f"crash before {action} is answered", crashed
    if copy:
        yield from _without_answer(others._replace(abandoned=abandoned), copy, action, goes_on)
    source = dict(others.source).get(step.name)
    answer: Answer = ("missing", None) if source is None else ("body", source)
    if step.operation != "COPY":
        yield action, goes_on(answer)
    elif copy is None and (
        others.crashes or others.timeouts or others.repeats
    ):  # else none can be given up before it reads
        yield f"{action} is sent", goes_on(copy=Copy(step.name, step.target, step.condition))
    elif copy and copy.read is not None:
        landed = others._replace(website=_with(others.website, copy.target, copy.read))
        yield f"{action} lands", goes_on((f"body{copy.again}", copy.read), world=landed)
    elif source is None:
        yield f"{action} finds nothing", goes_on(answer)
    elif step.condition not in {None, etag(source)}:
        yield f"{action} finds another ETag", goes_on((f"changed{copy.again if copy else ''}", None))
    else:
        sent = copy or Copy(step.name, step.target, step.condition)
        yield f"{action} reads", goes_on(copy=sent._replace(read=source))


def _without_answer(left: World, copy: Copy, action: str, goes_on: Callable[..., World]) -> Iterator[tuple[str, World]]:
    if left.timeouts:
        lost = left._replace(timeouts=left.timeouts - 1)
        yield f"the answer of {action} is lost", goes_on(("lost", None), world=lost)
    if left.repeats:
        repeated = left._replace(repeats=left.repeats - 1)
        yield f"the SDK sends {action} again", goes_on(copy=copy._replace(read=None, again=" again"), world=repeated)


def _of_abandoned(left: World, copy: Copy) -> Iterator[tuple[str, World]]:
    source = dict(left.source).get(copy.name)
    if copy.read is not None:
        yield f"the abandoned {copy.target} lands", left._replace(website=_with(left.website, copy.target, copy.read))
    elif source is not None and copy.condition in {None, etag(source)}:
        yield (
            f"the abandoned {copy.target} reads",
            left._replace(abandoned=(*left.abandoned, copy._replace(read=source))),
        )


def _with(objects: Objects, name: str, body: bytes) -> Objects:
    return tuple(sorted({**dict(objects), name: body}.items()))


def _sorted(*running: Delivery) -> tuple[Delivery, ...]:
    """Deliveries of one event are alike, so any order will do that is always the same."""
    return tuple(sorted(running, key=hash))
