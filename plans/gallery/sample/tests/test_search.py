"""The search does what its specification says."""

from shop import search

NAMES = ["Green tea", "Black tea", "Coffee"]


def test_names_are_found_whatever_their_case() -> None:
    """And in their order."""
    assert search.find(NAMES, "TEA") == ["Green tea", "Black tea"]
    assert search.find(NAMES, "cocoa") == []


def test_a_start_suggests_the_first_name() -> None:
    """Nothing is suggested when nothing begins so."""
    assert search.suggest(NAMES, "B") == "Black tea"
    assert not search.suggest(NAMES, "X")
