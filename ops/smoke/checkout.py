"""The project's own commands in: sam, feed and the tests of S3, run against the account."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ops.smoke.account import Account
from ops.smoke.report import UnexpectedError

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CONTRACT = "tests/reliability/test_s3_contract.py"
ALWAYS = {
    **dict.fromkeys(("DistributionBucketName", "ReplicaBucketName", "CloudFrontDistributionId"), ""),
    "ScheduleExpression": "cron(0 2 * * ? *)",
}


@dataclass(frozen=True)
class Checkout:
    """This checkout, for an account. `folder` holds what `sam build` makes of `template`, for all deployments.

    Each command raises UnexpectedError, with what it printed, if it ends with another exit code than is expected.
    """

    account: Account
    template: Path
    folder: Path
    parameters: Mapping[str, str]

    def build(self) -> None:
        """Make the functions' zips."""
        self._sam("build", self.template, "--base-dir", ROOT, "--build-dir", self.folder, "--build-in-source")

    def deploy(self, parameters: Mapping[str, str]) -> None:
        """Deploy with these parameters, and `ALWAYS`: one that is left out would keep its last value."""
        values = {**ALWAYS, **self.parameters, **parameters}
        try:
            self._sam(
                "deploy",
                self.folder / "template.yaml",
                *("--stack-name", self.account.name, "--region", self.account.region),
                *("--s3-bucket", self.account.website, "--s3-prefix", "zips"),
                *("--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar"),
                *("--tags", "project=aws-services-feed", "environment=smoke"),
                *("--parameter-overrides", *(f'{name}="{value}"' for name, value in values.items())),
            )
        except UnexpectedError as error:
            message = "; ".join([str(error), *self.account.reasons()])
            raise UnexpectedError(message, error.output) from error

    def test_s3(self) -> str:
        """Run the contract suite in the website bucket; the last line, with the numbers."""
        printed = self._run(
            *(BIN / "pytest", "-q", "-p", "no:cacheprovider", CONTRACT, "-k", "aws"),
            FEED_TEST_AWS_BUCKET=self.account.website,
        )
        return last_line(printed)

    def feed(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        """What a `feed` command prints about the stack."""
        return self._run(BIN / "feed", *arguments, "--stack-name", self.account.name, codes=codes)

    def failures(self) -> set[tuple[str, str]]:
        """Kind and key of each message on the failure queue."""
        listed = json.loads(self.feed("failures", "--json", codes=(0, 1)))
        return {(failure["kind"], key) for failure in listed for key in failure["keys"]}

    def _sam(self, command: str, template: Path, *arguments: object) -> None:
        """Without what samconfig.toml says of real stacks."""
        self._run(BIN / "sam", command, "--config-env", "smoke", "--template-file", template, *arguments)

    def _run(self, *command: object, codes: tuple[int, ...] = (0,), **variables: str) -> str:
        words = [str(word) for word in command]
        finished = subprocess.run(  # noqa: S603 - the project's own commands
            words,
            cwd=ROOT,
            env={**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": self.account.region, **variables},
            check=False,
            capture_output=True,
            text=True,
        )
        if finished.returncode not in codes:
            message = f"{Path(words[0]).name} {words[1]} ended with {finished.returncode}"
            raise UnexpectedError(message, finished.stdout + finished.stderr)
        return finished.stdout


def last_line(printed: str) -> str:
    """The last line that is not empty."""
    return printed.strip().splitlines()[-1]
