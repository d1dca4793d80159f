"""Calls in an answer: the same however the text is cut, and what is no call stays text."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateway.calls import CallDelta, CallReader, Read

WEATHER = '<tool_call>\n{"name": "weather", "arguments": {"city": "青石镇", "note": "a \\"}\\" b"}}\n</tool_call>'
CLOCK = '<tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call>'


def read(parts: Sequence[str], reader: CallReader | None = None) -> Read:
    reader = reader or CallReader()
    found = Read()
    for part in parts:
        found = found.then(reader.feed(part))
    return found.then(reader.finish())


def whole(deltas: Sequence[CallDelta]) -> list[tuple[str, str]]:
    calls: dict[int, tuple[str, str]] = {}
    for delta in deltas:
        name, arguments = calls.get(delta.index, (delta.name, ""))
        calls[delta.index] = (name, arguments + delta.arguments)
    return list(calls.values())


@given(st.sets(st.integers(1, 200)))
def test_however_the_answer_is_cut_the_calls_are_the_same(cuts: set[int]) -> None:
    text = f"我来查。\n{WEATHER}\n{CLOCK}"
    places = [0, *sorted(place for place in cuts if place < len(text)), len(text)]
    found = read([text[a:b] for a, b in pairwise(places)])
    assert found.text == "我来查。"
    assert whole(found.calls) == [("weather", '{"city": "青石镇", "note": "a \\"}\\" b"}'), ("clock", "{}")]


def test_arguments_come_as_they_are_written() -> None:
    reader = CallReader()
    assert reader.feed('<tool_call>{"name": "weather", "arguments": {"ci').calls[0].name == "weather"
    assert reader.feed('ty": "青').calls == (CallDelta(0, 'ty": "青'),)
    assert reader.finish_reason("stop") == "tool_calls"
    assert reader.finish_reason("length") == "length"


@pytest.mark.parametrize(
    "text",
    ["1 < 2 <tool", "<tool_call>吗？", "<tool_call>[1]</tool_call>。", '<tool_call>{"a": 1}</tool_call>', "行尾 \n\n"],
)
def test_what_is_no_call_stays_text(text: str) -> None:
    found = read(list(text))
    assert (found.text, found.calls) == (text, ())


def test_other_key_orders_and_text_arguments_are_calls_too() -> None:
    text = '<tool_call>{"arguments": {"a": 1}, "name": "f"}</tool_call><tool_call>{"name": "g", "arguments": "x"}</tool_call>'
    assert whole(read([text]).calls) == [("f", '{"a": 1}'), ("g", "x")]


def test_a_call_whose_mark_was_in_the_prompt_needs_no_mark() -> None:
    found = read(list('{"name": "f", "arguments": {"a": [1]}}'), CallReader(inside=True, single=True, named=True))
    assert (found.text, whole(found.calls)) == ("", [("f", '{"a": [1]}')])
    assert read(["nothing"], CallReader(inside=True)).text == "nothing"


def test_one_call_at_most_where_that_was_asked() -> None:
    found = read(list(f"{WEATHER}{CLOCK} 完"), CallReader(single=True))
    assert [name for name, _ in whole(found.calls)] == ["weather"]
    assert found.text == ""


@pytest.mark.parametrize("inner", ["[" * 100_000, '{"arguments": ' + '{"a":' * 1010 + "1" + "}" * 1010 + ', "name": "f"}'])
def test_deep_nesting_is_no_call(inner: str) -> None:
    body = f"<tool_call>{inner}</tool_call>"
    assert read([body]).text == body


def test_half_a_character_is_no_call() -> None:
    body = '<tool_call>{"arguments": {"a": "\\ud800"}, "name": "f"}</tool_call>'
    assert read([body]).text == body
