"""`feed init`: asks what a deployment must know, looks at the account, and writes samconfig.toml."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from ops.terminal import (
    FAILED,
    LOCAL,
    STACK_VARIABLE,
    Profile,
    errors_in_a_line,
    examples,
    is_interactive,
    need_checkout,
    refuse,
    say,
    show,
    spinner,
    stack_options,
)

if TYPE_CHECKING:
    import boto3

    from ops.account import Distribution
    from ops.checks.account import Found
    from ops.checks.check import Check
    from ops.observation import Unavailable
    from ops.samconfig import Environment

app = typer.Typer()

NONE = "-"  # a person's answer for no value: an empty line takes what is offered
STACK_NAME = r"[A-Za-z][A-Za-z0-9-]{0,127}"
REGION = r"[a-z]{2,4}(-[a-z]+)+-\d"
ASKED = ("DistributionBucketName", "DistributionKeyPrefix", "AlarmEmail", "FetchEnabled", "CloudFrontDistributionId")
SITE = ("DistributionBucketName", "DistributionKeyPrefix", "CloudFrontDistributionId")
STYLES = {"+": "green", "-": "red"}


@dataclass
class Answers:
    """Gets each answer from its option, else from the person, else from what is known.

    `missing` are the options of what cannot be asked, given or known.
    """

    asks: bool
    missing: list[str] = field(default_factory=list)

    def text(  # noqa: PLR0913 - all of a question
        self, question: str, option: str, given: str | None, known: str, pattern: str, *, must: bool = False
    ) -> str:
        """A text that matches the pattern. `must`: that it is empty has to be said, it is not taken for granted."""

        def checked(answer: str) -> str:
            answer = "" if answer.strip() == NONE else answer.strip()
            if not re.fullmatch(pattern, answer):
                msg = f"{answer!r} does not match {pattern}"
                raise typer.BadParameter(msg)
            return answer

        if given is None and self.asks:
            return str(typer.prompt(question, default=known or NONE, value_proc=checked))
        if given is None:
            self.missing += [option] * (must and not known)
            return known
        try:
            return checked(given)
        except typer.BadParameter as error:
            refuse(f"{option}: {error}")

    def true(self, question: str, known: str, *, given: bool | None) -> str:
        """The text true or false, as parameters of CloudFormation have it."""
        if given is None and self.asks:
            given = typer.confirm(question, default=known == "true")
        return known if given is None else str(given).lower()


@dataclass(frozen=True, slots=True)
class Given:
    """The answers that were given as options."""

    stack_name: str | None
    region: str | None
    website_bucket: str | None
    website_prefix: str | None
    alarm_email: str | None
    fetch: bool | None
    distribution_id: str | None

    def on(self, site: Mapping[str, str]) -> "Given":
        """The answers with those that a website's stack gives; none are given without such a stack."""
        if not site:
            return self
        bucket, prefix, id_ = (site[name] for name in SITE)
        return replace(self, website_bucket=bucket, website_prefix=prefix, distribution_id=id_)


@app.command(
    name="init",
    rich_help_panel=LOCAL,
    epilog=examples(
        "feed init",
        "feed init --config-env staging",
        "feed init --website-stack aws-services-feed-website",
        "feed init --website-bucket my-website --alarm-email you@example.com --region eu-west-1 --yes",
    ),
)
def init(  # noqa: PLR0913 - one argument an option
    *,
    website_stack: Annotated[
        str | None,
        typer.Option(help="A deployed website.yaml, by name or ARN: gives bucket, prefix, distribution and address."),
    ] = None,
    website_bucket: Annotated[
        str | None,
        typer.Option(help="The bucket of your website, which exists already. Empty: the stack only fetches."),
    ] = None,
    website_prefix: Annotated[str | None, typer.Option(help="The prefix of the published files in it.")] = None,
    distribution_id: Annotated[
        str | None, typer.Option(help="The CloudFront distribution in front of it. Empty: nothing is invalidated.")
    ] = None,
    alarm_email: Annotated[
        str | None, typer.Option(help="Who gets a mail when something goes wrong. Empty: nobody.")
    ] = None,
    fetch: Annotated[
        bool | None, typer.Option("--fetch/--no-fetch", help="Whether to fetch AWS's catalogue every day.")
    ] = None,
    config_env: Annotated[str, typer.Option(help="The environment of samconfig.toml.")] = "default",
    yes: Annotated[
        bool, typer.Option("--yes", help="Ask nothing and write the file, if nothing is in the way.")
    ] = False,
    stack_name: Annotated[str | None, typer.Option(envvar=STACK_VARIABLE, help="The stack's name.")] = None,
    profile: Profile = None,
    region: Annotated[str | None, typer.Option(help="The stack's region. By default the AWS CLI's.")] = None,
) -> None:
    """Prepare a deployment: ask what it must know, look at the account, write samconfig.toml. AWS is not changed.

    An answer that is not given as an option is asked for; what the file says already is offered. The lines
    that change are shown before they are written; comments and all other settings stay.
    """
    path = need_checkout() / "samconfig.toml"
    from ops.samconfig import read_environment, write_environment

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        refuse(f"{path.name} cannot be read: {error}")
    given = Given(stack_name, region, website_bucket, website_prefix, alarm_email, fetch, distribution_id)
    answers = Answers(asks=is_interactive() and not yes)
    with errors_in_a_line():
        known = read_environment(text, config_env)
        site = _read_site(given, website_stack, profile, known.region) if website_stack else {}
        environment, found = _prepare(answers, given.on(site), known, profile)
        environment = replace(environment, parameters={**environment.parameters, **site})
    checks = _show_checks(environment, found)
    trouble = any(check.fails for check in checks)
    prepared = write_environment(text, config_env, environment)
    if prepared == text:
        say(f"{path.name} says all this already.")
    else:
        _show_changes(text, prepared)
        if not _agreed(answers, yes=yes, trouble=trouble):
            refuse(f"{path.name} stays as it is", FAILED)
        path.write_text(prepared, encoding="utf-8")
    _show_next(config_env, environment, found, profile)
    if trouble:
        raise typer.Exit(FAILED)


def _prepare(
    answers: Answers, given: Given, known: "Environment", profile: str | None
) -> tuple["Environment", "Found"]:
    """What is to be deployed, and what is in the account. What must be asked without AWS comes first."""
    from cloud.template import read_template
    from ops.samconfig import Environment
    from ops.stack import make_session

    session = make_session(profile, given.region)
    name = answers.text("Stack name", "--stack-name", given.stack_name, known.stack_name, STACK_NAME)
    offered = known.region or session.region_name or ""
    region = answers.text("Region", "--region", given.region, offered, REGION, must=True)
    template = read_template()["Parameters"]
    parameters = {**{name: template[name]["Default"] for name in ASKED}, **known.parameters}
    patterns = {name: template[name].get("AllowedPattern", "") for name in ASKED}
    parameters |= _ask_parameters(answers, given, parameters, patterns)
    if answers.missing:
        refuse(f"there is nobody to ask: give {', '.join(answers.missing)}")
    with spinner("looking at the account"):
        found = _look(make_session(profile, region), Environment(name, region, parameters))
    if parameters["DistributionBucketName"]:
        pattern = patterns["CloudFrontDistributionId"]
        parameters |= _ask_distribution(answers, given, parameters, pattern, found.distributions)
    return Environment(name, region, parameters), found


def _read_site(given: Given, name: str, profile: str | None, known_region: str) -> dict[str, str]:
    """The parameters that a stack of website.yaml gives. One of another Region is named by its ARN."""
    from ops.stack import find_stack

    if any(answer is not None for answer in (given.website_bucket, given.website_prefix, given.distribution_id)):
        refuse("--website-stack gives bucket, prefix and distribution: leave out their options")
    region = name.split(":")[3] if name.startswith("arn:") else given.region or known_region or None
    outputs = find_stack(name, profile, region).outputs
    missing = [output for output in (*SITE, "SiteUrl") if output not in outputs]
    if missing:
        refuse(f"{name} is no stack of website.yaml: it has no {', '.join(missing)}")
    return {**{output: outputs[output] for output in (*SITE, "SiteUrl")}, "CloudFrontOriginPath": ""}


def _look(session: "boto3.Session", environment: "Environment") -> "Found":
    from ops import account
    from ops.checks.account import Found, source_bucket

    caller = account.observe_caller(session)
    bucket, prefix = (environment.parameters[key] for key in ("DistributionBucketName", "DistributionKeyPrefix"))
    return Found(
        caller=caller,
        stack=account.observe_stack(session, environment.stack_name),
        source=account.observe_bucket(session, source_bucket(environment, caller), caller.account),
        website=account.observe_bucket(session, bucket, caller.account, prefix) if bucket else None,
        distributions=account.observe_distributions(session, bucket) if bucket else [],
    )


def _ask_parameters(
    answers: Answers, given: Given, known: Mapping[str, str], patterns: Mapping[str, str]
) -> dict[str, str]:
    """The answers that need no look at the account."""

    def text(question: str, option: str, given: str | None, name: str, *, must: bool = False) -> str:
        return answers.text(question, option, given, known[name], patterns[name], must=must)

    asked = "Website bucket, which exists already (- for none: the stack only fetches)"
    bucket = text(asked, "--website-bucket", given.website_bucket, "DistributionBucketName", must=True)
    prefix, asked = known["DistributionKeyPrefix"], "Prefix of the published files in it"
    if bucket:
        prefix = text(asked, "--website-prefix", given.website_prefix, "DistributionKeyPrefix")
    asked = "Address that gets a mail when something goes wrong (- for none)"
    email = text(asked, "--alarm-email", given.alarm_email, "AlarmEmail", must=True)
    fetches = answers.true("Fetch AWS's catalogue every day?", known["FetchEnabled"], given=given.fetch)
    return {
        "DistributionBucketName": bucket,
        "DistributionKeyPrefix": prefix,
        "AlarmEmail": email,
        "FetchEnabled": fetches,
    }


def _ask_distribution(
    answers: Answers,
    given: Given,
    known: Mapping[str, str],
    pattern: str,
    distributions: "list[Distribution] | Unavailable",
) -> dict[str, str]:
    """The distribution, and its origin path as CloudFront has it; those that read the bucket are offered."""
    candidates = distributions if isinstance(distributions, list) else []
    if answers.asks and given.distribution_id is None:
        for candidate in candidates:
            show(f"  {candidate.id}  {candidate.domain}{candidate.path}")
    offered = known["CloudFrontDistributionId"] or (candidates[0].id if len(candidates) == 1 and answers.asks else "")
    asked = "CloudFront distribution that shows the bucket (- for none: nothing is invalidated)"
    id_ = answers.text(asked, "--distribution-id", given.distribution_id, offered, pattern)
    chosen = next((candidate for candidate in candidates if candidate.id == id_), None)
    if chosen is None:
        return {"CloudFrontDistributionId": id_}
    found = {"CloudFrontDistributionId": id_, "CloudFrontOriginPath": chosen.path}
    if known.get("SiteUrl") == "":
        found["SiteUrl"] = chosen.address(known["DistributionKeyPrefix"])
    return found


def _show_checks(environment: "Environment", found: "Found") -> list["Check"]:
    from ops.checks.account import check_account

    checks = list(check_account(environment, found))
    show(("Account", "bold"), f"  {found.caller.account}, {found.caller.arn}, {environment.region}")
    for group, members in groupby(checks, key=lambda check: check.group):
        show((group, "bold"))
        for check in members:
            show("  ", check.mark, f" {check.name}  ", (check.actual, "dim"))
            if not check.holds:
                show("      ", (check.advice, "yellow"))
    return checks


def _show_changes(before: str, after: str) -> None:
    show(("samconfig.toml", "bold"))
    for line in list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]:
        if not line.startswith("@@"):
            show((f"  {line}", STYLES[line[0]]))


def _agreed(answers: Answers, *, yes: bool, trouble: bool) -> bool:
    """Whether to write the file: --yes does not do it if something is in the way, a person may."""
    if answers.asks:
        return typer.confirm("Write this?", default=not trouble)
    if trouble or not yes:
        say("Mend first what is red." if trouble else "--yes writes this.")
    return yes and not trouble


def _show_next(config_env: str, environment: "Environment", found: "Found", profile: str | None) -> None:
    """The two commands that follow, with the options that they need to find the same stack."""
    from ops.stack import make_session

    elsewhere = environment.region != make_session(profile).region_name
    feed = stack_options(environment.stack_name, profile, environment.region if elsewhere else None).feed
    sam = f" --config-env {config_env}" * (config_env != "default") + stack_options("", profile, None).aws
    fetches, publishes = (
        environment.parameters["FetchEnabled"] == "true",
        environment.parameters["DistributionBucketName"],
    )
    steps = [*["fetch"] * fetches, *["sweep --yes"] * bool(publishes), "verify"]
    show(("Next", "bold"))
    show(f"  make build && .venv/bin/sam deploy{sam}")
    show("  " + " && ".join(f".venv/bin/feed {step}{feed}" for step in steps) + _url(environment, found))


def _url(environment: "Environment", found: "Found") -> str:
    """The option --url of feed verify, if a distribution shows the files."""
    id_, prefix = (environment.parameters[name] for name in ("CloudFrontDistributionId", "DistributionKeyPrefix"))
    candidates = found.distributions if isinstance(found.distributions, list) else []
    addresses = [candidate.address(prefix) for candidate in candidates if candidate.id == id_]
    return "".join(f" --url {address}" for address in addresses if address)
