"""The fetcher's environment."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.settings import BucketName, CommaSeparated, KeyPrefix, Settings

Region = Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
HttpUrl = Annotated[str, Field(pattern=r"^https?://\S+$")]
Percent = Annotated[float, Field(ge=0, le=100)]


class FetcherSettings(Settings):
    """What is asked where, how fast, and what is too little to be written.

    `ssm_regions` are the regions whose SSM is asked, side by side; only the Lambda's own if there is none.
    `ssm_endpoint_urls` are their addresses, if they have others than AWS's. `ssm_requests_per_second` is for each of
    them; SSM allows 40 a second by default:
    https://docs.aws.amazon.com/general/latest/gr/ssm.html (service quotas, GetParameter* throughput)

    `max_stale_percent`: for how much of what is asked the last good readings may stand in. `max_shrink_percent`: how
    much of the last regions, services or pairs may vanish. An empty `launch_feed_url`: launches are not asked for.
    """

    source_bucket: BucketName
    source_prefix: KeyPrefix = "aws-data"
    ssm_regions: Annotated[tuple[Region, ...], CommaSeparated] = ()
    ssm_endpoint_urls: Annotated[tuple[HttpUrl, ...], CommaSeparated] = ()
    ssm_requests_per_second: float = Field(default=38, gt=0, le=10_000)
    launch_feed_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    max_stale_percent: Percent = 10
    max_shrink_percent: Percent = 10

    @property
    def ssm_places(self) -> list[tuple[str, str]]:
        """Each region to ask with its URL; empty are the Lambda's own region, and what AWS has there."""
        regions = self.ssm_regions or ("",)
        return list(zip(regions, self.ssm_endpoint_urls or ("",) * len(regions), strict=True))

    @model_validator(mode="after")
    def _each_region_has_its_url(self) -> Self:
        if self.ssm_endpoint_urls and len(self.ssm_endpoint_urls) != max(1, len(self.ssm_regions)):
            msg = "SSM_ENDPOINT_URLS: must be empty or have one URL for each of SSM_REGIONS"
            raise ValueError(msg)
        return self
