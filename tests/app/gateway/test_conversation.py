"""Which conversation a request belongs to, and that it keeps its place."""

import pytest

from app.gateway.conversation import conversation_of, note_header
from app.gateway.schema import ChatBody, CompletionBody


def chat(*texts: str, **more: object) -> ChatBody:
    roles = ("system", "user", "assistant", "user")
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    return ChatBody.model_validate({"model": "lm", "messages": messages} | more)


@pytest.fixture(autouse=True)
def no_header() -> None:
    note_header({})


def test_a_conversation_goes_by_how_it_began() -> None:
    first = conversation_of(chat("系统", "镇上有几座桥？"))
    assert conversation_of(chat("系统", "镇上有几座桥？", "一座。", "谁修的？")) == first
    assert conversation_of(chat("系统", "镇上有几口井？")) != first
    assert conversation_of(chat("别的", "镇上有几座桥？")) != first


def test_a_header_comes_before_the_user_and_the_user_before_the_messages() -> None:
    assert conversation_of(chat("系统", "甲", user="u1")) == conversation_of(chat("系统", "乙", user="u1")) == "u1"
    assert conversation_of(chat("系统", "甲", prompt_cache_key="k")) == "k"
    note_header({"x-hanlin-conversation": "c9"})
    assert conversation_of(chat("系统", "甲", user="u1")) == "c9"


def test_a_raw_prompt_is_a_conversation_of_its_own() -> None:
    one, other = (CompletionBody(model="lm", prompt=text) for text in ("一", "二"))
    assert conversation_of(one) != conversation_of(other)
    assert conversation_of(one) == conversation_of(CompletionBody(model="lm", prompt="一"))
