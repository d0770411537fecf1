from __future__ import annotations

from distillery.support.nearest import unknown


def test_the_nearest_name_is_offered_and_what_exists_is_listed():
    assert (
        unknown("fruit", "aple", ["apple", "pear"])
        == "unknown fruit 'aple'; did you mean 'apple'? fruit can be: apple, pear"
    )


def test_nothing_is_offered_when_nothing_is_near():
    assert unknown("fruit", "xyz", ["apple"]) == "unknown fruit 'xyz'; fruit can be: apple"


def test_an_empty_list_says_so():
    assert unknown("fruit", "apple", []) == "unknown fruit 'apple'; fruit can be: (none exist)"
