"""What every test of the commands shares."""

from collections.abc import Iterator
from functools import cache

import botocore.session
import pytest
from typer.main import get_command


@pytest.fixture(scope="session", autouse=True)
def models_are_read_once() -> Iterator[None]:
    """Each session would read boto3's models from disk, and each command in this process build all commands."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        patched.setattr("typer.testing._get_command", cache(get_command))
        yield
