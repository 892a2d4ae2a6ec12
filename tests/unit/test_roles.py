import pytest

from meseta.roles import ancestors, is_ancestor, is_refinement, is_within, role_fault


@pytest.mark.parametrize("role", ["*", "web", "eng/web", "a.b", "...", "a*", "a-b", "eng/web/front", "ö"])
def test_valid_roles_have_no_fault(role: str) -> None:
    assert role_fault(role) is None


@pytest.mark.parametrize(
    ("role", "fault"),
    [
        ("", "Role names cannot be the empty string"),
        ("/a", "Role '/a' cannot start with a slash"),
        ("/", "Role '/' cannot start with a slash"),
        ("a/", "Role 'a/' cannot end with a slash"),
        ("a//b", "Role 'a//b' cannot contain two adjacent slashes"),
        (".", "Role '.' cannot include '.' as a component"),
        ("a/..", "Role 'a/..' cannot include '..' as a component"),
        ("a/*", "Role 'a/*' cannot include '*' as a component"),
        ("a/-b", "Role component '-b' is invalid because it starts with a dash"),
        ("a b", "Role component 'a b' is invalid because it contains backspace or whitespace"),
        ("a\x7f", "Role component 'a\x7f' is invalid because it contains backspace or whitespace"),
    ],
)
def test_invalid_roles_are_told_why(role: str, fault: str) -> None:
    assert role_fault(role) == fault


def test_ancestors_come_nearest_first() -> None:
    assert ancestors("a/b/c") == ("a/b", "a")
    assert ancestors("a") == ()


def test_ancestry_goes_by_components_not_by_letters() -> None:
    assert is_ancestor("a", "a/b/c")
    assert not is_ancestor("a", "ab/c")
    assert not is_ancestor("a", "a")
    assert is_within("a", "a")
    assert is_refinement("a/b", of="a")
    assert not is_refinement("a", of="a/b")
