"""Builds JSON Schemas from the models, for readers in any language. Relations between values are only in the models."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from shared.contract.data import SCHEMA_VERSION, TOOL
from shared.contract.document import Document
from shared.files import schema_name


class UntitledFields(GenerateJsonSchema):
    """pydantic's generator, with titles only where they say more than the name of the field."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - pydantic's signature
        """No titles that only repeat a field's name."""
        return False

    def datetime_schema(self, schema: object) -> JsonSchemaValue:  # noqa: ARG002 - pydantic's signature
        """No `format`: a strict validator refuses those that it was not taught, and the pattern says the same."""
        return {"type": "string"}

    date_schema = datetime_schema


def build_schemas(models: Mapping[str, type[Document]]) -> dict[str, bytes]:
    """One JSON Schema (draft 2020-12) for each kind, by the schema's name; the same models give the same bytes.

    The version is a part of `$id`: strict validators refuse keywords of our own. Keys that a schema doesn't name are
    allowed, so a file of a later minor version is accepted.
    """
    return {schema_name(kind): _schema(kind, model) for kind, model in models.items()}


def _schema(kind: str, model: type[Document]) -> bytes:
    schema: dict[str, Any] = {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": f"urn:{TOOL}:{SCHEMA_VERSION}:{kind}",
        **model.model_json_schema(by_alias=True, mode="serialization", schema_generator=UntitledFields),
        "title": kind,
    }
    return json.dumps(schema, indent=2).encode() + b"\n"
