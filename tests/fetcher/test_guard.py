import pytest

from fetcher.guard import ShrunkCatalogueError, require_no_shrink
from tests.fetcher.states import state

BEFORE = state({f"r{number}": ["a", "b"] for number in range(10)}, nowhere=["c", "d"]).complete_data


def test_what_has_grown_or_stayed_is_believed() -> None:
    grown = state({f"r{number}": ["a", "b", "e"] for number in range(11)}, nowhere=["c", "d"]).complete_data

    require_no_shrink(BEFORE, BEFORE, 0)
    require_no_shrink(BEFORE, grown, 0)


@pytest.mark.parametrize(
    ("offers", "nowhere", "words"),
    [
        (
            {f"r{number}": ["a", "b"] for number in range(8)},
            ["c", "d"],
            "2 of 10 regions have vanished.*such as r8, r9;",
        ),
        ({f"r{number}": ["a", "b"] for number in range(10)}, [], "2 of 5 services .* such as c, d;"),
        ({f"r{number}": ["a"] for number in range(10)}, ["b", "c", "d"], "10 of 20 pairs .* such as b in r0, b in r1"),
    ],
)
def test_what_has_lost_more_than_its_share_is_not(offers: dict[str, list[str]], nowhere: list[str], words: str) -> None:
    now = state(offers, nowhere=nowhere).complete_data

    with pytest.raises(ShrunkCatalogueError, match=rf'{words}.*invoke the fetcher with {{"accept_shrink": true}}'):
        require_no_shrink(BEFORE, now, 10)


def test_a_loss_within_the_share_is_believed() -> None:
    nine = state({f"r{number}": ["a", "b"] for number in range(9)}, nowhere=["c", "d"]).complete_data

    require_no_shrink(BEFORE, nine, 10)


def test_as_many_others_do_not_make_up_for_what_is_lost() -> None:
    others = state({f"x{number}": ["a", "b"] for number in range(10)}, nowhere=["c", "d"]).complete_data

    with pytest.raises(ShrunkCatalogueError, match="10 of 10 regions"):
        require_no_shrink(BEFORE, others, 10)
