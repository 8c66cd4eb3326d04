"""Decides which services an announcement is about: the feed's categories and the service codes of SSM in, matches out.

A category names a product by a word of AWS's website, such as `general:products/amazon-ec2`. SSM has a code (`ec2`)
and a name (`Amazon Elastic Compute Cloud (EC2)`). It is a match only where one of these gives just that word.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from shared import contract

PRODUCTS: Final = "general:products/"
# Words that follow from neither code nor name, but were in the feed in 2026.
EXCEPTIONS: Final = {
    "appstream-2-0": "appstream",
    "client-vpn": "vpn",
    "fsx-netapp-ontap": "fsx-ontap",
    "managed-service-for-grafana": "grafana",
    "msk": "kafka",
    "sagemaker": "sagemaker",  # SSM calls only `sagemaker-runtime` so
}
SMALL_WORDS: Final = {"and", "for", "of", "on", "the", "with"}


def announcements_by_service(
    announcements: Iterable[contract.Announcement], names: Mapping[str, str]
) -> dict[str, tuple[contract.Announcement, ...]]:
    """The announcements about each service that has any, in their order. `names`: of the services, by code."""
    words = _words(names)
    found = defaultdict[str, list[contract.Announcement]](list)
    for announcement in announcements:
        products = (each.removeprefix(PRODUCTS) for each in announcement.categories if each.startswith(PRODUCTS))
        for code in sorted({code for product in products for code in words.get(_word(product), ())}):
            found[code].append(announcement)
    return {code: tuple(found[code]) for code in sorted(found)}


def _words(names: Mapping[str, str]) -> dict[str, set[str]]:
    """The codes by the words that mean them. An exception is stronger than a name, and a name stronger than a code."""
    words = defaultdict[str, set[str]](set)
    for code, name in names.items():
        for word in _words_of(name):
            words[word].add(code)
    by_code = {code: {code} for code, name in names.items() if _is_short(code, name)}
    by_exception = {word: {code} for word, code in EXCEPTIONS.items() if code in names}
    return {**by_code, **words, **by_exception}


def _words_of(name: str) -> set[str]:
    """With and without what the name has in parentheses at its end, and that alone, which may be an abbreviation."""
    before, inside = _parts(name)
    return {_word(name), _word(before), _word(inside)} - {""}


def _is_short(code: str, name: str) -> bool:
    """Whether the code is the start of the name or its initials: `health`, `kms`. `events` of CloudWatch is not."""
    words = [word for word in _word(_parts(name)[0]).split("-") if word not in SMALL_WORDS]
    return "".join(words).startswith(code) or "".join(word[:1] for word in words) == code


def _parts(name: str) -> tuple[str, str]:
    match = re.fullmatch(r"([^(]*)\(([^)]*)\)", name)
    return (match[1], match[2]) if match else (name, "")


def _word(text: str) -> str:
    """In lower case, with hyphens. Amazon and AWS are left out: no two services differ in that alone."""
    word = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return word.removeprefix("amazon-").removeprefix("aws-")
