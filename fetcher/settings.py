"""The fetcher's environment."""

from pydantic import Field

from shared.settings import BucketName, KeyPrefix, Settings


class FetcherSettings(Settings):
    """`ssm_requests_per_second` paces all calls together; SSM allows 40 a second by default.

    https://docs.aws.amazon.com/general/latest/gr/ssm.html (service quotas, GetParameter* throughput)
    """

    source_bucket: BucketName
    source_prefix: KeyPrefix = "aws-data"
    ssm_requests_per_second: float = Field(default=38, gt=0, le=10_000)
