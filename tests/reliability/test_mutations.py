"""Small breakages of the distributor, each of which must turn a test red: that is the test of the tests."""

from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from cloud.template import ROOT
from tests.reliability.mutant import run_tests

EVENTS, PLAN, CONTENT, STORE = "events.py", "plan.py", "content.py", "store.py"
PUBLISH, RELEASE, QUEUES, HANDLER = "publish.py", "release.py", "queues.py", "handler.py"
EVENT_BUS = "event_bus.py"
FOLLOW_UP, ANSWERS, SETTINGS = "follow_up.py", "answers.py", "settings.py"
COMPARISON, SWEEP, SWEEPER = "sweeper/comparison.py", "sweeper/sweep.py", "sweeper/handler.py"
MESSAGES, REQUESTS, CLOUDFRONT, REDELIVERY, INVALIDATOR = (
    *("invalidator/messages.py", "invalidator/requests.py", "invalidator/cloudfront.py"),
    *("invalidator/redelivery.py", "invalidator/handler.py"),
)
STRICT_JSON, TEST_STRICT_JSON = "../shared/strict_json.py", "../shared/test_strict_json"
STORM, EVENT_STORM = "../reliability/test_invalidation_storm", "../reliability/test_event_storm"

MUTATIONS: list[tuple[str, str, str, str]] = [
    (EVENTS, "unquote_plus(encoded", "__import__('urllib.parse').parse.unquote(encoded", "test_events"),
    (EVENTS, 'errors="strict"', 'errors="replace"', "test_events"),
    (EVENTS, 'startswith("ObjectCreated:")', 'startswith("Object")', "test_events"),
    (EVENTS, "or version.partition", "and version.partition", "test_events"),
    (EVENTS, "return Changed(bucket, key, zoned_time(time), correlation", "return _from_encoded_key(bucket, key, zoned_time(time), correlation", "test_events"),
    (EVENTS, "except (ValueError, RecursionError)", "except (ZeroDivisionError, RecursionError)", "test_events"),
    (EVENTS, "Rejected(key, reason, Cause.MALFORMED_RECORD)", "Rejected(key, reason)", "test_events"),
    (PLAN, "key.removeprefix(prefix)", "key.lstrip(prefix)", "test_plan"),
    (PLAN, "notice.bucket not in {None, settings.source_bucket}", "False", "test_plan"),
    (PLAN, 'any(segment.startswith(".")', 'all(segment.startswith(".")', "test_plan"),
    (PLAN, '"*": "[^/]*"', '"*": ".*"', "test_plan"),
    (PLAN, ".fullmatch(name)", ".match(name)", "test_plan"),
    (PLAN, '{"", ".", ".."}.isdisjoint', "{None}.isdisjoint", "test_plan"),
    (PLAN, 'if "\\\\" in name', "if False", "test_plan"),
    (PLAN, "next(matching, settings.cache_control)", "settings.cache_control", "test_plan"),
    (PLAN, "(*settings.cache_control_rules,", "(*settings.cache_control_rules[::-1],", "test_plan"),
    (SETTINGS, 'text.partition("=")', 'text.rpartition("=")', "test_settings"),
    (SETTINGS, "not glob or not re", "not re", "test_settings"),
    (STRICT_JSON, "parse_constant=_refuse_constant,", "", TEST_STRICT_JSON),
    (STRICT_JSON, "partial(_without_duplicates, limits)", "dict", TEST_STRICT_JSON),
    (STRICT_JSON, 'text.startswith("\\ufeff")', "False", TEST_STRICT_JSON),
    (STRICT_JSON, "nodes > limits.nodes", "False", TEST_STRICT_JSON),
    (STRICT_JSON, "nodes += sum", "nodes = sum", TEST_STRICT_JSON),
    (STRICT_JSON, "depth > MAX_DEPTH", "False", TEST_STRICT_JSON),
    (STRICT_JSON, "    _require_pairs(body)\n", "", TEST_STRICT_JSON),
    (CONTENT, "MODELS[kind].from_bytes(body)", "MODELS[kind]", "test_content"),
    (STORE, '{"Bucket": task.source.bucket, "Key": task.source_key},\n', 'f"{task.source.bucket}/{task.source_key}",\n', "test_store"),
    (STORE, "                CopySourceIfMatch=etag,\n", "", "../reliability/test_search"),
    (STORE, 'bool(answer.get("CopyObjectResult", {}).get("ETag"))', "True", "test_publish"),
    (STORE, "certain=copied and not _was_retried(answer)", "certain=copied", "test_publish"),
    (STORE, 'if _code(error) == "NoSuchKey":\n                return None', "if _status(error) in {403, 404}:\n                return None", "test_publish"),
    (STORE, "if _status(error) == HTTPStatus.NOT_FOUND:", "if _status(error) in {403, 404}:", "test_publish"),
    (STORE, "HTTPStatus.PRECONDITION_FAILED, ", "", "test_publish"),
    (STORE, 'MetadataDirective="REPLACE",', 'MetadataDirective="COPY",', "test_store"),
    (STORE, "CacheControl=task.headers.cache_control,\n", "\n", "test_store"),
    (STORE, "quote(key)", "key", "test_store"),
    (STORE, 'answer["ContentLength"] > self.limit', 'answer["ContentLength"] >= self.limit', "test_publish"),
    (PUBLISH, "in {source.etag, None}", "is not False", "test_publish"),
    (PUBLISH, "_as_failed(outcome) if unanswered else outcome,", "outcome,", "test_publish"),
    (PUBLISH, "facts = check(task, source)", "facts = content.Facts()", "test_publish"),
    (PUBLISH, "_publish_release(task, source, facts, store, check)\n", "None\n", "test_release"),
    (RELEASE, " != file.sha256", " is None", "test_release"),
    (RELEASE, "            check(part, source)\n", "", "test_release"),
    (RELEASE, "if file.size != size", "if False", "test_release"),
    (RELEASE, "store.copy(part, source.etag).copied", "store.copy(part, source.etag)", "test_release"),
    (RELEASE, "        if outcome:\n            return outcome\n", "", "test_release"),
    (RELEASE, "None if copied else _not_copied(release, MANIFEST_FILE)", "None", "test_release"),
    (RELEASE, "        if refusal:\n", "        if False:\n", "test_release"),
    (CONTENT, "kind and (releases or kind != MANIFEST_FILE)", "kind", "test_release"),
    (PLAN, "if settings.releases and name.startswith", "if name.startswith", "test_plan"),
    (PLAN, "*(RELEASE_RULES if settings.releases else ())", "*RELEASE_RULES", "test_release"),
    (COMPARISON, "if left_out and name.startswith(left_out)", "if False", "sweeper/test_sweep"),
    (COMPARISON, "sizes.items() <= held.items()", "sizes.keys() <= held.keys()", "sweeper/test_sweep"),
    (SWEEP, "difference.drift or _release_drift(task, dependencies.store)", "difference.drift", "sweeper/test_sweep"),
    (SWEEP, "if isinstance(outcome, Skipped)", "if False", "sweeper/test_sweep"),
    (SWEEP, "landed=outcome.landed", "landed=None", "sweeper/test_sweep"),
    (PUBLISH, "landed=task if copied or unanswered else None", "landed=None", "../reliability/test_search"),
    (PUBLISH, "landed=task if copied or unanswered", "landed=task if unanswered", "test_publish"),
    (STORE, " or _was_retried(error.response):", ":", "test_publish"),
    (STORE, " and status != HTTPStatus.NOT_IMPLEMENTED", "", "test_publish"),
    (PUBLISH, "except Exception as error:", "except ZeroDivisionError as error:", "test_publish"),
    (PUBLISH, "if decision is not first and not has_time()", "if False", "test_publish"),
    (ANSWERS, "isinstance(outcome, Failed)]", "False]", "test_answers"),
    (FOLLOW_UP, " and copied.task.destination == website", "", "test_follow_up"),
    (QUEUES, "isinstance(outcome, Rejected)", "False", "test_queues"),
    (ANSWERS, "        raise_if_failed(outcomes)\n", "        pass\n", "test_handler"),
    (ANSWERS, "by_key[key]", "outcomes", "test_answers"),
    (HANDLER, "isinstance(request.reply, Asynchronous)", "False", "test_handler"),
    (HANDLER, "isinstance(request.reply, Asynchronous)", "True", "test_handler"),
    (COMPARISON, "copy.name.encode() < original.name.encode()", "copy.name.encode() > original.name.encode()", "sweeper/test_comparison"),
    (COMPARISON, ".strip('\"')", "", "sweeper/test_comparison"),
    (COMPARISON, "if source_etag == original.etag:", "if source_etag:", "sweeper/test_comparison"),
    (STORE, '"source-etag": etag.strip', '"source-etag": etag or etag.strip', "test_store"),
    (SWEEP, "if not isinstance(task, Publish):\n                continue", "assert isinstance(task, Publish)", "sweeper/test_handler"),
    (SWEEP, "Rehearsal(dependencies.store)", "dependencies.store", "sweeper/test_handler"),
    (SWEEP, "after=after)", 'after="")', "sweeper/test_handler"),
    (SWEEPER, "        follow_up(outcomes", "        (lambda *_, **__: None)(outcomes", "sweeper/test_handler"),
    (HANDLER, "    follow_up(outcomes", "    (lambda *_, **__: None)(outcomes", "test_handler"),
    (FOLLOW_UP, "    dependencies.failures.keep_not_sent(not_sent)\n", "", "test_follow_up"),
    (FOLLOW_UP, "dependencies.invalidations.send(outcomes)", "[]", "test_follow_up"),
    (FOLLOW_UP, "    if dependencies.event_bus:", "    if False:", "test_follow_up"),
    (FOLLOW_UP, "    dependencies.failures.keep_not_sent(not_sent)\n", "", EVENT_STORM),
    (EVENT_BUS, 'if answer.get("EventId")', "if answer", EVENT_STORM),
    (QUEUES, "if not_sent and not self.url", "if False", "test_queues"),
    (QUEUES, "if entry.omission is omission", "", "test_queues"),
    (EVENT_BUS, " and outcome.landed.destination == self.website", "", "test_event_bus"),
    (EVENT_BUS, 'answer.get("ErrorCode") in _TEMPORARY', 'answer.get("ErrorCode")', "test_event_bus"),
    (EVENT_BUS, 'answer.get("ErrorCode") in _TEMPORARY', "False", "test_event_bus"),
    (EVENT_BUS, "[entries[number] for number in again]", "entries[: len(again)]", "test_event_bus"),
    (EVENT_BUS, "answers[number] = answer", "pass", "test_event_bus"),
    (EVENT_BUS, "answers.extend({} for", "answers.extend({'EventId': '1'} for", "test_event_bus"),
    (EVENT_BUS, "answers += [refusal]", "[] or [refusal]", "test_event_bus"),
    (EVENT_BUS, "quote(name)", "name", "test_event_bus"),
    (EVENT_BUS, ", ResponseParserError)", ")", "test_event_bus"),
    (PUBLISH, "source.run_id or correlation_id", "correlation_id", "test_publish"),
    (QUEUES, " and outcome.landed.destination.bucket == self.bucket", "", "test_queues"),
    (QUEUES, "outcome.landed.destination_key: outcome", "outcome.key: outcome", "test_queues"),
    (QUEUES, 'if number in taken else refused.get(number, "SQS', 'if number not in refused else refused.get(number, "SQS', "test_queues"),
    (QUEUES, "reasons += [f", "[] or [f", "test_queues"),
    (MESSAGES, "except UnfitError as error", "except ZeroDivisionError as error", "invalidator/test_messages"),
    (MESSAGES, "min(FIRST_DELAY <<", "max(FIRST_DELAY <<", "invalidator/test_messages"),
    (REQUESTS, "paths, ids]", "paths]", "invalidator/test_requests"),
    (REQUESTS, "paths, ids]", "ids]", "invalidator/test_requests"),
    (REQUESTS, "sorted({message.delivery.message_id for message in published})", "[message.delivery.message_id for message in published]", "invalidator/test_requests"),
    (REQUESTS, 'startswith(f"{origin_path}/")', "startswith(origin_path)", "invalidator/test_requests"),
    (REQUESTS, 'takewhile(_PLAIN.fullmatch, accumulate(folders, "{}/{}".format))', 'accumulate(folders, "{}/{}".format)', "invalidator/test_requests"),
    (REQUESTS, "{0,3998}", "*", "invalidator/test_requests"),
    (CLOUDFRONT, " and answer.of_path", " and False", "invalidator/test_handler"),
    (REQUESTS, "len(wanted) <= most", "True", "invalidator/test_requests"),
    (REQUESTS, "not any(path.startswith(wildcard[:-1]) for wildcard in covering)", "path not in odd", "invalidator/test_requests"),
    (REQUESTS, "isinstance(answer, Deferred) for", "False for", STORM),
    (CLOUDFRONT, "status >= HTTPStatus.INTERNAL_SERVER_ERROR", "False", STORM),
    (CLOUDFRONT, '"Throttling", ', "", STORM),
    (CLOUDFRONT, "        if answers:\n            sleep(PAUSE)\n", "", "invalidator/test_cloudfront"),
    (REDELIVERY, "delay(delivery.receives, jitter)", "delay(1, jitter)", STORM),
    (REDELIVERY, "refusal.delivery.body, refusal.reason", "refusal.reason, refusal.delivery.body", "invalidator/test_redelivery"),
    (REDELIVERY, "strict=True) if reason]", "strict=True)]", "invalidator/test_redelivery"),
    (INVALIDATOR, "[*unfinished.again, *not_moved]", "[*unfinished.again]", "invalidator/test_handler"),
]  # fmt: skip


@pytest.fixture(scope="module")
def warm() -> ForkServerContext:
    """A process that has imported what is slow to import, and forks one for each mutant."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.reliability.mutant"])
    return context


def run(warm: ForkServerContext, output: Path, test: str, file: str = "", mutated: str = "") -> int | None:
    """The exit code of pytest for a test of the distributor, with one of its files changed; its words are in `output`."""
    path = (ROOT / "tests" / "distributor" / f"{test}.py").resolve()
    process = warm.Process(target=run_tests, args=(output, path, (ROOT / "distributor" / file).resolve(), mutated))
    process.start()
    process.join()
    return process.exitcode


def test_every_mutation_is_one_of_the_code_as_it_is() -> None:
    gone = [row for row in MUTATIONS if row[1] not in (ROOT / "distributor" / row[0]).read_text(encoding="utf-8")]

    assert gone == []


@pytest.mark.prove
def test_the_tests_are_green_without_a_mutation(warm: ForkServerContext, tmp_path: Path) -> None:
    assert run(warm, tmp_path / "output", "test_events") == 0


@pytest.mark.prove
@pytest.mark.parametrize("mutation", MUTATIONS, ids="|".join)
def test_a_mutant_is_killed(warm: ForkServerContext, tmp_path: Path, mutation: tuple[str, str, str, str]) -> None:
    file, old, new, test = mutation
    mutated = (ROOT / "distributor" / file).read_text(encoding="utf-8").replace(old, new)

    exit_code = run(warm, tmp_path / "output", test, file, mutated)

    words = (tmp_path / "output").read_text(encoding="utf-8")
    assert exit_code == 1, f"no test failed:\n{words[-2000:]}"
    assert "failed" in words, words[-2000:]
