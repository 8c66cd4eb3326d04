"""Reads environment variables into a frozen settings model, or raises a ConfigurationError that names the variable."""

from collections.abc import Mapping
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

_BUCKET_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
_BUCKET_LENGTH = range(3, 64)  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_PREFIX_BYTES = 512


class ConfigurationError(ValueError):
    """An environment variable is missing or wrong. A retry does not help; the message names the variable."""


def _not_blank(value: str) -> str:
    if not value.strip():
        msg = "is blank"
        raise ValueError(msg)
    return value


def _bucket_name(value: str) -> str:
    ends = value[:1] + value[-1:]
    if (
        len(value) not in _BUCKET_LENGTH
        or not _BUCKET_CHARACTERS.issuperset(value)
        or set(ends) & {".", "-"}
        or ".." in value
    ):
        msg = f"must be the bare name of a bucket, such as my-bucket; it is {value!r}"
        raise ValueError(msg)
    return value


def _prefix(value: str) -> str:
    segments = value.split("/")
    odd = any(segment in {"", ".", ".."} for segment in segments) or "\\" in value or not value.isprintable()
    if odd or len(value.encode(errors="replace")) > _PREFIX_BYTES:
        msg = f"must be a key prefix without slashes at its ends, such as aws-data or a/b; it is {value!r}"
        raise ValueError(msg)
    return value


def _with_slash(url: str) -> str:
    return url if url.endswith("/") or not url else f"{url}/"


def comma_separated(value: str) -> tuple[str, ...]:
    """The parts of a list in a variable; empty parts are left out."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


CommaSeparated = BeforeValidator(comma_separated)
NonBlank = Annotated[str, BeforeValidator(_not_blank)]
BucketName = Annotated[NonBlank, AfterValidator(_bucket_name)]
KeyPrefix = Annotated[NonBlank, AfterValidator(_prefix)]
# The template has the same pattern.
SiteUrl = Annotated[
    str,
    Field(pattern=r"^((https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?)(/[^\s?#]*)?)?$"),
    AfterValidator(_with_slash),
]


class Settings(BaseModel):
    """Settings whose fields are the environment variables in lower case."""

    # A function reads one of several; the others' validators are never built.
    model_config = ConfigDict(alias_generator=str.upper, frozen=True, defer_build=True)


SettingsT = TypeVar("SettingsT", bound=Settings)


def read_settings(model: type[SettingsT], environ: Mapping[str, str]) -> SettingsT:
    """Read and check the variables that the model names; the rest of the environment is ignored."""
    try:
        return model.model_validate(dict(environ))
    except ValidationError as error:
        problems = [
            (".".join(str(part) for part in problem["loc"]), problem["msg"].removeprefix("Value error, "))
            for problem in error.errors(include_url=False, include_input=False)
        ]
        message = "; ".join(f"{variable}: {text}" if variable else text for variable, text in problems)
        raise ConfigurationError(message) from None
