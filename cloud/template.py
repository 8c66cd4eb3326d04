"""A template in, CloudFormation resources with literal values out.

SAM is translated by AWS's own translator. The intrinsic functions are then resolved as CloudFormation would resolve
them. An unknown function raises, so that nothing in the template is passed over in silence.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from boto3 import Session
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from cloud import isolate

ROOT = Path(__file__).parents[1]
TEMPLATE, WEBSITE_TEMPLATE = ROOT / "template.yaml", ROOT / "website.yaml"
ACCOUNT = "123456789012"  # moto's account
REGION = "us-east-1"
PARTITION = "aws"

# Mappings, for example, are not known here, and nothing of a template is passed over.
SECTIONS = {
    *(
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
    )
}

Json = Any
_NO_VALUE = object()


class TemplateError(Exception):
    """The template uses something that the embedded cloud does not know, or that does not resolve."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource with literal properties; `name` is the physical name that `Ref` gives.

    `needs` are the logical ids of what CloudFormation creates before it: whatever it refers to, also in its metadata.
    """

    logical_id: str
    type: str
    name: str
    properties: dict[str, Json]
    needs: frozenset[str]

    @property
    def arn(self) -> str:
        """The resource's ARN."""
        return _arn(self.type, self.properties.get("Path", "/")[1:] + self.name)


@dataclass(frozen=True, slots=True)
class Stack:
    """A template with its parameters filled in: what CloudFormation would create."""

    name: str
    resources: tuple[Resource, ...]
    outputs: dict[str, str]

    def of_type(self, type_: str) -> list[Resource]:
        """The resources of one type, in the template's order."""
        return [resource for resource in self.resources if resource.type == type_]


def read_template(path: Path = TEMPLATE) -> dict[str, Json]:
    """The template as it is written, with intrinsic functions in their long form.

    Aliases are replaced by copies, as `sam build` does: what is changed in one place stays the same in the others.
    """
    template: dict[str, Json] = json.loads(_to_json(path.read_text(encoding="utf-8")))
    return template


def translate(template: Mapping[str, Json]) -> dict[str, Json]:
    """The template as SAM hands it to CloudFormation; no credentials or network are needed."""
    translated: dict[str, Json] = json.loads(_translate(json.dumps(template)))
    return translated


@cache
def _translate(template: str) -> str:
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of metrics that it never sends
    sam = json.loads(template)
    sam["Globals"]["Function"]["CodeUri"] = "s3://code/uploaded-by-sam-deploy.zip"
    translator = Translator({}, Parser(), boto_session=Session(region_name=REGION))
    try:
        return json.dumps(translator.translate(sam, parameter_values={}))
    except Exception as error:
        msg = f"SAM does not accept the template: {getattr(error, 'causes', None) or error}"
        raise TemplateError(msg) from error


@cache
def _to_json(template: str) -> str:
    return json.dumps(yaml_parse(template))  # type: ignore[no-untyped-call]


def resolve(translated: Mapping[str, Json], stack_name: str, parameters: Mapping[str, str]) -> Stack:
    """Fill in parameters, conditions and references; TemplateError for what is unknown or missing."""
    return _Resolver(translated, stack_name, parameters).stack()


class _Resolver:
    def __init__(self, template: Mapping[str, Json], stack_name: str, parameters: Mapping[str, str]) -> None:
        self._template = template
        self._stack_name = stack_name
        self._referred: set[str] = set()
        self._parameters = _with_defaults(template.get("Parameters", {}), parameters)
        self._pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": _NO_VALUE,
            "AWS::Partition": PARTITION,
            "AWS::Region": REGION,
            "AWS::StackName": stack_name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        self._functions: dict[str, Callable[[Json], Json]] = {
            "Ref": self._ref,
            "Condition": self._condition,
            "Fn::And": lambda terms: all(self.value(term) for term in terms),
            "Fn::Equals": lambda pair: self.value(pair[0]) == self.value(pair[1]),
            "Fn::GetAtt": self._get_att,
            "Fn::If": lambda branches: self.value(branches[1 if self._condition(branches[0]) else 2]),
            "Fn::Join": lambda pair: self.value(pair[0]).join(self.value(pair[1])),
            "Fn::Not": lambda term: not self.value(term[0]),
            "Fn::Or": lambda terms: any(self.value(term) for term in terms),
            "Fn::Select": lambda pair: self.value(pair[1])[int(self.value(pair[0]))],
            "Fn::Split": lambda pair: self.value(pair[1]).split(self.value(pair[0])),
            "Fn::Sub": self._sub,
        }

    def stack(self) -> Stack:
        unknown = set(self._template) - SECTIONS
        if unknown:
            msg = f"sections that are not known to the embedded cloud: {sorted(unknown)}"
            raise TemplateError(msg)
        self._require_rules()
        resources = tuple(self._resource(id_) for id_, body in self._created("Resources"))
        outputs = {id_: self.value(body["Value"]) for id_, body in self._created("Outputs")}
        return Stack(self._stack_name, resources, outputs)

    def value(self, node: Json) -> Json:
        """The node with everything below it resolved."""
        if isinstance(node, list):
            return [value for value in map(self.value, node) if value is not _NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((name, argument),) = node.items()
            if name in self._functions:
                return self._functions[name](argument)
            if name.startswith("Fn::"):
                msg = f"{name} is not known to the embedded cloud"
                raise TemplateError(msg)
        resolved = {key: self.value(value) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not _NO_VALUE}

    def _require_rules(self) -> None:
        """TemplateError where CloudFormation would refuse the parameters together."""
        for name, rule in self._template.get("Rules", {}).items():
            for assertion in rule["Assertions"] if self.value(rule.get("RuleCondition", True)) else ():
                if not self.value(assertion["Assert"]):
                    msg = f"the parameters break the rule {name}: {assertion['AssertDescription']}"
                    raise TemplateError(msg)

    def _created(self, section: str) -> list[tuple[str, dict[str, Json]]]:
        return [
            (id_, body)
            for id_, body in self._template.get(section, {}).items()
            if "Condition" not in body or self._condition(body["Condition"])
        ]

    def _resource(self, logical_id: str) -> Resource:
        body = self._template["Resources"][logical_id]
        depends = body.get("DependsOn", [])
        self._referred = {depends} if isinstance(depends, str) else set(depends)
        properties = self.value(body.get("Properties", {}))
        self.value(body.get("Metadata", {}))
        needs = frozenset(self._referred & self._template["Resources"].keys())
        return Resource(logical_id, body["Type"], self._name(logical_id), properties, needs)

    def _name(self, logical_id: str) -> str:
        body = self._template["Resources"].get(logical_id)
        if body is None or ("Condition" in body and not self._condition(body["Condition"])):
            msg = f"{logical_id} is referred to, but the stack has no such resource"
            raise TemplateError(msg)
        if body["Type"] not in _NAME_PROPERTIES:
            msg = f"{logical_id}: the type {body['Type']} is not known to the embedded cloud"
            raise TemplateError(msg)
        stated = body.get("Properties", {}).get(_NAME_PROPERTIES[body["Type"]], _NO_VALUE)
        name = self.value(stated)
        return f"{self._stack_name}-{logical_id}" if name is _NO_VALUE else name

    def _ref(self, name: str) -> Json:
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._parameters:
            return self._parameters[name]
        self._referred.add(name)
        physical = self._name(name)
        match self._template["Resources"][name]["Type"]:
            case "AWS::SQS::Queue":
                return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{physical}"
            case "AWS::SNS::Topic" as topic:
                return _arn(topic, physical)
        return physical

    def _get_att(self, path: Json) -> str:
        logical_id, _, attribute = path.partition(".") if isinstance(path, str) else (path[0], "", path[1])
        self._referred.add(logical_id)
        type_ = self._template["Resources"][logical_id]["Type"]
        if (type_, attribute) in _ATTRIBUTES:
            return _ATTRIBUTES[type_, attribute].format(self._name(logical_id))
        if attribute != "Arn":
            msg = f"!GetAtt {logical_id}.{attribute} is not known to the embedded cloud"
            raise TemplateError(msg)
        path = self.value(self._template["Resources"][logical_id].get("Properties", {}).get("Path", _NO_VALUE))
        return _arn(type_, ("" if path is _NO_VALUE else path[1:]) + self._name(logical_id))

    def _condition(self, name: str) -> bool:
        if name not in self._template.get("Conditions", {}):
            msg = f"there is no condition {name}"
            raise TemplateError(msg)
        return bool(self.value(self._template["Conditions"][name]))

    def _sub(self, argument: Json) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument
        values = {name: self.value(value) for name, value in variables.items()}

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name in values:
                return str(values[name])
            return str(self._get_att(name) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^!}]+)\}", replace, text)


def _with_defaults(declared: Mapping[str, Json], given: Mapping[str, str]) -> dict[str, str]:
    unknown = set(given) - set(declared)
    values = {name: given.get(name, body.get("Default")) for name, body in declared.items()}
    missing = {name for name, value in values.items() if value is None}
    refused = {
        name
        for name, body in declared.items()
        if not re.fullmatch(body.get("AllowedPattern", ".*"), str(values[name]), re.DOTALL)
        or str(values[name]) not in map(str, body.get("AllowedValues", [values[name]]))
    }
    if unknown or missing or refused:
        msg = f"parameters unknown: {sorted(unknown)}, missing: {sorted(missing)}, with odd values: {sorted(refused)}"
        raise TemplateError(msg)
    return {name: str(value) for name, value in values.items()}


_ATTRIBUTES = {
    ("AWS::CloudFront::Distribution", "DomainName"): "{}.cloudfront.net",
    ("AWS::CloudFront::OriginAccessControl", "Id"): "{}",
    ("AWS::S3::Bucket", "RegionalDomainName"): f"{{}}.s3.{REGION}.amazonaws.com",
    ("AWS::SQS::Queue", "QueueName"): "{}",
}
"""What `!GetAtt` gives beside an ARN, made of the resource's name."""

_NAME_PROPERTIES = {
    "AWS::CloudFront::CachePolicy": "-",
    "AWS::CloudFront::Distribution": "-",
    "AWS::CloudFront::OriginAccessControl": "-",
    "AWS::CloudFront::ResponseHeadersPolicy": "-",
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::Events::ApiDestination": "Name",
    "AWS::Events::Connection": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::IAM::Role": "RoleName",
    "AWS::Lambda::EventInvokeConfig": "-",
    "AWS::Lambda::EventSourceMapping": "-",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Lambda::Permission": "-",
    "AWS::Logs::Delivery": "-",
    "AWS::Logs::DeliveryDestination": "Name",
    "AWS::Logs::DeliverySource": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::QueryDefinition": "Name",
    "AWS::S3::Bucket": "BucketName",
    "AWS::S3::BucketPolicy": "-",
    "AWS::SNS::Subscription": "-",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SNS::TopicPolicy": "-",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SQS::QueuePolicy": "-",
    "AWS::Scheduler::Schedule": "Name",
}
"""The property that names a resource of each type; "-" where it has no name. No other type may be in a template."""


def _arn(type_: str, name: str) -> str:
    forms = {
        "AWS::CloudWatch::Alarm": f"cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}",
        "AWS::CloudWatch::CompositeAlarm": f"cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}",
        "AWS::Events::ApiDestination": f"events:{REGION}:{ACCOUNT}:api-destination/{name}",
        "AWS::Events::Connection": f"events:{REGION}:{ACCOUNT}:connection/{name}",
        "AWS::IAM::Role": f"iam::{ACCOUNT}:role/{name}",
        "AWS::Lambda::Function": f"lambda:{REGION}:{ACCOUNT}:function:{name}",
        "AWS::Logs::DeliveryDestination": f"logs:{REGION}:{ACCOUNT}:delivery-destination:{name}",
        "AWS::Logs::LogGroup": f"logs:{REGION}:{ACCOUNT}:log-group:{name}:*",
        "AWS::S3::Bucket": f"s3:::{name}",
        "AWS::SNS::Topic": f"sns:{REGION}:{ACCOUNT}:{name}",
        "AWS::SQS::Queue": f"sqs:{REGION}:{ACCOUNT}:{name}",
        "AWS::Scheduler::Schedule": f"scheduler:{REGION}:{ACCOUNT}:schedule/default/{name}",
    }
    if type_ not in forms:
        msg = f"the ARN of a resource of type {type_} is not known to the embedded cloud"
        raise TemplateError(msg)
    return f"arn:{PARTITION}:{forms[type_]}"


if __name__ == "__main__":
    isolate()
    print(json.dumps(translate(read_template()), indent=2))  # noqa: T201 - for cfn-lint, which no longer applies SAM
