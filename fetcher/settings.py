"""What a run has to do: the environment has the settings of all runs, the event the request of one run."""

from dataclasses import dataclass
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.settings import BucketName, CommaSeparated, KeyPrefix, Settings, SiteUrl
from shared.text import first_error

# No other Region's SSM answers below /aws/service/global-infrastructure, and none of GovCloud or China:
# https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters-global-infrastructure.html
CATALOGUE_REGIONS: Final = frozenset({
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1"),
    *("ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
    *("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3"),
})  # fmt: skip
OTHER_PARTITIONS: Final = ("cn-", "eusc-", "us-gov-", "us-iso", "eu-isoe-")  # their Regions' codes begin so

RegionCode = Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
HttpUrl = Annotated[str, Field(pattern=r"^https?://\S+$")]
Percent = Annotated[float, Field(ge=0, le=100)]


class FetcherSettings(Settings):
    """Where the fetcher reads and writes, how fast, and which results are too poor to be written.

    `aws_region`: the Lambda's own region, set by Lambda.

    `ssm_regions`: the regions whose SSM is used in parallel; if empty, only the Lambda's own. `ssm_endpoint_urls`:
    their addresses, if these are not AWS's. `ssm_requests_per_second`: the highest rate for each; SSM allows all
    callers of an account and Region 40 a second together by default, for GetParameter, GetParameters and
    GetParametersByPath: https://docs.aws.amazon.com/general/latest/gr/ssm.html (service quotas)

    `max_stale_percent`: the share of a run's readings that the last good ones may replace. `max_shrink_percent`: the
    share of the last regions, services or pairs that may vanish. `launch_feed_url`: if empty, launches are not read.
    `schedule_expression`: when the fetcher is invoked; empty if only by hand. `releases`: each run ends with a
    manifest, which names its release; otherwise the file of that name is anybody's.

    `site_url`: the public address of the published files, with a slash at the end; empty if it is not known. It is only
    written into the feed of changes: the fetcher knows no website bucket and requests nothing from the site.
    """

    source_bucket: BucketName
    source_prefix: KeyPrefix = "aws-data"
    aws_region: str = ""
    ssm_regions: Annotated[tuple[RegionCode, ...], CommaSeparated] = ()
    ssm_endpoint_urls: Annotated[tuple[HttpUrl, ...], CommaSeparated] = ()
    ssm_requests_per_second: float = Field(default=10, gt=0, le=10_000)
    launch_feed_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    schedule_expression: str = ""
    releases: bool = True
    site_url: SiteUrl = ""
    max_stale_percent: Percent = 10
    max_shrink_percent: Percent = 10

    @property
    def ssm_places(self) -> list[tuple[str, str]]:
        """Each region to read from, with its URL. Empty means the Lambda's own region, or AWS's URL."""
        regions = self.ssm_regions or ("",)
        return list(zip(regions, self.ssm_endpoint_urls or ("",) * len(regions), strict=True))

    @model_validator(mode="after")
    def _each_region_has_the_catalogue(self) -> Self:
        if self.aws_region.startswith(OTHER_PARTITIONS):
            msg = (
                f"AWS_REGION: credentials of {self.aws_region} are not valid in any Region whose SSM has the catalogue"
            )
            raise ValueError(msg)
        own = (self.aws_region,) if self.aws_region else ()
        without = sorted(set(self.ssm_regions or own) - CATALOGUE_REGIONS)
        if without:
            having = ", ".join(sorted(CATALOGUE_REGIONS))
            msg = f"SSM_REGIONS: the SSM of {', '.join(without)} has no catalogue; these have it: {having}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _each_region_has_its_url(self) -> Self:
        if self.ssm_endpoint_urls and len(self.ssm_endpoint_urls) != max(1, len(self.ssm_regions)):
            msg = "SSM_ENDPOINT_URLS: must be empty or have one URL for each of SSM_REGIONS"
            raise ValueError(msg)
        return self


class AnnouncementsSettings(Settings):
    """Where the function of announcements reads and writes."""

    source_bucket: BucketName
    source_prefix: KeyPrefix = "aws-data"
    announcements_feed_url: HttpUrl


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
