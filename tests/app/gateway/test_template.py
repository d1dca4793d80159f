"""Chat templates: as transformers renders them, in a sandbox."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from app.gateway.template import ChatTemplate
from cluster.errors import RequestError
from tests.workloads.serving.tiny_model import CHAT_TEMPLATE, TOOLS_TEMPLATE

CONVERSATION = [
    {"role": "system", "content": "你是向导。"},
    {"role": "user", "content": "镇上有几座桥？"},
    {"role": "assistant", "content": "一座。"},
    {"role": "user", "content": "在哪里？"},
]


def test_it_renders_as_transformers_does(model_folder: Path) -> None:
    reference = AutoTokenizer.from_pretrained(model_folder)
    expected = reference.apply_chat_template(CONVERSATION, tokenize=False, add_generation_prompt=True)
    assert ChatTemplate(CHAT_TEMPLATE, {}).render(CONVERSATION).text == expected
    assert expected.endswith("问：在哪里？\n答：")


def test_tools_are_rendered_as_transformers_does(model_folder: Path) -> None:
    reference = AutoTokenizer.from_pretrained(model_folder)
    tools = [{"type": "function", "function": {"name": "天气", "parameters": {"type": "object", "properties": {"市 <": {}}}}}]
    call = {"id": "1", "type": "function", "function": {"name": "天气", "arguments": {"市 <": "青石镇"}}}
    said = [*CONVERSATION, {"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "content": "晴"}]
    expected = reference.apply_chat_template(
        said, tools=tools, chat_template=TOOLS_TEMPLATE, tokenize=False, add_generation_prompt=True
    )
    template = ChatTemplate(TOOLS_TEMPLATE, {})
    assert template.calls_tools
    assert template.render(said, tools).text == expected
    assert not ChatTemplate(CHAT_TEMPLATE, {}).calls_tools


def test_special_tokens_are_variables() -> None:
    assert (
        ChatTemplate("{{ messages[0]['content'] }}{{ eos_token }}", {"eos_token": "<e>"})
        .render(CONVERSATION[:1])
        .text.endswith("<e>")
    )


def test_what_the_template_refuses_names_the_messages() -> None:
    with pytest.raises(RequestError, match="roles are system") as caught:
        ChatTemplate(CHAT_TEMPLATE, {}).render([{"role": "tool", "content": ""}])
    assert caught.value.param == "messages"


def test_a_template_cannot_reach_python() -> None:
    with pytest.raises(RequestError):
        ChatTemplate("{{ ''.__class__.__mro__[1].__subclasses__() }}", {}).render(CONVERSATION)


def test_no_template_says_what_to_use() -> None:
    with pytest.raises(RequestError, match="/v1/completions"):
        ChatTemplate("", {}).render(CONVERSATION)
