"""A mapping file that cannot be used says where, what is wrong and what to do."""

import pytest

from agents.mapping import MappingFileError, compile_mapping

HEAD = """mapping: trial
emit:
  - channel: chat
    source: { const: shop }
    id: id
    kind: { const: message }
    occurred_at: { time: at }
"""


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("", 1, 1, "the file is empty"),
        ("a: [", 1, 5, "not YAML"),
        ("- a", 1, 1, "must be a mapping of names to values"),
        ("mapping: x", 1, 1, "`emit` is missing"),
        ("mapping: x\nemits: []", 2, 1, "knows no `emits`; did you mean `emit`?"),
        ("mapping: x\nmapping: y\nemit: []", 2, 1, "`mapping` stands twice"),
        ("mapping: Big Name\nemit: []", 1, 10, "a mapping's name has"),
        ("mapping: x\nversion: one\nemit: []", 2, 10, "counts 1, 2, 3"),
        ("mapping: x\nemit: []", 2, 7, "needs 1 to 64 entries"),
        ("mapping: x\nemit:\n  - { channel: fax }", 3, 16, "no channel `fax`"),
        ("mapping: x\nemit:\n  - { kind: a }", 3, 5, "`channel` is missing"),
        (HEAD + "    subject: s", 8, 5, "a chat record has no field `subject`"),
        (HEAD + "    txt: s", 8, 5, "did you mean `text`?"),
        (HEAD + "    text: a-b", 8, 11, "is not JMESPath"),
        (HEAD + "    text: a-b", 8, 11, "{const: …}"),
        (HEAD + "    text: 5", 8, 11, "must be text, not 5"),
        (HEAD + "    text: [a]", 8, 11, "`list: […]`"),
        (HEAD + "    text: { pth: a }", 8, 11, "one value is expected here"),
        (HEAD + "    text: { path: a, formt: b }", 8, 22, "did you mean `format`?"),
        (HEAD + "    text: { path: a, first: [b] }", 8, 22, "both sources; keep one"),
        (HEAD + "    text: { default: a }", 8, 13, "needs a value to work on"),
        (HEAD + "    text: { path: a, sep: b }", 8, 22, "`sep` belongs to `join`"),
        (HEAD + "    text: { path: a, zone: UTC }", 8, 22, "`zone` belongs to `time`"),
        (HEAD + "    sent_at: { time: a, format: isoo }", 8, 33, "did you mean `iso`?"),
        (HEAD + "    sent_at: { time: a, zone: Asia/Shangai }", 8, 31, "`Asia/Shanghai`?"),
        (HEAD + "    text: { path: a, to: txt }", 8, 26, "did you mean `text`?"),
        (HEAD + "    text: { path: a, unit: h }", 8, 28, "`unit` knows no `h`"),
        (HEAD + "    text: { path: a, json: yes }", 8, 28, "either `true` or left out"),
        (HEAD + "    direction: { const: inn }", 8, 25, "did you mean `in`?"),
        (HEAD + "    direction: in", 8, 16, "for the word itself: {const: in}"),
        (HEAD + "    direction: { path: a, map: { x: incoming } }", 8, 37, "not one of its words"),
        (HEAD + "    actor: { typ: a }", 8, 14, "did you mean `type`?"),
        (HEAD + "    revision: { const: new }", 8, 24, "its place refuses this constant"),
        (HEAD + "    text: { hash: [] }", 8, 19, "needs at least one value"),
        (HEAD + "    when: a ==", 8, 11, "`when` is not JMESPath"),
        (HEAD + "    text: x && !y.z", 8, 11, "write `!(a.b)`"),
        (HEAD.replace("    id: id\n", ""), 3, 5, "this entry gives no `id`"),
        (
            HEAD.replace("    occurred_at: { time: at }\n", ""),
            3,
            5,
            "time_quality: {const: arrival}",
        ),
        (HEAD + "common: { quue: a }", 8, 11, "no emitted record has a field `quue`"),
        (HEAD + "let: { top: a }", 8, 8, "`top` is taken"),
    ],
)
def test_the_error_points_at_the_place_and_the_fix(
    text: str, line: int, column: int, words: str
) -> None:
    """Name, line and column as editors count them, and the next step in words."""
    with pytest.raises(MappingFileError) as caught:
        compile_mapping(text, "shop.yaml")
    assert words in caught.value.message
    assert (caught.value.line, caught.value.column) == (line, column)
    assert str(caught.value).startswith(f"shop.yaml:{line}:{column}: ")


def test_words_of_yaml_1_1_stay_text() -> None:
    """`yes`, `on` and `12:30` are values of real exports, not booleans and not base-60 numbers."""
    mapping = compile_mapping(
        HEAD + "    text: { path: a, map: { yes: on, 12:30: off, 0123: x } }", "shop.yaml"
    )
    texts = [
        mapping.apply({"id": "1", "at": "2026-03-01T10:00:00Z", "a": word}).records[0][1]["text"]
        for word in ("yes", "12:30", "0123")
    ]
    assert texts == ["on", "off", "x"]


def test_merge_keys_spare_repetition() -> None:
    """`<<` brings in another entry's fields; own ones win."""
    text = HEAD.replace("- channel", "- &one\n    channel") + (
        "  - <<: *one\n    id: { join: [ { const: second }, id ] }\n    text: t\n"
    )
    result = compile_mapping(text, "x.yaml").apply(
        {"id": 1, "at": "2026-03-01T10:00:00Z", "t": "x"}
    )
    assert [record["id"] for _, record in result.records] == ["1", "second:1"]


def test_files_that_would_grow_without_bound_are_refused() -> None:
    """Aliases that multiply, deep nesting and sheer length end in an error, not in a hang."""
    bomb = "let:\n  a0: &a0 { first: [x, y] }\n" + "".join(
        f"  a{n}: &a{n} {{ first: [*a{n - 1}, *a{n - 1}, *a{n - 1}] }}\n" for n in range(1, 12)
    )
    with pytest.raises(MappingFileError, match="more than 5000 expressions"):
        compile_mapping(bomb + HEAD, "bomb.yaml")
    with pytest.raises(MappingFileError, match="nested too deeply"):
        compile_mapping("mapping: " + "[" * 1000, "deep.yaml")
    with pytest.raises(MappingFileError, match="longer than"):
        compile_mapping("#" * 300_000, "long.yaml")
