"""What a run has to do: the environment has the settings of all runs, the event the request of one run."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.settings import Settings, bucket_name, flag, key_prefix, matching, number, several, url_of_site, variable
from shared.text import first_error

# No other Region's SSM answers below /aws/service/global-infrastructure, and none of GovCloud or China:
# https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters-global-infrastructure.html
CATALOGUE_REGIONS: Final = frozenset({
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1"),
    *("ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
    *("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3"),
})  # fmt: skip
OTHER_PARTITIONS: Final = ("cn-", "eusc-", "us-gov-", "us-iso", "eu-isoe-")  # their Regions' codes begin so

_http_url = matching(r"https?://\S+", "a URL with http or https")


@dataclass(frozen=True, kw_only=True)
class FetcherSettings(Settings):
    """Where the fetcher reads and writes, how fast, and which results are too poor to be written.

    `aws_region`: the Lambda's own region, set by Lambda.

    `ssm_regions`: the regions whose SSM is used in parallel; if empty, only the Lambda's own. `ssm_endpoint_urls`:
    their addresses, if these are not AWS's. `ssm_requests_per_second`: the highest rate for each; SSM allows all
    callers of an account and Region 40 a second together by default, for GetParameter, GetParameters and
    GetParametersByPath: https://docs.aws.amazon.com/general/latest/gr/ssm.html (service quotas)

    `max_stale_percent`: the share of a run's readings that the last good ones may replace. `max_shrink_percent`: the
    share of the last regions, services or pairs that may vanish; from 2022 to 2026 AWS never took back 1 % at once.
    `launch_feed_url`: if empty, launches are not read.
    `schedule_expression`: when the fetcher is invoked; empty if only by hand. `releases`: each run ends with a
    manifest, which names its release; otherwise the file of that name is anybody's.

    `site_url`: the public address of the published files, with a slash at the end; empty if it is not known. It is only
    written into the feed of changes: the fetcher knows no website bucket and requests nothing from the site.
    """

    source_bucket: str = variable(bucket_name)
    source_prefix: str = variable(key_prefix, "aws-data")
    aws_region: str = variable(str, "")
    ssm_regions: tuple[str, ...] = variable(several(matching(r"[a-z0-9-]+", "the code of a region")), ())
    ssm_endpoint_urls: tuple[str, ...] = variable(several(_http_url), ())
    ssm_requests_per_second: float = variable(number(float, 1, 10_000), 10)
    launch_feed_url: str = variable(matching(r"(https?://\S+)?", "a URL with http or https, or empty"), "")
    schedule_expression: str = variable(str, "")
    releases: bool = variable(flag, default=True)
    site_url: str = variable(url_of_site, "")
    max_stale_percent: float = variable(number(float, 0, 100), 10)
    max_shrink_percent: float = variable(number(float, 0, 100), 2)

    @property
    def ssm_places(self) -> list[tuple[str, str]]:
        """Each region to read from, with its URL. Empty means the Lambda's own region, or AWS's URL."""
        regions = self.ssm_regions or ("",)
        return list(zip(regions, self.ssm_endpoint_urls or ("",) * len(regions), strict=True))

    def conflicts(self) -> Iterator[str]:
        """Regions without the catalogue, and addresses that are not one for each region."""
        if self.aws_region.startswith(OTHER_PARTITIONS):
            yield (
                f"AWS_REGION: credentials of {self.aws_region} are not valid in any Region whose SSM has the catalogue"
            )
            return
        own = (self.aws_region,) if self.aws_region else ()
        without = sorted(set(self.ssm_regions or own) - CATALOGUE_REGIONS)
        if without:
            having = ", ".join(sorted(CATALOGUE_REGIONS))
            yield f"SSM_REGIONS: the SSM of {', '.join(without)} has no catalogue; these have it: {having}"
        if self.ssm_endpoint_urls and len(self.ssm_endpoint_urls) != max(1, len(self.ssm_regions)):
            yield "SSM_ENDPOINT_URLS: must be empty or have one URL for each of SSM_REGIONS"


@dataclass(frozen=True, kw_only=True)
class AnnouncementsSettings(Settings):
    """Where the function of announcements reads and writes."""

    source_bucket: str = variable(bucket_name)
    source_prefix: str = variable(key_prefix, "aws-data")
    announcements_feed_url: str = variable(_http_url)


class RequestError(ValueError):
    """The request cannot be fulfilled. A retry does not help."""


class RunRequest(BaseModel):
    """The event: empty for a whole run. `regions`: read only these, and keep the last published data of the others.

    `accept_shrink`: write the result even if it has lost too much to be credible.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    regions: tuple[str, ...] = ()
    accept_shrink: bool = False


def read_request(event: object) -> RunRequest:
    """The request in an event; RequestError if the event holds anything else."""
    try:
        return RunRequest.model_validate(event or {})
    except ValidationError as error:
        msg = f"an event may hold regions and accept_shrink, nothing else; {first_error(error)}"
        raise RequestError(msg) from error


@dataclass(frozen=True, slots=True)
class Job:
    """One run: its id (that of the invocation), the settings and the request."""

    id: str
    settings: FetcherSettings
    request: RunRequest
