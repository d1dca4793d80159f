"""A small corpus artifact with a held-out part, and a model artifact with a byte-level tokenizer, made by hand."""

import io
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import Qwen3Config, Qwen3ForCausalLM

from cluster.artifacts import Artifact, ArtifactStore
from cluster.manifest import Work
from workloads.models.folder import write_model_folder

CONTEXT = 32
_NAMES = ("小梅", "阿福", "老陈", "春生", "玉兰", "石头")
_PLACES = ("河边", "山脚下", "集市上", "学堂里", "桥头", "田里")
_DEEDS = ("种稻子", "打铁", "卖豆腐", "教孩子念书", "修桥", "放牛", "晒谷子")


def small_text(rng: random.Random) -> str:
    """Two to nine plain sentences."""
    return "".join(f"{rng.choice(_NAMES)}在{rng.choice(_PLACES)}{rng.choice(_DEEDS)}。" for _ in range(rng.randint(2, 9)))


def write_corpus(store: ArtifactStore, rows: list[dict[str, str]], name: str = "") -> Artifact:
    """A corpus artifact with these rows (id, text, source, split), in order of id."""
    rows = sorted(rows, key=lambda row: row["id"])
    work = Work("corpus", {"rows": len(rows), "of": name}, {"raw": "0" * 20}, 1)
    with store.draft(work) as draft:
        table = pa.Table.from_pylist([row | {"characters": len(row["text"])} for row in rows])
        sink = io.BytesIO()
        pq.write_table(table, sink)
        draft.write("documents/part-00000.parquet", sink.getvalue())
    return store.open("corpus", work.fingerprint)


@pytest.fixture
def rows() -> list[dict[str, str]]:
    rng = random.Random(5)
    return [
        {
            "id": f"{rng.getrandbits(80):020x}",
            "text": small_text(rng),
            "source": "村志" if i % 3 else "问答 <b>",
            "split": "heldout" if i % 10 == 0 else "train",
        }
        for i in range(300)
    ]


@pytest.fixture
def corpus(store: ArtifactStore, rows: list[dict[str, str]]) -> Artifact:
    return write_corpus(store, rows)


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    """Byte-level BPE: the end-of-document token, 256 bytes and a few merges."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([small_text(random.Random(i)) for i in range(50)], trainer)
    return made


@pytest.fixture(scope="session")
def network(tokenizer: Tokenizer) -> Qwen3ForCausalLM:
    """A random decoder of two layers."""
    torch.manual_seed(3)
    config = Qwen3Config(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
    )
    return Qwen3ForCausalLM(config).eval()


@pytest.fixture
def model(store: ArtifactStore, corpus: Artifact, network: Qwen3ForCausalLM, tokenizer: Tokenizer, tmp_path: Path) -> Artifact:
    folder = tmp_path / "made"
    write_model_folder(folder, network)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "training").mkdir()
    lines = [
        {"step": i, "loss": 6 / (1 + i), "tokens": i * 100} | ({"heldout_loss": 7 / (1 + i)} if i % 5 == 0 else {})
        for i in range(60)
    ]
    (folder / "training" / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    work = Work("model", {"made": "by hand"}, {"corpus": corpus.fingerprint}, 1)
    with store.draft(work, {"name": "test"}) as draft:
        draft.upload(folder)
    return store.open("model", work.fingerprint)
