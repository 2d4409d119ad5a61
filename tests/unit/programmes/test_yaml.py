"""YAML the strict way (core.yaml): texts stay texts, mistakes have a place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.yaml import YamlError, check_schema, load_strict, parse_strict

pytestmark = pytest.mark.unit


def parsed(text: str) -> object:
    return parse_strict(text.encode(), "f.yaml").data


def test_every_scalar_stays_the_text_that_was_written() -> None:
    assert parsed("a: no\nb: 09:30\nc: 010\nd: ~\ne: 1e3\nf: 2026-01-01\ng:\n") == {
        "a": "no", "b": "09:30", "c": "010", "d": "~", "e": "1e3", "f": "2026-01-01", "g": "",
    }  # fmt: skip


def test_a_value_knows_its_line_and_column() -> None:
    document = parse_strict(b"a: 1\nb:\n  - x\n  - {y: 2}\n", "f.yaml")
    assert document.at(("b", 1, "y")) == "f.yaml:4:6"
    assert document.at(("b", 7, "unknown")) == "f.yaml:2:1"


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1", "'a' stands here and in line 1"),
        ("a: &x 1\nb: *x\n", "f.yaml:1:4", "anchors and aliases"),
        ("a: !!python/object:os.system x", "f.yaml:1:4", "tags"),
        ("", "f.yaml:1:1", "empty"),
        ("a: [1", "f.yaml:1:", ""),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1", "document"),
        ("? [a]\n: 1\n", "f.yaml:1:3", "a key must be plain text"),
        ("[" * 5000, "f.yaml", "nested too deeply"),
        ("a: \x00", "f.yaml", "not valid YAML"),
    ],
)
def test_it_refuses_what_a_reader_could_not_see(text: str, place: str, said: str) -> None:
    with pytest.raises(YamlError) as refused:
        parsed(text)
    assert str(refused.value).startswith(place)
    assert said in str(refused.value)


def test_it_tells_where_a_file_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "pack.yaml"
    path.write_bytes("a: 1\nb: 回访".encode("gbk"))
    with pytest.raises(YamlError, match=r"pack\.yaml:2:4: not UTF-8"):
        load_strict(path)
    with pytest.raises(YamlError, match="cannot be read"):
        load_strict(tmp_path / "none.yaml")


def test_a_schema_names_the_unknown_key_and_the_shape_that_was_meant() -> None:
    number = {"type": "string", "pattern": r"^\d+$", "description": "a number"}
    properties = {"n": {"oneOf": [{"const": "open"}, number]}}
    schema = {"type": "object", "additionalProperties": False, "properties": properties}
    with pytest.raises(YamlError) as refused:
        check_schema(parse_strict(b"n: x\nm: 1\n", "f.yaml"), schema)
    assert "f.yaml:2:1: unknown key 'm'; known here: n" in str(refused.value)
    assert 'f.yaml:1:1: n: "x" does not fit; give a number' in str(refused.value)


@given(st.binary(max_size=200) | st.text(alphabet="ab:-[]{}&*!|>#\n '\"%", max_size=60).map(str.encode))
def test_any_bytes_are_a_document_or_a_typed_error(content: bytes) -> None:
    try:
        said = parse_strict(content, "f.yaml").source
    except YamlError as error:
        said = str(error)
    assert said.startswith("f.yaml")
