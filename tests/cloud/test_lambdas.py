import json
from collections.abc import Mapping
from datetime import UTC, datetime

from cloud.lambdas import AsyncConfiguration, Function, LambdaService
from cloud.runtimes import Answer, FunctionConfiguration


class Slow:
    """A runtime that knows when it was running."""

    ran: datetime

    def invoke(self, payload: str) -> Answer:
        self.ran = datetime.now(UTC)
        return Answer(payload, is_error=False, log="")

    def close(self) -> None:
        """There is nothing to stop."""


def test_what_lambda_measures_has_the_time_at_which_the_invocation_began() -> None:
    times: list[datetime] = []

    def record(_function: str, measured: Mapping[str, float], _log: str, time: datetime) -> None:
        assert "Errors" in measured
        times.append(time)

    runtime, service = Slow(), LambdaService(record=record)
    configuration = FunctionConfiguration("f", "f.handler", 900, 128, {})
    service.functions["f"] = Function(configuration, AsyncConfiguration(), lambda _: runtime, lambda *_: None)

    service.invoke("f", json.dumps({}))
    service.close()

    assert times[0] <= runtime.ran
