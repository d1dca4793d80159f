"""The files that `AutoTokenizer.from_pretrained` wants beside tokenizer.json: configuration, special tokens, chat template."""

import json
from collections.abc import Mapping

from tokenizers import Tokenizer

from workloads.tokenizer.spec import END_OF_TEXT, SPECIAL_TOKENS, ChatTemplate

_REFUSE = "{{ raise_exception('unknown role ' + message['role'] + '; allowed are system, user and assistant') }}"

# A base model that was trained on text with such lines answers without any fine-tuning.
_QA = (
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] + '\\n' }}"
    "{% elif message['role'] == 'user' %}{{ '问：' + message['content'] + '\\n' }}"
    "{% elif message['role'] == 'assistant' %}{{ '答：' + message['content'] + '\\n' }}"
    "{% else %}" + _REFUSE + "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '答：' }}{% endif %}"
)
# The form of OpenAI's ChatML, which Qwen and others use.
_CHATML = (
    "{% for message in messages %}"
    "{% if message['role'] in ['system', 'user', 'assistant'] %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% else %}" + _REFUSE + "{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
CHAT_TEMPLATES: Mapping[ChatTemplate, str] = {"qa": _QA, "chatml": _CHATML}


def huggingface_files(tokenizer: Tokenizer, chat_template: ChatTemplate) -> dict[str, bytes]:
    """File name to content of a folder that transformers loads without a warning."""
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END_OF_TEXT,
        "pad_token": END_OF_TEXT,
        "additional_special_tokens": [token for token in SPECIAL_TOKENS if token != END_OF_TEXT],
        "clean_up_tokenization_spaces": False,
        "padding_side": "left",
        "model_input_names": ["input_ids", "attention_mask"],
    }
    return {
        "tokenizer.json": tokenizer.to_str().encode(),
        "tokenizer_config.json": _json(config),
        "special_tokens_map.json": _json({key: config[key] for key in ("eos_token", "pad_token", "additional_special_tokens")}),
        "chat_template.jinja": CHAT_TEMPLATES[chat_template].encode(),
    }


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
