"""The source bucket in, what earlier runs left there out: checked, and with the ETags that the next write must meet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from fetcher.source import Found, SourceBucket
from shared import contract
from shared.text import first_error

READ = (contract.COMPLETE_DATA_FILE, contract.SERVICES_FILE, contract.CHANGE_HISTORY_FILE)

DocumentT = TypeVar("DocumentT", bound=contract.Document)


@dataclass(frozen=True, slots=True)
class Published:
    """The files as they were found, and what those say that the next run builds on; None if missing or unreadable.

    `unreadable` names files that exist but break the contract, each with the reason.
    """

    found: Mapping[str, Found]
    complete_data: contract.CompleteData | None
    services: contract.Services | None
    history: contract.ChangeHistory | None
    unreadable: Mapping[str, str]


def read_published(bucket: SourceBucket) -> Published:
    """Look at every file of the contract; ClientError or BotoCoreError if S3 does not answer."""
    names = [*contract.FILES, *contract.schemas()]
    found = {name: bucket.read(name) if name in READ else bucket.look(name) for name in names}
    unreadable: dict[str, str] = {}

    def parse(name: str, model: type[DocumentT]) -> DocumentT | None:
        if not found[name].etag:
            return None
        try:
            return model.from_bytes(found[name].body)
        except ValidationError as error:
            unreadable[name] = first_error(error)
            return None

    return Published(
        found,
        parse(contract.COMPLETE_DATA_FILE, contract.CompleteData),
        parse(contract.SERVICES_FILE, contract.Services),
        parse(contract.CHANGE_HISTORY_FILE, contract.ChangeHistory),
        unreadable,
    )
