"""transformers loads the folder without a warning, round-trips text and renders both chat templates."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from workloads.tokenizer.huggingface import huggingface_files
from workloads.tokenizer.spec import ChatTemplate
from workloads.tokenizer.train import train_bpe

TALK = [
    {"role": "system", "content": "你是镇上的向导。"},
    {"role": "user", "content": "茶馆在哪里？"},
    {"role": "assistant", "content": "在河边。"},
    {"role": "user", "content": "谢谢"},
]
QA = "你是镇上的向导。\n问：茶馆在哪里？\n答：在河边。\n问：谢谢\n"
CHATML = (
    "<|im_start|>system\n你是镇上的向导。<|im_end|>\n<|im_start|>user\n茶馆在哪里？<|im_end|>\n"
    "<|im_start|>assistant\n在河边。<|im_end|>\n<|im_start|>user\n谢谢<|im_end|>\n"
)


@pytest.fixture
def load(sentences: Callable[[int, int], str], tmp_path: Path) -> Callable[[ChatTemplate], Any]:
    trained = train_bpe([sentences(50, 1)], 300, 16, 18)

    def open_folder(template: ChatTemplate) -> Any:
        for name, content in huggingface_files(trained, template).items():
            (tmp_path / name).write_bytes(content)
        return AutoTokenizer.from_pretrained(str(tmp_path))

    return open_folder


def test_it_loads_silently_and_round_trips(
    load: Callable[[ChatTemplate], Any], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tokenizer = load("qa")
        for text in ("  王小明在 河边 ，喝茶 .\n\n", "臺灣 3.5 GB 😀 don't , stop", "\u3000　段落\t尾 "):
            assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert not caplog.records
    assert capfd.readouterr() == ("", "")
    assert len(tokenizer) == 300
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.bos_token_id) == (0, 0, None)
    assert {0, 1, 2} <= set(tokenizer.all_special_ids)


@pytest.mark.parametrize(
    ("template", "rendered", "prompt"), [("qa", QA, "答："), ("chatml", CHATML, "<|im_start|>assistant\n")]
)
def test_templates(load: Callable[[ChatTemplate], Any], template: ChatTemplate, rendered: str, prompt: str) -> None:
    tokenizer = load(template)
    assert tokenizer.apply_chat_template(TALK, tokenize=False) == rendered
    assert tokenizer.apply_chat_template(TALK, tokenize=False, add_generation_prompt=True) == rendered + prompt
    ids = tokenizer.apply_chat_template(TALK, tokenize=True, return_dict=True)["input_ids"]
    assert tokenizer.decode(ids) == rendered
    assert (1 in ids) == (template == "chatml")
    with pytest.raises(Exception, match="unknown role tool"):
        tokenizer.apply_chat_template([{"role": "tool", "content": "x"}], tokenize=False)
