"""From a shape to a transformers config and a freshly initialised decoder. Not for files (see folder.py)."""

import math

import torch
from torch import nn
from transformers import Qwen3Config, Qwen3ForCausalLM

from workloads.models.spec import ModelSpec

_EMBEDDING_STD = 0.02  # GPT-2's; with a tied output layer behind a norm it starts the loss near log(vocabulary)
_RESIDUAL_OUTPUTS = ("o_proj.weight", "down_proj.weight")


def decoder_config(spec: ModelSpec, vocabulary: int, sequence_length: int, end_token: int = 0) -> Qwen3Config:
    """The transformers config. No pad token: its embedding row would never be trained, and ours is the end token too."""
    shape = spec.shape
    return Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=shape.hidden_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        intermediate_size=shape.intermediate_size,
        tie_word_embeddings=shape.tie_embeddings,
        rms_norm_eps=shape.norm_epsilon,
        max_position_embeddings=spec.max_context or sequence_length,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        bos_token_id=end_token,
        eos_token_id=end_token,
        pad_token_id=None,
    )


def build_decoder(config: Qwen3Config, seed: int) -> Qwen3ForCausalLM:
    """A decoder in f32 with its own seeded initialisation; torch's global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        model = Qwen3ForCausalLM(config)
    initialise(model, config, seed)
    return model


@torch.no_grad()
def initialise(model: nn.Module, config: Qwen3Config, seed: int) -> None:
    """Normal weights of standard deviation sqrt(2 / (5 hidden)) (Nguyen and Salazar, arXiv 1910.05895), those that write
    into the residual stream divided by sqrt(2 layers) (GPT-2), embeddings at 0.02, norms at one."""
    generator = torch.Generator().manual_seed(seed)
    std = math.sqrt(2 / (5 * config.hidden_size))
    for name, parameter in sorted(model.named_parameters()):
        if parameter.ndim == 1:
            parameter.fill_(1.0)
            continue
        scale = _EMBEDDING_STD if name.endswith(("embed_tokens.weight", "lm_head.weight")) else std
        if name.endswith(_RESIDUAL_OUTPUTS):
            scale /= math.sqrt(2 * config.num_hidden_layers)
        parameter.normal_(0.0, scale, generator=generator)
