import pytest

from meseta.resources import Ranges
from meseta.resources.ranges import SPAN_MAX

WIDE = (0, 2**64 - 1)


def ranges(*pairs: tuple[int, int]) -> Ranges:
    return Ranges.from_pairs(pairs)


def test_pairs_are_sorted_and_coalesced() -> None:
    assert ranges((5, 7), (1, 2), (3, 3), (6, 9)).pairs() == ((1, 3), (5, 9))
    assert ranges((3, 1)).pairs() == ()
    assert not ranges()


def test_difference_and_union_of_ports() -> None:
    ports = ranges((31000, 32000))
    taken = ranges((31000, 31000), (31500, 31501))
    assert (ports - taken).pairs() == ((31001, 31499), (31502, 32000))
    assert (ports - taken) | taken == ports
    assert ports - ports == Ranges()
    assert ports & ranges((31999, 40000)) == ranges((31999, 32000))
    assert taken - ports == Ranges()


def test_containment_does_not_mind_where_the_ranges_start() -> None:
    assert ranges((10, 20)) >= ranges((12, 13))
    assert not ranges((10, 20)) >= ranges((9, 10))
    assert not ranges((10, 20)) >= ranges((20, 21))
    assert ranges((10, 20)) >= Ranges()
    assert Ranges() <= Ranges()


@pytest.mark.parametrize("end", [SPAN_MAX - 1, SPAN_MAX, SPAN_MAX + 1])
def test_the_two_forms_meet_at_the_limit(end: int) -> None:
    whole = ranges((0, end))
    assert whole.count() == end + 1
    assert (whole - ranges((1, end))).pairs() == ((0, 0),)
    assert ranges((0, 0)) | ranges((end, end)) == ranges((0, 0), (end, end))
    assert end in whole
    assert end + 1 not in whole


def test_64_bit_ends_are_exact() -> None:
    everything = ranges(WIDE)
    hole = ranges((31000, 32000))
    assert (everything - hole).pairs() == ((0, 30999), (32001, WIDE[1]))
    assert (everything - hole) | hole == everything
    assert everything >= hole
    assert not hole >= everything
    assert everything & hole == hole
    assert ranges((2**63, 2**63 + 5)).pairs() == ((2**63, 2**63 + 5),)


def test_many_fragments() -> None:
    pairs = tuple((n, n) for n in range(1, 16_000, 2))
    fragments = Ranges.from_pairs(pairs)
    assert fragments.pairs() == pairs
    assert ranges((1, 16_000)) >= fragments
    assert list(fragments) == [begin for begin, _ in pairs]


def test_text_is_that_of_logs() -> None:
    assert str(ranges((1, 2), (5, 5))) == "[1-2, 5-5]"
    assert str(Ranges()) == "[]"
