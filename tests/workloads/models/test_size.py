"""The arithmetic against the built model: parameters, FLOPs, what autograd keeps."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from workloads.models.architecture import build_decoder, decoder_config
from workloads.models.size import count_parameters, describe, readable_bytes
from workloads.models.spec import ModelSpec
from workloads.training.loss import summed_cross_entropy

SHAPES = [
    ModelSpec(preset="2M"),
    ModelSpec(preset="2M", tie_embeddings=False, heads=4, kv_heads=4, head_dim=32),
    ModelSpec(preset="8M", layers=2, intermediate_size=96, kv_heads=1),
]


@pytest.mark.parametrize("spec", SHAPES)
def test_the_count_equals_the_built_model(spec: ModelSpec) -> None:
    model = build_decoder(decoder_config(spec, 777, 64), seed=0)
    embeddings = {id(p): p.numel() for n, p in model.named_parameters() if "embed_tokens" in n or "lm_head" in n}
    total = sum(p.numel() for p in model.parameters())
    assert count_parameters(spec.shape, 777) == (total, sum(embeddings.values()))
    assert describe(spec, 777, 64).body_parameters == total - sum(embeddings.values())


@pytest.mark.parametrize("spec", SHAPES)
def test_forward_flops_are_those_that_torch_counts(spec: ModelSpec) -> None:
    length = 64
    model = build_decoder(decoder_config(spec, 500, length), seed=0)
    model.set_attn_implementation("eager")  # whole rows, as the formula counts
    tokens = torch.zeros(2, length, dtype=torch.long)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=tokens, use_cache=False)
    cost = describe(spec, 500, length)
    # torch also counts the rotary embedding's outer product; nothing else stands between the two
    assert counter.get_total_flops() / tokens.numel() == pytest.approx(cost.forward_flops_per_token, rel=0.002)
    assert cost.training_flops_per_token == 3 * cost.forward_flops_per_token


@pytest.mark.parametrize("spec", SHAPES)
def test_the_estimate_of_activations_is_near_what_autograd_keeps(spec: ModelSpec) -> None:
    rows, length, vocabulary, chunk = 2, 64, 500, 64
    model = build_decoder(decoder_config(spec, vocabulary, length), seed=0)
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    tokens = torch.zeros(rows, length, dtype=torch.long)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        hidden = model.model(input_ids=tokens, use_cache=False).last_hidden_state
        summed_cross_entropy(hidden.flatten(0, 1), model.lm_head.weight, tokens.flatten(), chunk)
    cost = describe(spec, vocabulary, length, micro_batch=rows, loss_chunk=chunk)
    logits = 2 * 4 * chunk * vocabulary
    gradient = 4 * vocabulary * spec.shape.hidden_size  # of the output layer, counted among the gradients
    assert cost.activation_bytes - logits == pytest.approx(sum(kept.values()) - gradient, rel=0.15)


def test_memory_adds_up() -> None:
    cost = describe(ModelSpec(preset="2M"), 4000, 256)
    assert cost.training_bytes == 4 * 4 * cost.parameters + cost.activation_bytes
    assert cost.serving_bytes(1000) - cost.serving_bytes(0) == 1000 * cost.kv_bytes_per_token
    assert cost.kv_bytes_per_token == 2 * 3 * 1 * 64 * 4


@pytest.mark.parametrize(("size", "text"), [(12, "12 B"), (2048, "2 KiB"), (3 << 20, "3 MiB"), (3 << 29, "1.5 GiB")])
def test_readable_bytes(size: int, text: str) -> None:
    assert readable_bytes(size) == text
