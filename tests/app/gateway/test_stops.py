"""Stop strings: found wherever the text is cut, never shown in part."""

from hypothesis import given
from hypothesis import strategies as st

from app.gateway.stops import StopMatcher

_TEXT = st.text(alphabet="ab\n问：", max_size=30)


def run(matcher: StopMatcher, parts: list[str]) -> list[str]:
    shown = [matcher.feed(part) for part in parts]
    return [*shown, matcher.finish()] if matcher.matched is None else shown


def test_a_stop_string_over_several_parts_is_found_and_not_shown() -> None:
    matcher = StopMatcher(["\n问："])
    assert run(matcher, ["一座。", "\n", "问", "：几", "座"]) == ["一座。", "", "", "", ""]
    assert matcher.matched == "\n问："


def test_what_only_begins_like_a_stop_string_is_shown_in_the_end() -> None:
    matcher = StopMatcher(["\n问："])
    assert run(matcher, ["好\n", "问题", "\n"]) == ["好", "\n问题", "", "\n"]
    assert matcher.matched is None


@given(_TEXT, st.lists(st.text(alphabet="ab\n问：", min_size=1, max_size=4), max_size=3), st.data())
def test_any_cutting_gives_the_same_text(text: str, stops: list[str], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    parts = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    matcher = StopMatcher(stops)
    shown = "".join(run(matcher, parts))
    assert text.startswith(shown)
    assert not any(stop in shown for stop in stops)
    if matcher.matched is None:
        assert shown == text
    else:
        assert text[len(shown) :].startswith(matcher.matched)
