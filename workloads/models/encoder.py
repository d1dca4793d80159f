"""Texts to vectors by a transformers folder: an encoder, or a decoder's last layer. Safetensors only, on the processor.

Whether the bytes are the right ones is the caller's to check.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from transformers import AutoModel, AutoTokenizer

from cluster.errors import ArtifactError
from workloads.models.folder import quiet_transformers

Pooling = Literal["mean", "first"]

_LONGEST = 512  # tokens, where the model does not say how many it takes


@dataclass(frozen=True)
class Encoder:
    """`width`: of a vector; `longest`: tokens of a text that are looked at."""

    model: Any
    tokenizer: Any
    pooling: Pooling
    longest: int

    @property
    def width(self) -> int:
        return int(self.model.config.hidden_size)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """[texts, width], of length 1. One batch: a text's last bits depend on what stands beside it."""
        given = self.tokenizer(
            list(texts),
            padding=True,
            padding_side="right",
            truncation=True,
            max_length=self.longest,
            return_tensors="pt",
            return_token_type_ids=False,
        )
        hidden = self.model(input_ids=given["input_ids"], attention_mask=given["attention_mask"]).last_hidden_state.float()
        if self.pooling == "first":
            vectors = hidden[:, 0]
        else:
            seen = given["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            vectors = (hidden * seen).sum(1) / seen.sum(1).clamp(min=1)
        result: NDArray[np.float32] = torch.nn.functional.normalize(vectors, dim=-1).numpy()
        return result


def load_encoder(folder: Path) -> Encoder:
    """Raises ArtifactError for a folder without one, and for weights that are not safetensors."""
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise ArtifactError(
            f"no encoder in {folder}", "a folder with config.json, tokenizer files and safetensors weights", "check the path"
        )
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
            model = AutoModel.from_pretrained(
                str(folder), dtype=torch.float32, local_files_only=True, use_safetensors=True, trust_remote_code=False
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ArtifactError(f"the encoder in {folder} cannot be loaded ({error})", "", "restore or rebuild it") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)  # masked out, whatever it is
    model.train(False)
    longest = min(_LONGEST, int(getattr(model.config, "max_position_embeddings", None) or _LONGEST))
    return Encoder(model, tokenizer, pooling_of(folder), longest)


def pooling_of(folder: Path) -> Pooling:
    """As a sentence-transformers folder says, else the mean."""
    told = folder / "1_Pooling" / "config.json"
    facts = json.loads(told.read_text(encoding="utf-8")) if told.is_file() else {}
    return "first" if facts.get("pooling_mode_cls_token") else "mean"
