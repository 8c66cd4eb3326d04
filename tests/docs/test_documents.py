"""The documents hold what can be held: files, commands, parameters and numbers that they name are there."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from cloud.template import ROOT, TEMPLATE, WEBSITE_TEMPLATE, read_template
from fetcher.settings import CATALOGUE_REGIONS
from ops.cli import app
from shared import contract
from tests.reliability import test_release_search, test_search
from tests.reliability.test_mutations import MUTATIONS

DOCUMENTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]}  # fmt: skip
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def prose(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def headings(text: str) -> set[str]:
    words = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in words}


@pytest.fixture(params=DOCUMENTS)
def name(request: pytest.FixtureRequest) -> str:
    given: str = request.param
    return given


def test_the_readme_is_read_in_a_few_minutes() -> None:
    assert (ROOT / "README.md").stat().st_size <= 8000


def test_every_link_leads_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(DOCUMENTS[name])):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        path = (ROOT / name).parent / file if file else ROOT / name
        assert path.exists(), link
        assert not anchor or anchor in headings(path.read_text(encoding="utf-8")), link


def test_every_path_in_quotes_is_in_the_checkout(name: str) -> None:
    folders = "fetcher|distributor|shared|ops|cloud|tests|benchmarks|docs"
    paths = re.findall(rf"(?:{folders})/[\w./-]*", " ".join(re.findall(r"`([^`\n]+)`", prose(DOCUMENTS[name]))))

    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_command_and_option_exists(name: str) -> None:
    for command, arguments in re.findall(r"\bfeed ([a-z][a-z-]*)\b([^`\n#;|]*)", DOCUMENTS[name]):
        if not is_command(command, DOCUMENTS[name]):
            continue
        options = {option for parameter in COMMANDS[command].params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", arguments)) <= options | {"--help"}, command
    for target in re.findall(r"(?:^|`|&& )make ([a-z-]+)", DOCUMENTS[name], re.MULTILINE):
        assert target in TARGETS


def is_command(word: str, text: str) -> bool:
    """The word "feed" is also that of the RSS feed: a command stands in quotes or in a block of commands."""
    quoted = f"`feed {word}" in text or f".venv/bin/feed {word}" in text
    assert not quoted or word in COMMANDS, word
    return quoted


def test_no_table_is_cut_by_a_blank_line(name: str) -> None:
    lines = DOCUMENTS[name].splitlines()
    rows = [index for index, line in enumerate(lines) if line.startswith("|")]
    headed = {index for index in rows if index + 1 < len(lines) and lines[index + 1].startswith("|---")}

    assert [lines[index] for index in rows if not lines[index - 1].startswith("|") and index not in headed] == []


def sentences(text: str) -> Iterator[str]:
    for block in re.split(r"\n\s*\n|\n(?=[|#-])", prose(text)):
        for sentence in re.split(r"(?<=[.:]) |\|", " ".join(block.split())):
            if len(sentence) > 60:
                yield sentence.strip()


def test_no_document_says_what_another_says() -> None:
    seen = Counter(sentence for text in DOCUMENTS.values() for sentence in set(sentences(text)))

    assert [sentence for sentence, times in seen.items() if times > 1] == []


COMPUTED = {"S3BucketName", "SsmRegions", "LaunchFeedUrl", "AnnouncementsFeedUrl"}  # their defaults are told in words


def described_parameters(section: str) -> Iterator[tuple[str, str]]:
    """Each parameter with its default as a section of the document tells it; a row may be about two."""
    text = DOCUMENTS["docs/configuration.md"].split(f"\n## {section}\n")[1].split("\n## ")[0]
    for row in re.findall(r"^\| `[A-Z].+", text, re.MULTILINE):
        _, names, defaults, *_ = (cell.strip().replace("`", "") for cell in row.split("|"))
        several = names.split(", ")
        told = defaults.split(", ") if len(several) > 1 else [defaults]
        yield from zip(several, told * (len(several) // len(told)), strict=True)


@pytest.mark.parametrize(("section", "template"), [("Parameters", TEMPLATE), ("A new website", WEBSITE_TEMPLATE)])
def test_every_parameter_is_described_with_its_default(section: str, template: Path) -> None:
    defaults = {name: str(body["Default"]) for name, body in read_template(template)["Parameters"].items()}
    described = dict(described_parameters(section))

    assert described.keys() == defaults.keys()
    assert {name: default for name, default in described.items() if name not in COMPUTED} == {
        name: default or "empty" for name, default in defaults.items() if name not in COMPUTED
    }


def test_every_region_that_has_the_catalogue_is_named() -> None:
    section = DOCUMENTS["docs/configuration.md"].split("### Where the catalogue is")[1].split("\n## ")[0]

    assert set(re.findall(r"`([a-z]+-[a-z]+-\d)`", section)) == CATALOGUE_REGIONS


def test_the_readme_names_every_published_file() -> None:
    table = re.findall(r"^\| (`.+?) \|", DOCUMENTS["README.md"], re.MULTILINE)
    named = {file for row in table for file in re.findall(r"`([\w*.-]+\.json)`", row)}

    assert named == {*contract.FILES, *contract.OTHER_FILES, "*.schema.json"}


def test_every_test_that_the_threat_model_names_is_there() -> None:
    written = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    rows = [row for row in DOCUMENTS["docs/security.md"].splitlines() if row.startswith("| ")][1:]
    named = [re.findall(r"`(test_\w+)`", row) for row in rows]

    assert all(named)
    assert [name for names in named for name in names if f"def {name}(" not in written] == []


def test_the_numbers_of_the_reliability_document_are_those_of_the_tests() -> None:
    text = DOCUMENTS["docs/reliability.md"]

    assert f"{len(MUTATIONS)} of {len(MUTATIONS)}" in text
    assert f"each of {len(MUTATIONS)} small breakages" in text
    for search in (test_search, test_release_search):
        assert f"| {len(search.ALL)}, " in text
        assert f"{len(search.HISTORIES)} of them in" in text
