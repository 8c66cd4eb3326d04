import json
import os
import platform
import sys
from pathlib import Path

import pytest

from cloud.runtimes import EmulatedRuntime, FunctionConfiguration, InProcessRuntime, emulator

needs_emulator = pytest.mark.skipif(emulator() is None, reason="AWS's Runtime Interface Emulator runs on Linux only")

HANDLERS = """
import builtins
import os, time

def greet(event, context):
    print("hello from", context.function_name)
    return {"event": event, "variable": os.environ["VARIABLE"], "left": context.get_remaining_time_in_millis()}

def fail(event, context):
    raise ValueError("on purpose")

def meanwhile(event, context):
    builtins.print("for a person")
    print("for the log")

def sleep(event, context):
    time.sleep(60)

def leave(event, context):
    os._exit(3)
"""


def configuration(folder: Path, name: str, timeout: int = 20) -> FunctionConfiguration:
    (folder / "handlers.py").write_text(HANDLERS, encoding="utf-8")
    environment = {"VARIABLE": "value", "PYTHONPATH": str(folder), "AWS_REGION": "us-east-1"}
    return FunctionConfiguration(name, f"handlers.{name}", timeout, 128, environment)


def emulated(configured: FunctionConfiguration) -> EmulatedRuntime:
    rie = emulator()
    assert rie is not None
    return EmulatedRuntime(configured, rie)


@needs_emulator
def test_a_handler_gets_event_context_and_environment_and_its_output_is_kept(tmp_path: Path) -> None:
    runtime = emulated(configuration(tmp_path, "greet"))
    try:
        answers = [runtime.invoke(json.dumps({"n": number})) for number in range(2)]
    finally:
        runtime.close()

    assert [answer.content["event"] for answer in answers] == [{"n": 0}, {"n": 1}]
    assert answers[0].content["variable"] == "value"
    assert 0 < answers[0].content["left"] <= 20_000
    assert "hello from greet" in answers[0].log


@needs_emulator
def test_an_error_of_the_function_is_told_from_an_answer(tmp_path: Path) -> None:
    runtime = emulated(configuration(tmp_path, "fail"))
    try:
        answer = runtime.invoke("{}")
    finally:
        runtime.close()

    assert answer.is_error
    assert (answer.content["errorType"], answer.content["errorMessage"]) == ("ValueError", "on purpose")


@needs_emulator
@pytest.mark.parametrize("name", ["sleep", "leave"])
def test_a_function_that_takes_too_long_or_dies_is_an_error(tmp_path: Path, name: str) -> None:
    runtime = emulated(configuration(tmp_path, name, timeout=1))
    try:
        answer = runtime.invoke("{}")
    finally:
        runtime.close()

    assert answer.is_error


@needs_emulator
def test_an_emulator_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    broken = tmp_path / "rie"
    broken.write_text("#!/bin/sh\necho cannot start; exit 1\n", encoding="utf-8")

    with pytest.raises(RuntimeError, match="did not start"):
        EmulatedRuntime(configuration(tmp_path, "greet"), broken)


def test_where_the_emulator_cannot_run_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert emulator() is None


def test_on_another_processor_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert emulator() is None


def test_in_process_a_handler_sees_its_environment_and_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    before = dict(os.environ)

    runtime = InProcessRuntime(configuration(tmp_path, "greet"))
    answer = runtime.invoke('{"n": 1}')
    runtime.close()

    assert answer.content["variable"] == "value"
    assert "hello from greet" in answer.log
    assert dict(os.environ) == before
    assert "handlers" in sys.modules


def test_in_process_what_others_print_meanwhile_is_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(tmp_path)

    runtime = InProcessRuntime(configuration(tmp_path, "meanwhile"))
    answer = runtime.invoke("{}")
    runtime.close()

    assert (answer.log, capsys.readouterr().out) == ("for the log\n", "for a person\n")


def test_in_process_an_error_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)

    runtime = InProcessRuntime(configuration(tmp_path, "fail"))
    answer = runtime.invoke("{}")
    runtime.close()

    assert (answer.is_error, answer.content["errorType"]) == (True, "ValueError")
