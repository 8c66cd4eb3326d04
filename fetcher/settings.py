"""What a run has to do: the environment has the settings of all runs, the event the request of one run."""

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.settings import BucketName, CommaSeparated, KeyPrefix, Settings
from shared.text import first_error

RegionCode = Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
HttpUrl = Annotated[str, Field(pattern=r"^https?://\S+$")]
Percent = Annotated[float, Field(ge=0, le=100)]


class FetcherSettings(Settings):
    """Where the fetcher reads and writes, how fast, and which results are too poor to be written.

    `ssm_regions`: the regions whose SSM is used in parallel; if empty, only the Lambda's own. `ssm_endpoint_urls`:
    their addresses, if these are not AWS's. `ssm_requests_per_second`: the highest rate for each; SSM allows all
    callers of an account and Region 40 a second together by default, for GetParameter, GetParameters and
    GetParametersByPath: https://docs.aws.amazon.com/general/latest/gr/ssm.html (service quotas)

    `max_stale_percent`: the share of a run's readings that the last good ones may replace. `max_shrink_percent`: the
    share of the last regions, services or pairs that may vanish. `launch_feed_url`: if empty, launches are not read.
    """

    source_bucket: BucketName
    source_prefix: KeyPrefix = "aws-data"
    ssm_regions: Annotated[tuple[RegionCode, ...], CommaSeparated] = ()
    ssm_endpoint_urls: Annotated[tuple[HttpUrl, ...], CommaSeparated] = ()
    ssm_requests_per_second: float = Field(default=10, gt=0, le=10_000)
    launch_feed_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    max_stale_percent: Percent = 10
    max_shrink_percent: Percent = 10

    @property
    def ssm_places(self) -> list[tuple[str, str]]:
        """Each region to read from, with its URL. Empty means the Lambda's own region, or AWS's URL."""
        regions = self.ssm_regions or ("",)
        return list(zip(regions, self.ssm_endpoint_urls or ("",) * len(regions), strict=True))

    @model_validator(mode="after")
    def _each_region_has_its_url(self) -> Self:
        if self.ssm_endpoint_urls and len(self.ssm_endpoint_urls) != max(1, len(self.ssm_regions)):
            msg = "SSM_ENDPOINT_URLS: must be empty or have one URL for each of SSM_REGIONS"
            raise ValueError(msg)
        return self


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
