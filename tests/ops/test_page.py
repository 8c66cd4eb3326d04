"""The page's folder becomes objects beside the published files, which it never touches."""

import shutil
from pathlib import Path

import pytest

from ops.page import IMMUTABLE, SHORT, read_page
from ops.stack import StackError
from tests.ops.commands.conftest import PAGE


@pytest.mark.parametrize(
    ("prefix", "root", "data"), [("data", "", "data/"), ("staging/data", "staging/", "data/"), ("a/b/x", "a/b/", "x/")]
)
def test_the_page_is_beside_the_prefix_and_reads_the_files_there(prefix: str, root: str, data: str) -> None:
    objects = read_page(PAGE, prefix)

    assets = objects[0].key.removesuffix("app.js")
    index = objects[-1].body.decode()
    assert [page_object.key for page_object in objects] == [
        *(f"{assets}{name}" for name in ("app.js", "matrix.js", "site.css")),
        f"{root}index.html",
    ]
    assert f'content="{data}"' in index
    assert f'src="{assets.removeprefix(root)}app.js"' in index
    assert f'href="{assets.removeprefix(root)}site.css"' in index


def test_what_has_a_hash_in_its_address_never_changes_and_the_index_soon_does() -> None:
    *assets, index = read_page(PAGE, "data")

    assert {page_object.cache_control for page_object in assets} == {IMMUTABLE}
    assert index.cache_control == SHORT


def test_types_are_those_that_a_browser_wants_when_it_may_not_sniff() -> None:
    types = [page_object.content_type for page_object in read_page(PAGE, "data")]

    assert types == [
        *["text/javascript; charset=utf-8"] * 2,
        "text/css; charset=utf-8",
        "text/html; charset=utf-8",
    ]


def test_one_changed_asset_gives_all_of_them_a_new_address(tmp_path: Path) -> None:
    folder = shutil.copytree(PAGE, tmp_path, dirs_exist_ok=True)
    before = {page_object.key for page_object in read_page(folder, "data")}
    (folder / "assets" / "matrix.js").write_text("export const cells = 1;\n", encoding="utf-8")

    after = {page_object.key for page_object in read_page(folder, "data")}

    assert before & after == {"index.html"}


@pytest.mark.parametrize("prefix", ["assets", "site/assets"])
def test_no_object_is_put_among_the_published_files(prefix: str) -> None:
    with pytest.raises(StackError, match="among the published files"):
        read_page(PAGE, prefix)


def test_a_file_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(PAGE, tmp_path, dirs_exist_ok=True)
    (folder / "assets" / "notes.txt").write_text("x", encoding="utf-8")

    with pytest.raises(StackError, match=r"notes\.txt"):
        read_page(folder, "data")
