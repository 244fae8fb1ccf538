from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.worlds import empty, half, later, listing, minus_one, seeded

NAMES = ("ada.txt", "letters/bo.txt", "letters/cy.txt")
addresses = st.lists(
    st.from_regex(r"/(?:[a-c]/){0,2}[a-z]{1,4}", fullmatch=True), min_size=1, unique=True
)


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert seeded("/srv/post", NAMES, 7) == seeded("/srv/post/", NAMES, 7)


def test_another_seed_changes_every_file() -> None:
    one, two = seeded("/srv/post", NAMES, 1), seeded("/srv/post", NAMES, 2)
    assert one.keys() == two.keys()
    assert all(one[address] != two[address] for address in one)


def test_files_of_one_world_differ_from_each_other() -> None:
    assert len(set(seeded("attic:/srv", NAMES, 3).values())) == len(NAMES)


def test_made_up_files_hold_500_to_1500_bytes() -> None:
    sizes = [len(data) for data in seeded("/srv", [f"n{i}" for i in range(300)], 5).values()]
    assert min(sizes) >= 500
    assert max(sizes) <= 1500
    assert max(sizes) - min(sizes) > 700


def test_addresses_are_joined_for_paths_hosts_and_buckets() -> None:
    assert list(seeded("/", ["a"], 0)) == ["/a"]
    assert list(seeded("attic:/", ["a"], 0)) == ["attic:/a"]
    assert list(seeded("s3://shelf", ["b/a"], 0)) == ["s3://shelf/b/a"]


def test_what_a_stimulus_changes_differs_from_what_was_there() -> None:
    before = seeded("/srv", NAMES, 4)
    assert all(later(before, 4)[address] != before[address] for address in before)


def test_a_listing_holds_what_is_below_a_folder_and_not_its_namesakes() -> None:
    there = ["/srv/post/a", "/srv/postbox/b", "attic:/srv/post/c", "s3://shelf/d"]
    assert listing(there, "/srv/post") == ("/srv/post/a",)
    assert listing(there, "attic:/srv") == ("attic:/srv/post/c",)
    assert listing(there, "s3://shelf") == ("s3://shelf/d",)


@given(addresses)
def test_half_takes_away_at_least_one_and_never_the_first_of_several(found: list[str]) -> None:
    gone = half(found)
    assert 0 < len(gone) <= (len(found) + 1) // 2
    assert len(found) == 1 or min(found) not in gone


@given(addresses)
def test_empty_takes_everything_away(found: list[str]) -> None:
    assert empty(found) == dict.fromkeys(found)


@given(addresses)
def test_minus_one_takes_first_middle_and_last_of_each_folder(found: list[str]) -> None:
    gone = [next(iter(variant)) for variant in minus_one(found)]
    assert all(len(variant) == 1 for variant in minus_one(found))
    assert len(gone) == len(set(gone))
    for folder in {address.rpartition("/")[0] for address in found}:
        members = sorted(a for a in found if a.rpartition("/")[0] == folder)
        mine = {address for address in gone if address.rpartition("/")[0] == folder}
        assert mine == {members[0], members[len(members) // 2], members[-1]}
