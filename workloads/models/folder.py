"""A model as a Hugging Face folder: safetensors weights, configs, tokenizer files; and back. Never pickle.

Whether the bytes are the right ones is the artifact's to check (`Artifact.local_folder` verifies), before this reads them.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, GenerationConfig, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging as transformers_logging

from cluster.errors import ArtifactError

WEIGHTS = "model.safetensors"


def named_weights(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Every weight once, by its Hugging Face name; a tied output layer is not repeated."""
    return dict(model.named_parameters(remove_duplicate=True))


def save_weights(weights: Mapping[str, torch.Tensor], file: Path) -> None:
    """One safetensors file that transformers accepts."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    save_file(tensors, str(file), metadata={"format": "pt"})


def write_configs(folder: Path, config: PreTrainedConfig, stop_strings: Sequence[str], pad_token: int = 0) -> None:
    """config.json and generation_config.json; `stop_strings` end an answer of the chat template."""
    folder.mkdir(parents=True, exist_ok=True)
    config.architectures = ["Qwen3ForCausalLM"]
    config.dtype = "float32"
    config.save_pretrained(str(folder))
    generation = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=config.bos_token_id,
        eos_token_id=config.eos_token_id,
        pad_token_id=pad_token,
        stop_strings=list(stop_strings) or None,
    )
    generation.save_pretrained(str(folder))


def write_model_folder(folder: Path, model: PreTrainedModel, stop_strings: Sequence[str] = ()) -> None:
    """A folder that `load_model` and transformers read, without tokenizer files."""
    write_configs(folder, model.config, stop_strings)
    save_weights(named_weights(model), folder / WEIGHTS)


def load_model(folder: Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A causal language model from local safetensors, in evaluation mode on the CPU.

    Raises ArtifactError for a folder that holds none, or whose files contradict each other.
    """
    if not (folder / "config.json").is_file():
        raise ArtifactError(f"no model in {folder}", "a folder with config.json and safetensors weights", "check the path")
    try:
        with quiet_transformers():
            model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
                str(folder), dtype=dtype, local_files_only=True, use_safetensors=True, trust_remote_code=False
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ArtifactError(f"the model in {folder} cannot be loaded ({error})", "", "restore or rebuild it") from error
    model.train(False)
    return model


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars and no notices of transformers within the block."""
    level = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
