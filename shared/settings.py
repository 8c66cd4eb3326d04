"""Reads environment variables into frozen settings, or raises a ConfigurationError that names those that are wrong.

Without pydantic: every function reads settings when it starts, and most need no model before their first file.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

ValueT = TypeVar("ValueT")
NumberT = TypeVar("NumberT", int, float)
Parser = Callable[[str], ValueT]  # raises ValueError, with what is wrong, for a text that it refuses

_PREFIX_BYTES = 512


class ConfigurationError(ValueError):
    """Environment variables are missing or wrong. A retry does not help; the message names them."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings whose fields are the environment variables in lower case; see `variable`."""

    def conflicts(self) -> Iterator[str]:
        """What is wrong with variables that are right each by itself; a text begins with their names."""
        yield from ()


SettingsT = TypeVar("SettingsT", bound=Settings)


def variable(parse: Parser[Any], default: Any = MISSING) -> Any:  # noqa: ANN401 - like `field`
    """A field with its parser; without a default the variable must be set."""
    return field(default=default, metadata={"parse": parse})


def read_settings(model: type[SettingsT], environ: Mapping[str, str]) -> SettingsT:
    """Read and check the variables that the model names; the rest of the environment is ignored."""
    values, problems = dict[str, Any](), list[str]()
    for each in fields(model):
        name = each.name.upper()
        try:
            if name in environ:
                values[each.name] = each.metadata["parse"](environ[name])
            elif each.default is MISSING:
                problems.append(f"{name}: is not set")
        except ValueError as error:
            problems.append(f"{name}: {error}")
    _require_none(problems)
    settings = model(**values)
    _require_none(settings.conflicts())
    return settings


def _require_none(problems: Iterable[str]) -> None:
    if message := "; ".join(problems):
        raise ConfigurationError(message)


def refusal(value: str, wanted: str) -> ValueError:
    """The error of a parser."""
    return ValueError(f"must be {wanted}; it is {value!r}")


def matching(pattern: str, wanted: str) -> Parser[str]:
    """A parser of texts that match as a whole."""

    def parse(value: str) -> str:
        if re.fullmatch(pattern, value):
            return value
        raise refusal(value, wanted)

    return parse


def number(kind: type[NumberT], least: NumberT, most: NumberT) -> Parser[NumberT]:
    """A parser of numbers within these limits."""

    def parse(value: str) -> NumberT:
        with suppress(ValueError):
            if least <= (parsed := kind(value)) <= most:
                return parsed
        raise refusal(value, f"a {'whole ' if kind is int else ''}number from {least} to {most}")

    return parse


def several(parse: Parser[ValueT], least: int = 0) -> Parser[tuple[ValueT, ...]]:
    """A parser of lists with commas, of so many parts at least; empty parts are left out."""

    def parse_all(value: str) -> tuple[ValueT, ...]:
        parts = tuple(parse(part.strip()) for part in value.split(",") if part.strip())
        if len(parts) >= least:
            return parts
        raise refusal(value, "a list that is not empty")

    return parse_all


def flag(value: str) -> bool:
    """A parser of true and false."""
    if value in {"true", "false"}:
        return value == "true"
    raise refusal(value, "true or false")


def key_prefix(value: str) -> str:
    """A parser of prefixes of keys."""
    odd = any(segment in {"", ".", ".."} for segment in value.split("/")) or "\\" in value or not value.isprintable()
    if odd or value.isspace() or len(value.encode(errors="replace")) > _PREFIX_BYTES:
        raise refusal(value, "a key prefix without slashes at its ends, such as aws-data or a/b")
    return value


def url_of_site(value: str) -> str:
    """A parser of the site's public address, which gets a slash at its end; it may be empty."""
    return f"{_address(value).removesuffix('/')}/" if value else ""


# The template has the same pattern.
_address = matching(
    r"(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?)(/[^\s?#]*)?",
    "an address with https, or with http on the loopback",
)
not_blank = matching(r"\s*\S[\s\S]*", "a text that is not blank")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
bucket_name = matching(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the bare name of a bucket, such as my-bucket")
