from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from cloud.stand_ins.ssm import ROOT, catalogue
from fetcher.announcements.matching import _words, announcements_by_service
from shared import contract

NOW = datetime(2026, 10, 7, tzinfo=UTC)
NAMES = {
    name.split("/")[-2]: value
    for name, value in catalogue().items()
    if name.startswith(f"{ROOT}/services/") and name.endswith("/longName")
}


def announcement(number: int, *categories: str) -> contract.Announcement:
    return contract.Announcement(
        id=str(number),
        title="News",
        summary="",
        link="https://aws.amazon.com/x",
        pub_date=NOW.replace(minute=59 - number),
        pub_date_formatted=contract.format_day(NOW),
        categories=categories,
        html_content="",
    )


def codes_of(category: str, names: Mapping[str, str] = NAMES) -> list[str]:
    return list(announcements_by_service([announcement(0, category)], names))


# Words of AWS's feed of 2026-10-07 and of public programs that read it, against the names that SSM gives.
@pytest.mark.parametrize(
    ("product", "code"),
    [
        ("amazon-api-gateway", "apigateway"),
        ("amazon-appstream-2-0", "appstream"),
        ("amazon-bedrock", "bedrock"),
        ("amazon-bedrock-agentcore", "bedrock-agentcore"),
        ("amazon-cloudwatch", "cloudwatch"),
        ("amazon-cloudwatch-logs", "logs"),
        ("amazon-documentdb", "docdb"),
        ("amazon-ec2", "ec2"),
        ("amazon-emr", "emr"),
        ("amazon-fsx-netapp-ontap", "fsx-ontap"),
        ("amazon-inspector", "inspector2"),
        ("amazon-kinesis-video-streams", "kinesisvideo"),
        ("amazon-managed-service-for-grafana", "grafana"),
        ("amazon-msk", "kafka"),
        ("amazon-mwaa", "mwaa"),
        ("amazon-route-53", "route53"),
        ("amazon-s3", "s3"),
        ("amazon-sagemaker", "sagemaker"),
        ("amazon-sagemaker-ai", "sagemaker"),
        ("amazon-simple-storage-service", "s3"),
        ("amazon-vpc", "vpc"),
        ("aws-certificate-manager", "acm"),
        ("aws-client-vpn", "vpn"),
        ("aws-health", "health"),
        ("aws-iam", "iam"),
        ("aws-iam-identity-center", "identity-center"),
        ("aws-identity-and-access-management", "iam"),
        ("aws-kms", "kms"),
        ("aws-private-certificate-authority", "acm-pca"),
        ("aws-resource-access-manager", "ram"),
        ("aws-systems-manager", "ssm"),
        ("AWS-Lambda", "lambda"),
        ("elastic-load-balancing", "elb"),
    ],
)
def test_a_product_of_the_feed_is_the_service_with_that_name_abbreviation_or_code(product: str, code: str) -> None:
    assert codes_of(f"general:products/{product}") == [code]


@pytest.mark.parametrize(
    "category",
    [
        "general:products/amazon-corretto",
        "general:products/aws-cloud-development-kit",
        "general:products/aws-developer-tools",
        "general:products/aws-events",
        "general:products/aws-govcloud-us",
        "general:products/aws-pricing",
        "general:products/amazon-lambda-edge",
        "general:products/",
        "general:use-case/lambda",
        "marketing:marchitecture/compute",
        "amazon-ec2",
        "",
    ],
)
def test_what_names_no_service_matches_none(category: str) -> None:
    assert codes_of(category or "-") == []


def test_no_word_means_two_services_that_have_different_names() -> None:
    words = _words(NAMES)

    assert {code for codes in words.values() for code in codes} == NAMES.keys() - {"sagemaker-runtime"}
    assert [codes for codes in words.values() if len({NAMES[code] for code in codes}) > 1] == []


def test_a_name_is_stronger_than_a_code() -> None:
    names = {"inspector": "Amazon Inspector Classic", "inspector2": "Amazon Inspector"}

    assert codes_of("general:products/amazon-inspector", names) == ["inspector2"]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("mwaa", "Amazon Managed Workflows for Apache Airflow"),
        ("kms", "AWS Key Management Service"),
        ("iot", "AWS IoT Core"),
    ],
)
def test_a_code_is_a_word_if_the_name_begins_with_it_or_has_these_initials(code: str, name: str) -> None:
    assert codes_of(f"general:products/aws-{code}", {code: name}) == [code]
    assert codes_of(f"general:products/aws-{code}", {code: f"Amazon Other {name}"}) == []


def test_an_exception_for_a_service_that_is_not_there_matches_nothing() -> None:
    assert codes_of("general:products/amazon-msk", {"s3": "Amazon S3"}) == []


def test_each_service_gets_its_announcements_once_and_newest_first() -> None:
    both = announcement(0, "general:products/amazon-s3", "general:products/amazon-ec2")
    twice = announcement(1, "general:products/amazon-s3", "general:products/amazon-simple-storage-service")
    other = announcement(2, "general:products/aws-lambda", "marketing:marchitecture/storage")

    found = announcements_by_service([both, twice, other], {code: NAMES[code] for code in ("s3", "ec2")})

    assert list(found.items()) == [("ec2", (both,)), ("s3", (both, twice))]


def test_a_service_without_a_name_is_found_by_its_code() -> None:
    found = announcements_by_service([announcement(0, "general:products/aws-new")], {"new": "new"})

    assert list(found) == ["new"]
