import pytest

from distributor.correlation import sane


@pytest.mark.parametrize("found", ["7b5cf1f1-0000-4000-8000-000000000000", "EXAMPLE123456789", "a" * 128])
def test_an_id_is_carried_on(found: str) -> None:
    assert sane(found) == found


@pytest.mark.parametrize("found", [None, 7, "", "a b", "a\n", "ü", "<script>", "a" * 129])
def test_what_is_no_id_is_dropped(found: object) -> None:
    assert sane(found) == ""
