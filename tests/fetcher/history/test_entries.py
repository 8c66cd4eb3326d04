from hypothesis import given
from hypothesis import strategies as st

from fetcher.history.entries import to_changes, to_steps
from fetcher.history.steps import Item, Step, Steps, region_item, service_item
from shared.contract import Changes

CODES = st.sampled_from(["a", "b", "Z"])
NAMED = st.builds(region_item, CODES) | st.builds(service_item, CODES)
UNNAMED = st.builds(Item, st.sampled_from(["offer", "availability", "local", "wavelength"]), CODES, CODES)
COMING_AND_GOING = st.sampled_from([Step(None, ""), Step("", None)])
NAMES = st.sampled_from([Step(None, "A"), Step("A", None), Step("A", "B")])
STEPS = st.builds(
    lambda named, unnamed: named | unnamed, st.dictionaries(NAMED, NAMES), st.dictionaries(UNNAMED, COMING_AND_GOING)
)


@given(STEPS)
def test_steps_survive_being_written_and_read(steps: Steps) -> None:
    written = to_changes(steps)

    assert to_steps(written) == steps
    assert to_changes(to_steps(Changes.from_bytes(written.to_bytes()))) == written


def test_no_steps_are_no_changes() -> None:
    assert to_changes({}) == Changes()
