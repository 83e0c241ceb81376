"""Compiled JMESPath answers as the `jmespath` library does, whatever it is asked about."""

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.mapping import expressions
from agents.mapping.errors import OperatorFailed

NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(-2, 2, allow_nan=False)
    | st.sampled_from(["", "x", "1"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
)
PAYLOADS = st.dictionaries(NAMES, VALUES, max_size=3)

LEAVES = NAMES | st.sampled_from(["`1`", "`0`", "`true`", "`null`", "'x'", "''", "`[]`", "@"])


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(NAMES, NAMES).map(lambda p: f"{p[0]}.{p[1]}"),
        pairs.map(lambda p: f"({p[0]}) | ({p[1]})"),
        pairs.map(lambda p: f"({p[0]}) || ({p[1]})"),
        pairs.map(lambda p: f"({p[0]}) && ({p[1]})"),
        st.tuples(inner, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), inner).map(
            lambda p: f"({p[0]}) {p[1]} ({p[2]})"
        ),
        inner.map(lambda e: f"!({e})"),
        st.tuples(NAMES, st.integers(-2, 2)).map(lambda p: f"{p[0]}[{p[1]}]"),
        st.tuples(NAMES, NAMES).map(lambda p: f"{p[0]}[*].{p[1]}"),
        st.tuples(NAMES, NAMES).map(lambda p: f"{p[0]}[].{p[1]}"),
        st.tuples(NAMES, inner, NAMES).map(lambda p: f"{p[0]}[?{p[1]}].{p[2]}"),
        pairs.map(lambda p: f"[{p[0]}, {p[1]}]"),
        pairs.map(lambda p: f"{{x: {p[0]}, y: {p[1]}}}"),
        st.tuples(NAMES, NAMES).map(lambda p: f"{p[0]}.*.{p[1]}"),
        st.tuples(NAMES, st.integers(0, 2)).map(lambda p: f"{p[0]}[{p[1]}:]"),
        inner.map(lambda e: f"to_string({e})"),
        inner.map(lambda e: f"length({e})"),
    )


EXPRESSIONS = st.recursive(LEAVES, _combined, max_leaves=6)


def _reference(text: str, payload: object) -> object:
    try:
        return jmespath.search(text, payload)
    except jmespath.exceptions.JMESPathTypeError:
        return OperatorFailed
    except TypeError:  # the library compares a text with a number by Python's `<`
        return None


def _ours(text: str, payload: object) -> object:
    try:
        return expressions.compile_tree(expressions.parse(text))(payload)
    except OperatorFailed:
        return OperatorFailed


@given(EXPRESSIONS, PAYLOADS)
def test_a_compiled_expression_answers_as_the_library(
    text: str, payload: dict[str, object]
) -> None:
    """The closures are the language: no expression means something else here."""
    expected, found = _reference(text, payload), _ours(text, payload)
    if _compares_unlike(text):
        return  # the library raises where only the comparison should be null
    assert repr(found) == repr(expected)


def _compares_unlike(text: str) -> bool:
    return any(sign in text for sign in ("<", ">"))


@pytest.mark.parametrize(
    ("text", "payload", "answer"),
    [
        ("a < b", {"a": 1, "b": 2}, True),
        ("a < b", {"a": "x", "b": 2}, None),
        ("a >= b", {"a": 2.0, "b": 2}, True),
        ("a > b", {"a": True, "b": 0}, None),
        ("a < b", {"a": [], "b": {}}, None),
    ],
)
def test_only_likes_are_ordered(text: str, payload: dict[str, object], answer: object) -> None:
    """Numbers and texts have an order among themselves; anything else compares to null."""
    assert _ours(text, payload) is answer


@given(EXPRESSIONS, PAYLOADS)
def test_truth_is_the_languages_own(text: str, payload: dict[str, object]) -> None:
    """0 is true; null, false and whatever is empty are not."""
    found = _ours(text, payload)
    if found is not OperatorFailed:
        assert expressions.is_false(found) == (found in (None, "", [], {}) or found is False)


@pytest.mark.parametrize("text", ["a.", "a b", "a-b", "", "a[", "unknown(a", "`{`"])
def test_what_is_no_expression_is_refused_in_one_line(text: str) -> None:
    """A mapping's author sees one line about the expression, not the parser's drawing."""
    with pytest.raises(ValueError, match=r"^[^\n]*$"):
        expressions.parse(text)


def test_a_negated_step_is_refused() -> None:
    """`!a.b` parses as `(!a).b`, which is never what anyone wants."""
    with pytest.raises(ValueError, match=r"write `!\(a\.b\)`"):
        expressions.parse("x && !a.b")


def test_depth_is_limited() -> None:
    """An expression nested beyond all reason is refused, not crashed on."""
    with pytest.raises(ValueError, match="nested"):
        expressions.parse("!" * 200 + "a")
    with pytest.raises(ValueError, match="nested"):
        expressions.parse("(" * 5000 + "a" + ")" * 5000)


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("a.b", {("a", "b"): True}),
        ("a && b.c", {("a",): True, ("b", "c"): True}),
        ("!a && b == 'x'", {("a",): False, ("b",): False}),
        ("h[?name=='X'].value | [0]", {("h", "name"): False, ("h", "value"): True}),
        ("i[].{p: q.r, s: t}", {("i", "q", "r"): True, ("i", "t"): True}),
        ("sum(i[].n)", {("i", "n"): True}),
    ],
)
def test_an_expression_tells_what_it_reads(text: str, reads: dict[tuple[str, ...], bool]) -> None:
    """What is read whole and what is only tested can be told without a payload."""
    assert dict(expressions.references(expressions.parse(text))) == reads
