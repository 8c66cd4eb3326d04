"""What website.yaml makes: a bucket that only CloudFront reads, and edges that send right headers and honest errors."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cfnlint import ManualArgs  # type: ignore[import-untyped]
from cfnlint.api import lint  # type: ignore[import-untyped]
from typer.testing import CliRunner

from cloud import isolate
from cloud import template as template_module
from cloud.second_cloud import SecondCloud
from cloud.template import (
    ACCOUNT,
    REGION,
    ROOT,
    WEBSITE_TEMPLATE,
    Resource,
    Stack,
    TemplateError,
    read_template,
    resolve,
)
from ops.cli import app
from ops.samconfig import read_environment

NAME = f"site-{ACCOUNT}-{REGION}"
ARN = f"arn:aws:s3:::{NAME}"
OF_THE_DISTRIBUTION = {
    "StringEquals": {"AWS:SourceArn": f"arn:aws:cloudfront::{ACCOUNT}:distribution/site-Distribution"}
}
CERTIFICATE = f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1-2"
DOMAIN = {"DomainName": "feed.example.com", "CertificateArn": CERTIFICATE}
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


def site(**parameters: str) -> Stack:
    return resolve(read_template(WEBSITE_TEMPLATE), "site", parameters)


def resource_of(stack: Stack, logical_id: str) -> Resource:
    (resource,) = (resource for resource in stack.resources if resource.logical_id == logical_id)
    return resource


def distribution(**parameters: str) -> dict[str, Any]:
    config: dict[str, Any] = resource_of(site(**parameters), "Distribution").properties["DistributionConfig"]
    return config


def headers_policy(logical_id: str) -> dict[str, Any]:
    policy: dict[str, Any] = resource_of(site(), logical_id).properties["ResponseHeadersPolicyConfig"]
    return policy


def test_lint_finds_nothing() -> None:
    matches = lint(json.dumps(read_template(WEBSITE_TEMPLATE)), config=ManualArgs(regions=[REGION]))

    assert [f"{match.rule.id} {match.message}" for match in matches if match.rule.severity != "informational"] == []


def test_the_bucket_is_private_encrypted_versioned_and_outlives_the_stack() -> None:
    body = read_template(WEBSITE_TEMPLATE)["Resources"]["Bucket"]
    properties = resource_of(site(), "Bucket").properties

    assert (body["DeletionPolicy"], body["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert properties["BucketName"] == NAME
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    encryption = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption == [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]


def test_nothing_expires_but_releases_and_old_versions() -> None:
    stack = site(DistributionKeyPrefix="staging/data", ReleaseRetentionDays="40", HistoryRetentionDays="5")
    rules = resource_of(stack, "Bucket").properties["LifecycleConfiguration"]["Rules"]

    assert {rule.get("Prefix"): rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule} == {
        "staging/data/releases/": "40"
    }
    (old,) = (rule for rule in rules if "NoncurrentVersionExpiration" in rule and "Prefix" not in rule)
    assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": "5"}


def test_nobody_but_this_distribution_may_read_the_bucket() -> None:
    policy = resource_of(site(), "BucketPolicy").properties["PolicyDocument"]
    cloudfront = {"Service": "cloudfront.amazonaws.com"}

    assert policy["Statement"] == [
        {
            "Sid": "OnlyTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [ARN, f"{ARN}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Sid": "CloudFrontReads",
            "Effect": "Allow",
            "Principal": cloudfront,
            "Action": "s3:GetObject",
            "Resource": f"{ARN}/*",
            "Condition": OF_THE_DISTRIBUTION,
        },
        {
            "Sid": "CloudFrontSeesWhatIsMissing",
            "Effect": "Allow",
            "Principal": cloudfront,
            "Action": "s3:ListBucket",
            "Resource": ARN,
            "Condition": OF_THE_DISTRIBUTION,
        },
    ]


def test_cloudfront_signs_each_request_to_the_bucket() -> None:
    config = resource_of(site(), "OriginAccess").properties["OriginAccessControlConfig"]
    (origin,) = distribution()["Origins"]

    assert (config["SigningBehavior"], config["SigningProtocol"]) == ("always", "sigv4")
    assert (origin["DomainName"], origin["OriginAccessControlId"]) == (
        f"{NAME}.s3.{REGION}.amazonaws.com",
        "site-OriginAccess",
    )


def test_the_root_is_a_file_so_that_the_right_to_list_shows_nobody_a_list() -> None:
    cache = resource_of(site(), "CachePolicy").properties["CachePolicyConfig"]

    assert distribution()["DefaultRootObject"] == "index.html"
    assert cache["ParametersInCacheKeyAndForwardedToOrigin"]["QueryStringsConfig"] == {"QueryStringBehavior": "none"}


def test_a_missing_file_is_never_answered_with_another_one() -> None:
    assert "CustomErrorResponses" not in distribution()


def test_published_files_and_page_have_a_behaviour_each_that_takes_https_compresses_and_only_reads() -> None:
    config = distribution(DistributionKeyPrefix="staging/data")
    (data,), page = config["CacheBehaviors"], config["DefaultCacheBehavior"]

    assert data["PathPattern"] == "/staging/data/*"
    assert (data["ResponseHeadersPolicyId"], page["ResponseHeadersPolicyId"]) == (
        "site-DataHeaders",
        "site-PageHeaders",
    )
    for behavior in (data, page):
        assert behavior["ViewerProtocolPolicy"] == "redirect-to-https"
        assert behavior["AllowedMethods"] == ["GET", "HEAD"]
        assert behavior["Compress"] is True
        assert behavior["CachePolicyId"] == "site-CachePolicy"


def test_edges_keep_a_file_as_long_as_its_own_header_says_and_once_for_all_readers() -> None:
    cache = resource_of(site(), "CachePolicy").properties["CachePolicyConfig"]

    assert (cache["MinTTL"], cache["MaxTTL"]) == (0, 31536000)
    assert cache["ParametersInCacheKeyAndForwardedToOrigin"] == {
        "EnableAcceptEncodingBrotli": True,
        "EnableAcceptEncodingGzip": True,
        "CookiesConfig": {"CookieBehavior": "none"},
        "HeadersConfig": {"HeaderBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "none"},
    }


@pytest.mark.parametrize(
    ("policy", "csp"), [("PageHeaders", CSP), ("DataHeaders", "default-src 'none'; frame-ancestors 'none'")]
)
def test_every_answer_has_the_headers_that_protect_readers(policy: str, csp: str) -> None:
    assert headers_policy(policy)["SecurityHeadersConfig"] == {
        "ContentSecurityPolicy": {"ContentSecurityPolicy": csp, "Override": True},
        "ContentTypeOptions": {"Override": True},
        "FrameOptions": {"FrameOption": "DENY", "Override": True},
        "ReferrerPolicy": {"ReferrerPolicy": "no-referrer", "Override": True},
        "StrictTransportSecurity": {"AccessControlMaxAgeSec": 31536000, "Override": True},
    }


def test_any_page_may_read_the_published_files_and_none_the_page() -> None:
    cors = headers_policy("DataHeaders")["CorsConfig"]

    assert cors["AccessControlAllowOrigins"] == {"Items": ["*"]}
    assert cors["AccessControlAllowMethods"] == {"Items": ["GET", "HEAD"]}
    assert cors["AccessControlAllowCredentials"] is False
    assert "CorsConfig" not in headers_policy("PageHeaders")


def test_a_site_has_http_3_and_with_a_domain_tls_1_2() -> None:
    assert distribution()["HttpVersion"] == "http2and3"
    assert distribution()["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}
    with_domain = distribution(**DOMAIN)
    assert with_domain["Aliases"] == ["feed.example.com"]
    assert with_domain["ViewerCertificate"] == {
        "AcmCertificateArn": CERTIFICATE,
        "SslSupportMethod": "sni-only",
        "MinimumProtocolVersion": "TLSv1.2_2021",
    }


@pytest.mark.parametrize(
    ("parameters", "address"),
    [
        ({}, "https://site-Distribution.cloudfront.net/data/"),
        ({**DOMAIN, "DistributionKeyPrefix": "staging/data"}, "https://feed.example.com/staging/data/"),
    ],
)
def test_the_outputs_are_parameters_of_the_main_stack(parameters: dict[str, str], address: str) -> None:
    outputs = site(**parameters).outputs

    assert outputs["SiteUrl"] == address
    assert outputs["DistributionBucketName"] == NAME
    assert outputs.keys() - {"DistributionDomainName"} <= read_template()["Parameters"].keys()


@pytest.mark.parametrize("name", DOMAIN)
def test_a_domain_and_its_certificate_come_together(name: str) -> None:
    with pytest.raises(TemplateError, match="CertificateArn"):
        site(**{name: DOMAIN[name]})


def test_a_certificate_of_another_region_is_refused() -> None:
    with pytest.raises(TemplateError, match="CertificateArn"):
        site(**{**DOMAIN, "CertificateArn": CERTIFICATE.replace("us-east-1", "eu-west-1")})


def test_without_access_logs_nothing_of_them_is_there() -> None:
    assert [resource.type for resource in site().resources if resource.type.startswith("AWS::Logs::")] == []


def test_access_logs_are_json_without_the_readers_address_and_each_query_reads_what_they_have() -> None:
    stack = site(AccessLogs="true")
    fields = resource_of(stack, "AccessLogDelivery").properties["RecordFields"]
    source = resource_of(stack, "AccessLogSource").properties
    queries = stack.of_type("AWS::Logs::QueryDefinition")

    assert source["ResourceArn"] == f"arn:aws:cloudfront::{ACCOUNT}:distribution/site-Distribution"
    assert source["LogType"] == "ACCESS_LOGS"
    assert resource_of(stack, "AccessLogDestination").properties["OutputFormat"] == "json"
    assert not {"c-ip", "x-forwarded-for", "cs(Cookie)", "cs-uri-query"} & set(fields)
    assert len(queries) == 4
    for query in queries:
        assert query.properties["LogGroupNames"] == ["/aws/vendedlogs/cloudfront/site"]
        assert set(query.properties["QueryString"].split("`")[1::2]) <= set(fields)


def test_access_logs_are_refused_outside_us_east_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_module, "REGION", "eu-west-1")

    with pytest.raises(TemplateError, match="us-east-1"):
        site(AccessLogs="true")


@pytest.mark.second_cloud
def test_sam_deploys_it_to_an_independent_emulator_and_feed_init_takes_it_over(
    second_cloud: SecondCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = dict(os.environ)
    isolate(environment)
    environment |= {**second_cloud.environment(), "SAM_CLI_TELEMETRY": "0"}
    command = [f"{ROOT}/.venv/bin/sam", "deploy", "--config-env", "website", "--no-confirm-changeset"]

    finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stderr
    (stack,) = second_cloud.client("cloudformation").describe_stacks(StackName="aws-services-feed-website")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    cloudfront, s3 = second_cloud.client("cloudfront"), second_cloud.client("s3")
    config = cloudfront.get_distribution_config(Id=outputs["CloudFrontDistributionId"])["DistributionConfig"]
    (data,) = config["CacheBehaviors"]["Items"]
    headers = cloudfront.get_response_headers_policy(Id=data["ResponseHeadersPolicyId"])["ResponseHeadersPolicy"]
    policy = json.loads(s3.get_bucket_policy(Bucket=outputs["DistributionBucketName"])["Policy"])
    arn = f"arn:aws:cloudfront::{ACCOUNT}:distribution/{outputs['CloudFrontDistributionId']}"
    assert data["PathPattern"] == "/data/*"
    assert headers["ResponseHeadersPolicyConfig"]["CorsConfig"]["AccessControlAllowOrigins"]["Items"] == ["*"]
    assert [statement.get("Condition") for statement in policy["Statement"]][1:] == [
        {"StringEquals": {"AWS:SourceArn": arn}}
    ] * 2

    for name, value in second_cloud.environment().items():
        monkeypatch.setenv(name, value)
    shutil.copy(ROOT / "samconfig.toml", tmp_path)
    monkeypatch.setattr("ops.commands.init.need_checkout", lambda: tmp_path)
    options = ("--stack-name", "feed", "--alarm-email", "", "--region", REGION, "--yes")
    taken = CliRunner().invoke(app, ["init", "--website-stack", "aws-services-feed-website", *options])
    written = read_environment((tmp_path / "samconfig.toml").read_text(encoding="utf-8"), "default").parameters
    assert taken.exit_code == 0, taken.output
    assert {name: written[name] for name in outputs.keys() - {"DistributionDomainName"}} == {
        name: value for name, value in outputs.items() if name != "DistributionDomainName"
    }
    assert "✓ the bucket's policy lets it read" in taken.output
