import pytest

from meseta.attributes import Attribute, AttributeType, parse_attributes
from meseta.errors import ConfigError
from meseta.resources import Ranges


def test_the_type_follows_from_the_value() -> None:
    assert parse_attributes("rack:r1;slot:3;range:[1-10];zones:{b,a}") == (
        Attribute("rack", AttributeType.TEXT, "r1"),
        Attribute("slot", AttributeType.SCALAR, 3.0),
        Attribute("range", AttributeType.RANGES, Ranges.from_pairs([(1, 10)])),
        Attribute("zones", AttributeType.SET, frozenset("ab")),
    )


def test_order_and_duplicates_are_kept() -> None:
    parsed = parse_attributes("b:1;a:2;b:3")
    assert [(attribute.name, attribute.value) for attribute in parsed] == [("b", 1), ("a", 2), ("b", 3)]


def test_what_is_no_number_is_a_text_without_blanks() -> None:
    values = [attribute.value for attribute in parse_attributes("a:x:y;b:-1;c:inf\nd:1_0;e:big rack")]
    assert values == ["x:y", "-1", "inf", "1_0", "bigrack"]


@pytest.mark.parametrize("text", ["rack", "rack:", ":r1", "a:1;;rack", "a:[1-2", "a:[1,2]", "a: "])
def test_a_bad_piece_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match=r"attribute"):
        parse_attributes(text)


def test_no_text_means_no_attributes() -> None:
    assert parse_attributes("") == ()
