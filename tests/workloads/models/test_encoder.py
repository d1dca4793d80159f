"""An encoder of random weights: what of a text counts, padding that does not, and folders that hold none."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from cluster.errors import ArtifactError
from workloads.models.encoder import load_encoder

TEXT = "春天来了，农民下地播种。"


def write_encoder(folder: Path, seed: int = 1, safe: bool = True) -> Path:
    """A tiny BERT that reads a character a token; its weights are random."""
    signs = sorted(set(TEXT + "秋冬收割"))
    vocabulary = {sign: number for number, sign in enumerate(["[PAD]", "[UNK]", *signs])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
        model = BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, **shape))
    if safe:
        model.save_pretrained(folder)
    else:
        model.config.save_pretrained(folder)
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return folder


def test_vectors_have_length_one_and_padding_changes_nothing(tmp_path: Path) -> None:
    encoder = load_encoder(write_encoder(tmp_path / "encoder"))
    alone, beside = encoder.encode([TEXT[:5]]), encoder.encode([TEXT, TEXT[:5]])
    assert beside.shape == (2, encoder.width) == (2, 32)
    assert np.allclose(np.linalg.norm(beside, axis=1), 1, atol=1e-6)
    assert np.allclose(alone[0], beside[1], atol=1e-5)
    assert not np.allclose(beside[0], beside[1], atol=1e-2)


def test_a_text_longer_than_the_model_takes_is_cut(tmp_path: Path) -> None:
    encoder = load_encoder(write_encoder(tmp_path / "encoder"))
    assert encoder.longest == 64
    assert np.array_equal(encoder.encode([TEXT * 6]), encoder.encode([TEXT * 6 + "秋"]))


def test_the_first_token_where_the_folder_says_so(tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "encoder")
    mean = load_encoder(folder).encode([TEXT])
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}', encoding="utf-8")
    first = load_encoder(folder)
    assert first.pooling == "first"
    assert not np.allclose(mean, first.encode([TEXT]), atol=1e-3)


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="safetensors"):
        load_encoder(write_encoder(tmp_path / "encoder", safe=False))
