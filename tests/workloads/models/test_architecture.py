"""Initialisation: seeded, scaled, and without side effects."""

import math

import pytest
import torch

from workloads.models.architecture import build_decoder, decoder_config
from workloads.models.spec import ModelSpec

SPEC = ModelSpec(preset="2M", layers=2)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    config = decoder_config(SPEC, 300, 32)
    first, again, other = (build_decoder(config, seed) for seed in (5, 5, 6))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.model.embed_tokens.weight, other.model.embed_tokens.weight)


def test_building_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    build_decoder(decoder_config(SPEC, 300, 32), seed=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_into_the_residual_stream_are_scaled_down() -> None:
    model = build_decoder(decoder_config(SPEC, 300, 32), seed=1)
    layer, std = model.model.layers[0], math.sqrt(2 / (5 * SPEC.shape.hidden_size))
    assert layer.mlp.up_proj.weight.std().item() == pytest.approx(std, rel=0.03)
    assert layer.mlp.down_proj.weight.std().item() == pytest.approx(std / math.sqrt(4), rel=0.03)
    assert torch.equal(layer.input_layernorm.weight, torch.ones(SPEC.shape.hidden_size))


def test_the_loss_of_a_new_model_is_that_of_guessing() -> None:
    model = build_decoder(decoder_config(SPEC, 300, 32), seed=1)
    tokens = torch.randint(0, 300, (4, 32), generator=torch.Generator().manual_seed(0))
    assert model(input_ids=tokens, labels=tokens).loss.item() == pytest.approx(math.log(300), rel=0.03)


def test_the_end_token_is_trained_like_any_other() -> None:
    model = build_decoder(decoder_config(SPEC, 300, 32), seed=1)
    tokens = torch.zeros(1, 8, dtype=torch.long)
    model(input_ids=tokens, labels=tokens).loss.backward()
    gradient = model.model.embed_tokens.weight.grad
    assert gradient is not None
    assert gradient[0].abs().sum() > 0
    assert model.model.embed_tokens.weight[0].abs().sum() > 0


@pytest.mark.parametrize(("given", "context"), [(None, 32), (128, 128)])
def test_the_context_is_the_trained_length_unless_given(given: int | None, context: int) -> None:
    assert decoder_config(ModelSpec(preset="2M", max_context=given), 300, 32).max_position_embeddings == context
