"""Averages of a byte a number: what is kept of them, and that training goes on from it; with torchao, where that is installed."""

import importlib.util
import sys

import pytest
import torch
from pydantic import ValidationError
from transformers import PreTrainedModel

from cluster.errors import DependencyError
from tests.workloads.training.conftest import LENGTH, TINY, VOCABULARY
from workloads.models.architecture import build_decoder, decoder_config
from workloads.models.spec import ModelSpec
from workloads.training.fit import training_cost
from workloads.training.optimizer import (
    TrainingOptimizer,
    create_state,
    make_optimizer,
    optimizer_tensors,
    restore_optimizer,
)
from workloads.training.spec import TrainingSpec

WIDE = TINY.model_copy(update={"hidden_size": 64, "intermediate_size": 128})
EIGHT = TrainingSpec(optimizer="adamw", optimizer_states="8bit", weight_average=0.9)

needs_torchao = pytest.mark.skipif(
    importlib.util.find_spec("torchao") is None, reason="torchao is not installed: pip install 'hanlin[eight-bit]'"
)


def _made(spec: TrainingSpec) -> tuple[PreTrainedModel, TrainingOptimizer]:
    model = build_decoder(decoder_config(WIDE, VOCABULARY, LENGTH), seed=0)
    optimizer = make_optimizer(model, spec)
    create_state(model, optimizer)
    return model, optimizer


def _steps(model: PreTrainedModel, optimizer: TrainingOptimizer, seeds: range) -> None:
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        for each in model.parameters():
            each.grad = torch.randn(each.shape, generator=generator)
        optimizer.set_rate(1e-3)
        optimizer.step()


def test_without_the_package_the_pip_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchao.optim", None)
    with pytest.raises(DependencyError, match=r"pip install 'hanlin\[eight-bit\]'"):
        _made(EIGHT)


def test_the_memory_is_counted_and_cut_models_are_refused() -> None:
    model = ModelSpec(preset="124M")
    whole, small = (training_cost(spec, model, 64_000, 512, 8) for spec in (TrainingSpec(optimizer="adamw"), EIGHT))
    assert small.optimizer_bytes < 0.26 * whole.optimizer_bytes
    assert small.activation_bytes == whole.activation_bytes
    with pytest.raises(ValidationError, match="8bit with a parallel section"):
        TrainingSpec(optimizer_states="8bit", workers=2, parallel={"shard": 2})  # type: ignore[arg-type]
    assert "optimizer_states" not in TrainingSpec().identity()


@needs_torchao
def test_large_averages_take_a_byte_a_number() -> None:
    model, optimizer = _made(EIGHT)
    kept = optimizer_tensors(model, optimizer)
    name = "model.layers.0.mlp.gate_proj.weight"
    assert kept[f"exp_avg.codes.{name}"].dtype == torch.uint8
    assert kept[f"exp_avg_sq.scale.{name}"].shape == (64 * 128 // 256,)
    assert kept["exp_avg.model.norm.weight"].dtype == torch.float32


@needs_torchao
def test_it_learns_what_whole_averages_learn() -> None:
    small, whole = (_made(spec) for spec in (EIGHT, TrainingSpec(optimizer="adamw", weight_average=0.9)))
    for each in (small, whole):
        _steps(*each, range(8))
    for one, other in zip(small[0].parameters(), whole[0].parameters(), strict=True):
        assert (one - other).abs().mean() < 1e-4  # eight updates move a weight by up to 8e-3


@needs_torchao
def test_stored_and_restored_it_goes_on_to_the_bit() -> None:
    model, optimizer = _made(EIGHT)
    _steps(model, optimizer, range(3))
    kept = {name: each.clone() for name, each in optimizer_tensors(model, optimizer).items()}
    weights = {name: each.clone() for name, each in model.state_dict().items()}
    _steps(model, optimizer, range(3, 6))
    again, resumed = _made(EIGHT)
    again.load_state_dict(weights)
    restore_optimizer(again, resumed, kept)
    _steps(again, resumed, range(3, 6))
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
