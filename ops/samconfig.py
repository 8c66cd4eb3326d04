"""samconfig.toml in, the settings of one environment out, and back. Comments and all else in the file are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import String

from ops.stack import StackError


@dataclass(frozen=True, slots=True)
class Environment:
    """What an environment of the file says of its stack; `region` is empty where the file leaves that to the shell."""

    stack_name: str
    region: str
    parameters: Mapping[str, str]


def read_environment(text: str, name: str) -> Environment:
    """An environment as the file has it; StackError if it is no TOML or lacks that environment."""
    document = _parse(text, name)
    global_ = document[name]["global"]["parameters"]
    entries = document[name]["deploy"]["parameters"]["parameter_overrides"]
    pairs = (str(entry).partition("=") for entry in entries)
    parameters = {parameter: value.strip('"') for parameter, _, value in pairs}
    return Environment(str(global_["stack_name"]), str(global_.get("region", "")), parameters)


def write_environment(text: str, name: str, environment: Environment) -> str:
    """The file with another environment of this name. A parameter that the file does not name is added at the end."""
    document = _parse(text, name)
    global_ = document[name]["global"]["parameters"]
    for key, value in (("stack_name", environment.stack_name), ("region", environment.region)):
        if global_.get(key, "") != value:
            global_[key] = value
    entries = document[name]["deploy"]["parameters"]["parameter_overrides"]
    places = {str(entry).partition("=")[0]: index for index, entry in enumerate(entries)}
    written = read_environment(text, name).parameters
    for parameter, value in environment.parameters.items():
        if parameter not in places:
            entries.append(_entry(parameter, value))
        elif written[parameter] != value:
            entries[places[parameter]] = _entry(parameter, value)
    return tomlkit.dumps(document)


def _entry(parameter: str, value: str) -> String:
    """As the file writes it: in double quotes, without which SAM cuts it, if the value is empty or has spaces."""
    quoted = not value or " " in value
    return tomlkit.string(f'{parameter}="{value}"' if quoted else f"{parameter}={value}", literal=quoted)


def _parse(text: str, name: str) -> Any:  # noqa: ANN401 - TOML
    try:
        document: Any = tomlkit.parse(text)
        _ = document[name]["global"]["parameters"]["stack_name"]
        entries = document[name]["deploy"]["parameters"]["parameter_overrides"]
    except TOMLKitError as error:  # no TOML, or without one of these
        msg = f"samconfig.toml cannot be read: {error}"
        raise StackError(msg) from error
    if not isinstance(entries, list):
        msg = f"samconfig.toml cannot be read: parameter_overrides of {name} is no list"
        raise StackError(msg)
    return document
