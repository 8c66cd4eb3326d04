"""Headings, tables and checks in; lines at the terminal, a verdict, a report for machines and a picture out."""

import io
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

PICTURE_WIDTH = 106  # characters of the longest check


@dataclass
class Story:
    """What the demo has shown so far. `highlights` are the headings and checks, as lines of rich's markup."""

    console: Console
    checks: list[bool] = field(default_factory=list)
    highlights: list[str] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every check held."""
        return all(self.checks)

    def begin(self, title: str, subtitle: str) -> None:
        """The first line."""
        self._highlight(f"[bold]{escape(title)}[/]: {escape(subtitle)}")

    @contextmanager
    def chapter(self, title: str) -> Iterator[None]:
        """A heading, and how long it took."""
        self._highlight(f"\n[bold]{escape(title)}[/]")
        started = time.monotonic()
        yield
        self.console.print(f"  [dim]{time.monotonic() - started:.1f} s[/]")

    def check(self, sentence: str, *, holds: bool) -> None:
        """Print the check and keep whether it holds."""
        self.checks.append(holds)
        self._highlight(f"  {'[green]✓' if holds else '[red]✗'} {escape(sentence)}[/]")

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table."""
        table = Table(*columns, title=title, title_justify="left", title_style="bold")
        for row in rows:
            table.add_row(*(escape(cell) for cell in row))
        self.console.print(table)

    def end(self) -> None:
        """The last line: the verdict."""
        verdict = "[bold green]Every check held" if self.ok else "[bold red]NOT every check held"
        self._highlight(f"\n{verdict}[/]: {sum(self.checks)} of {len(self.checks)}.")

    def picture(self) -> str:
        """The headings and checks as an SVG, which needs nothing from elsewhere: fonts are the reader's own."""
        recorder = Console(record=True, file=io.StringIO(), width=PICTURE_WIDTH, highlight=False)
        recorder.print("\n".join(self.highlights))
        svg = recorder.export_svg(title="feed demo", unique_id="demo")
        return re.sub(r"<!-- Generated.*?-->|@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)

    def _highlight(self, line: str) -> None:
        self.console.print(line)
        self.highlights.append(line)
