"""Steps in as they are done; lines at the terminal and a file of Markdown to keep out."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from ops.stack import StackError
from ops.terminal import say

MOST_OUTPUT = 4000  # characters that are kept of what a failed command printed


class UnexpectedError(Exception):
    """Something is not as it should be; `output` is what the command printed."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class StoppedError(Exception):
    """A step failed without which the others make no sense."""


@dataclass
class Step:
    """One thing that was tried; `seen` is what is worth telling if it went well."""

    title: str
    seen: str = ""
    seconds: float = 0
    error: str = ""
    output: str = ""


@dataclass
class Report:
    """What was tried so far. `secrets` are written as the words that they are mapped to."""

    facts: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every step went well."""
        return not any(step.error for step in self.steps)

    @contextmanager
    def step(self, title: str, *, needed: bool = False) -> Iterator[Step]:
        """Try something, and keep how it went; StoppedError if it failed and all that follows needs it."""
        step, started = Step(title), time.monotonic()
        self.steps.append(step)
        try:
            yield step
        except (UnexpectedError, StackError, ClientError, BotoCoreError) as error:
            step.error, step.output = str(error) or type(error).__name__, getattr(error, "output", "")
            if needed:
                raise StoppedError from error
        except BaseException as error:
            step.error = f"ended by {type(error).__name__}"
            raise
        finally:
            step.seconds = time.monotonic() - started
            self._print(step)

    def write(self, path: Path) -> None:
        """Write the file."""
        text = "\n".join(self._lines())
        for secret, word in self.secrets.items():
            text = text.replace(secret, word)
        path.write_text(text + "\n", encoding="utf-8")

    def _print(self, step: Step) -> None:
        words = [f"{'✗' if step.error else '✓'} {step.title}", step.error or step.seen, f"{step.seconds:.1f} s"]
        for line in ["  ".join(filter(None, words)), *step.output[-MOST_OUTPUT:].splitlines()]:
            say(f"  {line}", as_json=False)

    def _lines(self) -> Iterator[str]:
        went_well = sum(not step.error for step in self.steps)
        yield f"# {'Every step went well' if self.ok else 'NOT every step went well'}: {went_well} of {len(self.steps)}"
        yield ""
        yield from (f"- {name}: {value}" for name, value in self.facts.items())
        yield f"- seconds: {sum(step.seconds for step in self.steps):.0f}"
        yield from ("", "| | step | seconds | seen |", "|---|---|---|---|")
        for step in self.steps:
            seen = (step.error or step.seen).replace("|", "\\|").replace("\n", " ")
            yield f"| {'✗' if step.error else '✓'} | {step.title} | {step.seconds:.1f} | {seen} |"
        for step in self.steps:
            if step.output:
                yield from ("", f"## What was printed: {step.title}", "", "```", step.output[-MOST_OUTPUT:], "```")
