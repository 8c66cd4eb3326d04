"""Runs a command at a pseudo-terminal, as a person does."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STYLE = re.compile(r"\x1b\[[\d;]*m")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a command has printed, styles included, and its exit code. stderr, with its spinners, is no terminal."""

    text: str
    errors: str
    exit_code: int


def at_terminal(command: Sequence[str], environment: Mapping[str, str], columns: int, cwd: Path | None = None) -> Shown:
    """Run a command at a terminal that is so wide, and wait for its end."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with subprocess.Popen(
        command, env={"TERM": "xterm", **environment}, cwd=cwd, stdin=end, stdout=end, stderr=subprocess.PIPE, text=True
    ) as running:
        os.close(end)
        shown = b"".join(iter(lambda: _read(terminal), b""))
        errors = running.stderr.read() if running.stderr else ""
    os.close(terminal)
    return Shown(shown.decode().replace("\r\n", "\n"), errors, running.returncode)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # how Linux says that nobody has the other end open any more
        return b""
