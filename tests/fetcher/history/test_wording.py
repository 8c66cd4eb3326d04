import pytest

from fetcher.history.wording import LONGEST_SUMMARY, describe_changes, summarize_baseline, summarize_changes
from shared.contract import Changes, Counts, NamedCode, RegionalService, Renamed, ZoneChange


def named(*codes: str) -> tuple[NamedCode, ...]:
    return tuple(NamedCode(code=code, name=code.upper()) for code in codes)


def offers(region: str, number: int) -> tuple[RegionalService, ...]:
    return tuple(RegionalService(region=region, service=f"s{index:05}") for index in range(number))


ALL = Changes(
    new_regions=named("eu-x-1"),
    removed_regions=named("mars-1", "mars-2"),
    new_services=named("a", "b"),
    removed_services=(NamedCode(code="c", name="c"),),
    new_regional_services=(*offers("eu-x-1", 2), *offers("us", 1)),
    removed_regional_services=offers("eu", 1),
    renamed=(Renamed(kind="service", code="d", old="Dee", new="The Dee"),),
    zone_changes=(
        ZoneChange(region="eu", kind="local", added=("l1", "l2")),
        ZoneChange(region="us", kind="availability", removed=("z1",)),
    ),
)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (Changes(), ""),
        (Changes(new_services=named("a")), "1 new service (a)."),
        (Changes(new_services=named(*"abcdefg")), "7 new services (a, b, c, d, e and 2 more)."),
        (Changes(new_regional_services=offers("us", 1234)), "1,234 new service-region pairs."),
        (
            ALL,
            (
                "1 new region (eu-x-1), 2 removed regions (mars-1, mars-2), 2 new services (a, b), "
                "1 removed service (c), 3 new service-region pairs, 1 removed service-region pair, 2 new zones, "
                "1 removed zone, 1 renamed (d)."
            ),
        ),
    ],
)
def test_a_summary_is_one_sentence(changes: Changes, sentence: str) -> None:
    assert summarize_changes(changes) == sentence


def test_a_summary_that_would_be_too_long_names_no_codes() -> None:
    long = Changes(new_services=named(*(f"{'x' * 100}{number}" for number in range(3))))

    assert summarize_changes(long) == "3 new services."


def test_a_summary_of_very_much_is_short() -> None:
    many = tuple(NamedCode(code=f"c{number:06}", name="") for number in range(10_000))
    much = Changes(
        new_regions=many,
        removed_regions=many,
        new_services=many,
        removed_services=many,
        new_regional_services=offers("us", 10_000),
        removed_regional_services=offers("us", 10_000),
        renamed=tuple(Renamed(kind="service", code=new.code, old="", new="") for new in many),
        zone_changes=(ZoneChange(region="us", kind="local", added=("z",), removed=("y",)),),
    )

    assert len(summarize_changes(much)) <= LONGEST_SUMMARY


def test_the_baseline_tells_what_there_is_and_what_came_after_the_first_run() -> None:
    counts = Counts(regions=39, services=1, region_services=9289)

    assert summarize_baseline(counts, Changes()) == "Baseline: 39 regions, 1 service, 9,289 pairs."
    assert summarize_baseline(counts, Changes(new_services=named("a"))) == (
        "Baseline: 39 regions, 1 service, 9,289 pairs. After the first run: 1 new service (a)."
    )


def test_the_description_has_a_line_for_each_kind_of_change_and_region() -> None:
    assert describe_changes(ALL).splitlines() == [
        "New regions: eu-x-1 (EU-X-1)",
        "Removed regions: mars-1 (MARS-1), mars-2 (MARS-2)",
        "New services: a (A), b (B)",
        "Removed services: c",
        "Renamed: d from Dee to The Dee",
        "New in eu-x-1: s00000, s00001",
        "New in us: s00000",
        "No longer in eu: s00000",
        "New local zones of eu: l1, l2",
        "Removed availability zones of us: z1",
    ]


def test_a_line_names_fifty_codes_at_most() -> None:
    line = describe_changes(Changes(new_regional_services=offers("us", 1100)))

    assert line.endswith("s00049 and 1,050 more")
