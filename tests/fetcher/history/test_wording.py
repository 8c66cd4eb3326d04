from collections.abc import Iterable

import pytest

from fetcher.history.steps import region_item, service_item
from fetcher.history.wording import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    LONGEST_SUMMARY,
    describe_changes,
    summarize_baseline,
    summarize_changes,
)
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


NAMES = {
    service_item("s00000"): "Simple Service",
    region_item("us"): "US (Ohio)",
    region_item("eu"): "eu",
    region_item("r000"): "First Region",
}


def everywhere(service: str, regions: int) -> tuple[RegionalService, ...]:
    return tuple(RegionalService(region=f"r{index:03}", service=service) for index in range(regions))


def described(*, came: Iterable[RegionalService] = (), went: Iterable[RegionalService] = ()) -> list[str]:
    new, removed = (tuple(sorted(set(pairs), key=repr)) for pairs in (came, went))
    return describe_changes(Changes(new_regional_services=new, removed_regional_services=removed), NAMES).splitlines()


def test_the_description_has_a_line_for_each_kind_of_change_with_its_number_and_names() -> None:
    assert describe_changes(ALL, NAMES).splitlines() == [
        "1 new region: EU-X-1 (eu-x-1)",
        "2 removed regions: MARS-1 (mars-1), MARS-2 (mars-2)",
        "2 new services: A (a), B (b)",
        "1 removed service: c",
        "1 renamed: d from Dee to The Dee",
        "2 new local zones in eu: l1, l2",
        "1 removed availability zone in US (Ohio) (us): z1",
        "Simple Service (s00000) is new in 2 regions: eu-x-1, US (Ohio)",
        "2 services are new in eu-x-1: Simple Service, s00001",
        "Simple Service (s00000) is gone from 1 region: eu",
    ]


def test_without_changes_there_is_no_description() -> None:
    assert not describe_changes(Changes(), NAMES)


def test_a_service_that_is_new_in_many_regions_is_one_line() -> None:
    (line,) = described(came=everywhere("s00000", 36))

    assert line.startswith("Simple Service (s00000) is new in 36 regions: First Region, r001, r002, ")
    assert line.endswith(", r035")


def test_a_region_that_is_new_with_many_services_is_one_line() -> None:
    (line,) = described(came=offers("us", 200))

    assert line.startswith("200 services are new in US (Ohio) (us): Simple Service, s00001, s00002, ")
    assert line.endswith(", s00039 and 160 more")


def test_every_line_tells_the_whole_number_though_another_line_has_told_a_part_of_it() -> None:
    lines = described(came=(*everywhere("s00000", 36), *offers("r000", 50)))

    assert [line.partition(":")[0] for line in lines] == [
        "50 services are new in First Region (r000)",
        "Simple Service (s00000) is new in 36 regions",
    ]


def test_pairs_that_have_little_in_common_are_told_by_what_most_of_them_share() -> None:
    lines = described(went=(*offers("us", 3), *everywhere("s00001", 2), *everywhere("s00009", 1)))

    assert lines == [
        "s00001 is gone from 3 regions: First Region, r001, US (Ohio)",
        "3 services are gone from US (Ohio) (us): Simple Service, s00001, s00002",
        "2 services are gone from First Region (r000): s00001, s00009",
    ]


def test_the_more_there_is_to_tell_the_fewer_names_a_line_has() -> None:
    some, more = (
        described(came=tuple(pair for region in range(number) for pair in offers(f"r{region:03}", 41)))
        for number in (3, 8)
    )

    assert {line.count(",") + 1 for line in some} == {40}
    assert {line.count(",") + 1 for line in more} == {20}


def test_what_does_not_fit_is_counted_and_the_last_line_says_where_it_is() -> None:
    regions = [f"region-number-{index:03}-of-very-many" for index in range(36)]
    pairs = tuple(
        RegionalService(region=region, service=f"{region}-{index}") for region in regions for index in range(20)
    )

    *lines, last = described(came=pairs)

    told = len(lines) * 20
    assert lines
    assert last == f"And {36 * 20 - told} more; all are in change-history.json."
    assert len("\n".join([*lines, last])) <= LONGEST_DESCRIPTION


@pytest.mark.parametrize("length", range(1, 100))
def test_no_description_is_too_long(length: int) -> None:
    lines = described(came=(RegionalService(region=f"{index:0{length}}", service=f"{index}") for index in range(500)))

    assert len("\n".join(lines)) <= LONGEST_DESCRIPTION
    assert lines[-1] == f"And {501 - len(lines)} more; all are in change-history.json."


def test_very_long_names_are_cut() -> None:
    long = Renamed(kind="service", code="c" * 5000, old="o" * 5000, new="n" * 5000)

    text = describe_changes(Changes(renamed=(long,), new_services=named("x" * 5000)), {})

    assert len(text) < 6 * LONGEST_NAME
    assert text.count("…") == 5
