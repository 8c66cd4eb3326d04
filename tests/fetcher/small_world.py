"""A catalogue small enough to read, with each of the real one's traps."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from fetcher.catalogue import Catalogue, assemble
from fetcher.last_good import LastGood
from fetcher.ssm import crawl
from fetcher.ssm.parameter_store import ParameterStoreError

ROOT = "/aws/service/global-infrastructure"

PARAMETERS = {
    f"{ROOT}/{path}": value
    for path, value in {
        "regions/us-east-1": "us-east-1",
        "regions/us-east-1/longName": "US East (N. Virginia)",
        "regions/us-east-1/partition": "aws",
        "regions/us-east-1/domain": "amazonaws.com",
        "regions/us-east-1/geolocationCountry": "US",
        "regions/us-east-1/geolocationRegion": "US-VA",
        "regions/us-east-1/availability-zones/use1-az2": "use1-az2",
        "regions/us-east-1/availability-zones/use1-az1": "use1-az1",
        "regions/us-east-1/services/s3": "s3",
        "regions/us-east-1/services/AmazonGameLiftStreams": "AmazonGameLiftStreams",
        "regions/us-east-1/services/only-below-regions": "only-below-regions",
        "regions/us-east-1/services/s3/endpoint": "s3.us-east-1.amazonaws.com",
        "regions/eusc-de-east-1": "eusc-de-east-1",
        "regions/eusc-de-east-1/availability-zones/eusc-az1": "eusc-az1",
        "regions/eusc-de-east-1/services/s3": "s3",
        "services/s3": "s3",
        "services/s3/longName": "Amazon Simple Storage Service (S3)",
        "services/s3/marketingHomeURL": "https://aws.amazon.com/s3/",
        "services/AmazonGameLiftStreams": "AmazonGameLiftStreams",
        "services/AmazonGameLiftStreams/longName": "Amazon GameLift Streams",
        "services/offered-nowhere": "offered-nowhere",
        "services/offered-nowhere/longName": "Amazon Nowhere",
        "local-zones/use1-bos1-az1": "use1-bos1-az1",
        "local-zones/use1-bos1-az1/parent-region": "us-east-1",
        "local-zones/nobodys-az1": "nobodys-az1",
        "wavelength-zones/use1-wl1-atl-wlz1": "use1-wl1-atl-wlz1",
        "wavelength-zones/use1-wl1-atl-wlz1/parent-region": "us-east-1",
        "wavelength-zones/mars-wlz1": "mars-wlz1",
        "wavelength-zones/mars-wlz1/parent-region": "mars-1",
    }.items()
}
ITEMS = [
    "index.json",
    *(f"regions/{code}{suffix}" for code in ("eusc-de-east-1", "us-east-1") for suffix in (".json", ".feed.json")),
    *(
        f"services/{code}{suffix}"
        for code in ("AmazonGameLiftStreams", "offered-nowhere", "only-below-regions", "s3")
        for suffix in (".json", ".feed.json")
    ),
]


class MemoryStore:
    """The parameters without SSM; lists backwards, since SSM promises no order. What is `failing` can't be read."""

    connections = 2

    def __init__(self, parameters: dict[str, str], *failing: str) -> None:
        self.parameters = parameters
        self.failing = failing
        self.below: defaultdict[str, list[str]] = defaultdict(list)
        for name in sorted(parameters, reverse=True):
            parent, _, code = name.rpartition("/")
            self.below[parent].append(code)
        self.requested: list[str] = []

    def codes_under(self, path: str) -> tuple[str, ...]:
        self._request(path)
        return tuple(self.below[path])

    def values(self, names: Sequence[str]) -> dict[str, str]:
        self._request(*names)
        return {name: self.parameters[name] for name in names if name in self.parameters}

    def _request(self, *paths: str) -> None:
        self.requested.extend(paths)
        for path in paths:
            if path.removeprefix(f"{ROOT}/") in self.failing:
                msg = f"{path}: ThrottlingException"
                raise ParameterStoreError(msg)


def read_catalogue(parameters: dict[str, str], at: datetime) -> Catalogue:
    """What a whole run makes of these parameters."""
    return assemble(crawl(MemoryStore(parameters), clock=lambda: at), LastGood(), max_stale_percent=0)
