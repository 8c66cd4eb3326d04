from contextlib import nullcontext
from typing import Any

import pytest

from cloud.template import TemplateError, read_template, resolve, translate


def stack_of(value: object, **template: Any) -> Any:
    resources = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"Value": value}}}
    return resolve({"Resources": resources, **template}, "my-stack", {})


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Ref": "Queue"}, "https://sqs.us-east-1.amazonaws.com/123456789012/my-stack-Queue"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:aws:sqs:us-east-1:123456789012:my-stack-Queue"),
        ({"Fn::GetAtt": "Queue.QueueName"}, "my-stack-Queue"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:aws:sqs:us-east-1:123456789012:my-stack-Queue"),
        ({"Fn::Sub": "${AWS::StackName}/${!literal}/${Queue.Arn}"}, None),
        ({"Fn::Sub": ["${A}-${AWS::AccountId}", {"A": {"Ref": "AWS::Partition"}}]}, "aws-123456789012"),
        ({"Fn::Join": ["-", ["a", {"Ref": "AWS::NoValue"}, "b"]]}, "a-b"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "a,b,c"]}]}, "b"),
        ({"Fn::If": ["Yes", "then", "else"]}, "then"),
        ({"Fn::If": ["No", "then", "else"]}, "else"),
        ({"Fn::If": ["Both", "then", "else"]}, "else"),
        ({"Fn::If": ["Either", "then", "else"]}, "then"),
        ([1, {"Ref": "AWS::NoValue"}, {"a": {"Ref": "AWS::NoValue"}, "b": True}], [1, {"b": True}]),
    ],
)
def test_intrinsic_functions_are_resolved_as_cloudformation_does(value: object, resolved: object) -> None:
    conditions = {
        "Yes": {"Fn::Equals": ["a", "a"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Either": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
    }

    (resource,) = stack_of(value, Conditions=conditions).resources

    wanted = resolved or "my-stack/${!literal}/arn:aws:sqs:us-east-1:123456789012:my-stack-Queue"
    assert resource.properties["Value"] == wanted


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"Fn::ImportValue": "x"}, "Fn::ImportValue is not known"),
        ({"Ref": "Nothing"}, "Nothing is referred to"),
        ({"Fn::GetAtt": ["Queue", "QueueUrl"]}, "QueueUrl is not known"),
        ({"Fn::If": ["Missing", 1, 2]}, "no condition Missing"),
    ],
)
def test_what_is_not_known_is_never_passed_over(value: object, reason: str) -> None:
    with pytest.raises(TemplateError, match=reason):
        stack_of(value)


def test_a_resource_type_that_is_not_known_is_refused() -> None:
    with pytest.raises(TemplateError, match="AWS::EC2::Instance is not known"):
        resolve({"Resources": {"Machine": {"Type": "AWS::EC2::Instance"}}}, "my-stack", {})


def test_a_reference_to_a_resource_that_is_not_created_is_refused() -> None:
    template = {
        "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
        "Resources": {
            "Absent": {"Type": "AWS::SQS::Queue", "Condition": "Never"},
            "Present": {"Type": "AWS::SQS::Queue", "Properties": {"Value": {"Ref": "Absent"}}},
        },
    }

    with pytest.raises(TemplateError, match="Absent is referred to"):
        resolve(template, "my-stack", {})


@pytest.mark.parametrize(
    "parameters",
    [
        {"NoSuchParameter": "x"},
        {"DistributionBucketName": "s3://website"},
        {"SourceKeyPrefix": "/aws-data"},
        {"ScheduleExpression": "daily"},
        {"LogLevel": "LOUD"},
    ],
)
def test_parameters_that_cloudformation_would_refuse_are_refused(parameters: dict[str, str]) -> None:
    with pytest.raises(TemplateError, match=next(iter(parameters))):
        resolve(translate(read_template()), "my-stack", parameters)


@pytest.mark.parametrize(
    ("switched", "colour", "refused"), [("yes", "", True), ("yes", "red", False), ("no", "", False)]
)
def test_a_rule_is_asked_as_cloudformation_asks_it(switched: str, colour: str, *, refused: bool) -> None:
    condition = {"Fn::Equals": [{"Ref": "Switch"}, "yes"]}
    assertion = {
        "Assert": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Colour"}, ""]}]},
        "AssertDescription": "needs a colour",
    }
    template = {
        "Parameters": {"Switch": {"Type": "String"}, "Colour": {"Type": "String"}},
        "Rules": {"Coloured": {"RuleCondition": condition, "Assertions": [assertion]}},
        "Resources": {},
    }

    with pytest.raises(TemplateError, match="rule Coloured: needs a colour") if refused else nullcontext():
        resolve(template, "my-stack", {"Switch": switched, "Colour": colour})


def test_a_section_that_is_not_known_is_refused() -> None:
    with pytest.raises(TemplateError, match="Mappings"):
        resolve({"Mappings": {}, "Resources": {}}, "my-stack", {})


def test_a_parameter_without_a_default_must_be_given() -> None:
    with pytest.raises(TemplateError, match="missing: \\['Name'\\]"):
        resolve({"Parameters": {"Name": {"Type": "String"}}, "Resources": {}}, "my-stack", {})


def test_what_sam_does_not_accept_is_said_in_one_line() -> None:
    template = read_template()
    del template["Resources"]["Fetcher"]["Properties"]["Handler"]

    with pytest.raises(TemplateError, match="SAM does not accept the template: .*Handler"):
        translate(template)
