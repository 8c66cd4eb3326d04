"""Checks what a deployment would find in the account. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ops.account import Bucket, Caller, Deployed, Distribution
from ops.checks.check import Check
from ops.checks.machinery import DEPLOYED
from ops.observation import Unavailable
from ops.samconfig import Environment
from ops.stack import NEVER_DEPLOYED

BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
NEW_BUCKET = "docs/configuration.md, The website bucket"


@dataclass(frozen=True, slots=True)
class Found:
    """What is in the account. None: there is none of that name; `website` also if no website is wanted."""

    caller: Caller
    stack: Deployed | Unavailable | None
    source: Bucket | Unavailable | None
    website: Bucket | Unavailable | None
    distributions: list[Distribution] | Unavailable


def source_bucket(environment: Environment, caller: Caller) -> str:
    """The name of the source bucket, as the template makes it."""
    default = f"{environment.stack_name}-{caller.account}-{environment.region}"
    return environment.parameters.get("S3BucketName") or default


def check_account(environment: Environment, found: Found) -> Iterator[Check]:
    """Check that the environment can be deployed into the account, and what of it would not work afterwards."""
    yield _check_stack(environment, found)
    yield _check_source(environment, found)
    if environment.parameters["DistributionBucketName"]:
        yield from _check_website(environment, found)
        yield from _check_distribution(environment, found)
    else:
        yield _check_without_website(environment)
    if environment.parameters["FetchEnabled"] == "true" and found.caller.partition != "aws":
        actual = f"no Region of {found.caller.partition} has AWS's catalogue"
        yield Check("Catalogue", "it can be fetched", holds=False, actual=actual, advice="answer with --no-fetch")
    email = environment.parameters["AlarmEmail"]
    actual = f"{email}, once the mail that AWS sends is confirmed" if email else "nobody"
    advice = "name an address with --alarm-email, or subscribe to the output AlarmTopicArn"
    yield Check("Alarms", "somebody hears of the alarms", bool(email), actual, advice, trouble=False)


def _check_stack(environment: Environment, found: Found) -> Check:
    stack, name = found.stack, f"the stack {environment.stack_name} can be deployed"
    if stack is None:
        return Check("Stack", name, holds=True, actual="it is not there yet")
    if isinstance(stack, Unavailable):
        advice = "ask for the right cloudformation:DescribeStacks"
        return Check("Stack", name, holds=False, actual=stack.reason, advice=advice, trouble=False)
    if stack.status in NEVER_DEPLOYED:
        advice = "sam delete removes it; its events in CloudFormation say why it failed"
        return Check("Stack", name, holds=False, actual=f"it is {stack.status}", advice=advice)
    if not stack.source:
        advice = "choose another name with --stack-name"
        return Check("Stack", name, holds=False, actual="another stack has this name", advice=advice)
    advice = "wait, or look at its events in CloudFormation"
    return Check("Stack", name, stack.status in DEPLOYED, f"it is there, {stack.status}", advice, trouble=False)


def _check_source(environment: Environment, found: Found) -> Check:
    bucket, other = source_bucket(environment, found.caller), "set another S3BucketName in samconfig.toml"
    name, holds = f"the source bucket can be {bucket}", False
    if bucket == environment.parameters["DistributionBucketName"]:
        actual, advice = "that is the website bucket", "name another website bucket: source and website must differ"
    elif not BUCKET_NAME.fullmatch(bucket):
        actual, advice = "no bucket can have this name", "take a short stack name in lower case, or set S3BucketName"
    elif isinstance(found.stack, Deployed) and found.stack.source == bucket:
        holds, actual, advice = True, "it is the stack's already", ""
    elif found.source is None:
        holds, actual, advice = True, "the name is free", ""
    elif isinstance(found.source, Unavailable) or not found.source.is_own:
        actual, advice = "another account has a bucket of this name, or you may not look", other
    else:
        actual = "you have such a bucket already, perhaps of an earlier stack"
        advice = f"delete it as docs/operations.md, Clean up, says; or {other}"
    return Check("Source bucket", name, holds, actual, advice)


def _check_without_website(environment: Environment) -> Check:
    name, fetches = "there is a website to publish on", environment.parameters["FetchEnabled"] == "true"
    actual = "no website bucket: the stack only fetches" if fetches else "a stack that neither fetches nor publishes"
    return Check("Website bucket", name, holds=False, actual=actual, advice="--website-bucket", trouble=not fetches)


def _check_website(environment: Environment, found: Found) -> Iterator[Check]:
    bucket, group = environment.parameters["DistributionBucketName"], "Website bucket"
    name, website = f"{bucket} is there", found.website
    if website is None:
        advice = f"create it ({NEW_BUCKET}), or name another one"
        yield Check(group, name, holds=False, actual="there is no bucket of this name", advice=advice)
        return
    if isinstance(website, Unavailable):
        advice = "another account's bucket must let the stack's roles in; docs/configuration.md has the rights"
        yield Check(group, name, holds=False, actual=website.reason, advice=advice, trouble=False)
        return
    versions = "versioned: it keeps what is replaced until a lifecycle rule removes it"
    kept = versions if website.is_versioned is True else "not versioned" if website.is_versioned is False else ""
    yield Check(group, name, holds=True, actual=", ".join(filter(None, [website.region, kept])))
    owner = environment.parameters.get("DistributionBucketOwner", "")
    advice = f"set DistributionBucketOwner in samconfig.toml, and let the stack's roles in ({NEW_BUCKET})"
    actual = found.caller.account if website.is_own else "it is another account's"
    yield Check(group, "it is this account's", website.is_own or bool(owner), actual, advice, trouble=False)
    actual = "public access is blocked" if website.is_private is True else "public access is not blocked"
    if isinstance(website.is_private, Unavailable):
        actual = website.is_private.reason
    advice = "with CloudFront readers need no access to the bucket: block it, unless you serve from S3 itself"
    yield Check(group, "it is private", website.is_private is True, actual, advice, trouble=False)
    if website.holds is True and not (isinstance(found.stack, Deployed) and found.stack.distributes):
        prefix = environment.parameters["DistributionKeyPrefix"]
        actual = f"there are files below {prefix}/ already"
        advice = "a published file replaces one of the same name; take another prefix if these are not to be replaced"
        yield Check(group, "the prefix is free", holds=False, actual=actual, advice=advice, trouble=False)


def _check_distribution(environment: Environment, found: Found) -> Iterator[Check]:
    id_, bucket = (environment.parameters[name] for name in ("CloudFrontDistributionId", "DistributionBucketName"))
    if not id_:
        actual = "none is named: readers see a change when max-age is over"
        yield Check("CloudFront", "what is published is invalidated", holds=True, actual=actual)
        return
    name = f"{id_} reads {bucket}"
    if isinstance(found.distributions, Unavailable):
        advice = "ask for cloudfront:ListDistributions"
        yield Check("CloudFront", name, holds=False, actual=found.distributions.reason, advice=advice, trouble=False)
        return
    chosen = next((distribution for distribution in found.distributions if distribution.id == id_), None)
    if chosen is None:
        actual = "no distribution of this account with this id has the bucket as an origin"
        advice = "look at the id; without --distribution-id, feed init shows those that have"
        yield Check("CloudFront", name, holds=False, actual=actual, advice=advice, trouble=False)
        return
    yield Check("CloudFront", name, holds=True, actual=f"{chosen.domain}, origin path {chosen.path or '/'}")
    if not chosen.address(prefix := environment.parameters["DistributionKeyPrefix"]):
        actual, advice = f"its origin path is {chosen.path}", f"take a prefix below it: {chosen.path[1:]}/{prefix}"
        yield Check("CloudFront", f"{id_} shows {prefix}/", holds=False, actual=actual, advice=advice, trouble=False)
    policy = found.website.policy if isinstance(found.website, Bucket) else ""
    if isinstance(policy, str):
        holds = any(reader in policy for reader in chosen.readers)
        actual = "it names the distribution" if holds else "it does not name the distribution"
        advice = f"{NEW_BUCKET}, has a policy; without it readers get 403, unless the bucket is public"
        yield Check("CloudFront", "the bucket's policy lets it read", holds, actual, advice, trouble=False)
