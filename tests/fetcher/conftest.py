"""What the fetcher's tests share."""

from collections.abc import Iterator

import botocore.session
import pytest
from botocore.loaders import Loader


@pytest.fixture(scope="session", autouse=True)
def shared_loader() -> Iterator[None]:
    """AWS's models are read once, and not again for each client, which takes fifty milliseconds and more."""
    loaders: dict[str | None, Loader] = {}
    create = botocore.session.create_loader

    def create_loader(search_path_string: str | None = None) -> Loader:
        return loaders.setdefault(search_path_string, create(search_path_string))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(botocore.session, "create_loader", create_loader)
        yield
