"""A very small Qwen3 with a byte-level tokenizer, made on the spot: random weights, real files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from cluster.artifacts import Artifact, ArtifactStore
from cluster.manifest import Work

TEXT = [
    "青石镇在江边，镇上有一座老桥。",
    "春天，农人把秧苗插进水田；秋天，他们收稻子。",
    "问：镇上有几座桥？\n答：一座。\n",
    "问：三加五等于几？\n答：八。\n",
    "卖茶的老人姓周，他的茶是从山上采来的。",
]
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}{{ message['content'] }}\n"
    "{% elif message['role'] == 'user' %}问：{{ message['content'] }}\n"
    "{% elif message['role'] == 'assistant' %}答：{{ message['content'] }}\n"
    "{% else %}{{ raise_exception('roles are system, user and assistant') }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}答：{% endif %}"
)
TOOLS_TEMPLATE = (
    "{% for tool in tools or [] %}{{ tool | tojson }}\n{% endfor %}"
    "{% for message in messages %}"
    "{% if message['role'] == 'tool' %}果：{{ message['content'] }}\n"
    "{% elif message['role'] == 'user' %}问：{{ message['content'] }}\n"
    "{% else %}答：{{ message['content'] }}"
    "{% for call in message['tool_calls'] or [] %}<tool_call>{{ call.function | tojson }}</tool_call>{% endfor %}\n"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}答：{% endif %}"
)
STOP_STRINGS = ["\n问："]
CONTEXT = 128


def train_tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{Han}+|\d|\s+|[^\p{Han}\d\s]+"), "isolated"),
            pre_tokenizers.ByteLevel(False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    return tokenizer


def write_model(folder: Path, seed: int = 0, context: int = CONTEXT, width: int = 32, head_size: int = 8) -> Path:
    """A model folder as training leaves it."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=train_tokenizer().get_vocab_size(),
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=head_size,
        intermediate_size=64,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        initializer_range=0.3,  # spreads the logits, so that no two tokens are nearly equal
        eos_token_id=0,
        bos_token_id=None,
        pad_token_id=0,
    )
    model = Qwen3ForCausalLM(config)
    model.generation_config.stop_strings = STOP_STRINGS
    model.save_pretrained(folder)
    return write_tokenizer(folder)


def write_tokenizer(folder: Path) -> Path:
    """All that a gateway knows of a model, without its weights and without importing what makes them."""
    folder.mkdir(parents=True, exist_ok=True)
    train_tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    ends = folder / "generation_config.json"
    if not ends.exists():
        ends.write_text(json.dumps({"eos_token_id": 0, "stop_strings": STOP_STRINGS}), encoding="utf-8")
    return folder


def commit_model(store: ArtifactStore, folder: Path, name: str) -> Artifact:
    """The folder as a model artifact."""
    work = Work("model", {"name": name}, {}, 1)
    with store.draft(work) as draft:
        draft.upload(folder)
    return store.open("model", work.folder)


def mean_states(folder: Path, texts: Sequence[Sequence[int]]) -> list[list[float]]:
    """The mean of transformers' last states of each text alone, of length 1."""
    import torch
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        means = [model.base_model(torch.tensor([text])).last_hidden_state[0].mean(0) for text in texts]
    return [torch.nn.functional.normalize(mean, dim=0).tolist() for mean in means]
