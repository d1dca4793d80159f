"""Which weights go to which optimizer, what is kept of them, and the running average."""

import torch

from tests.workloads.training.conftest import LENGTH, TINY, VOCABULARY
from workloads.models.architecture import build_decoder, decoder_config
from workloads.training.optimizer import (
    TrainingOptimizer,
    averaged_weights,
    create_state,
    make_optimizer,
    optimizer_tensors,
)
from workloads.training.spec import TrainingSpec


def _made(**values: object) -> tuple[torch.nn.Module, TrainingOptimizer]:
    model = build_decoder(decoder_config(TINY, VOCABULARY, LENGTH), seed=0)
    optimizer = make_optimizer(model, TrainingSpec.model_validate(values))
    create_state(model, optimizer)
    return model, optimizer


def _step(model: torch.nn.Module, optimizer: TrainingOptimizer) -> None:
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()


def test_muon_has_the_matrices_of_the_layers_and_adamw_the_rest() -> None:
    model, optimizer = _made(optimizer="muon")
    kept = optimizer_tensors(model, optimizer)
    by_muon = {name.removeprefix("momentum_buffer.") for name in kept if name.startswith("momentum_buffer.")}
    by_adamw = {name.removeprefix("exp_avg.") for name in kept if name.startswith("exp_avg.")}
    assert by_muon == {name for name, each in model.named_parameters() if each.ndim == 2 and "layers" in name}
    assert by_muon | by_adamw == {name for name, _ in model.named_parameters()}
    assert not by_muon & by_adamw


def test_muon_moves_a_matrix_in_all_directions_alike() -> None:
    model, optimizer = _made(optimizer="muon", weight_decay=0)
    name = "model.layers.0.mlp.gate_proj.weight"
    weight = dict(model.named_parameters())[name]
    before = weight.detach().clone()
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2))
    optimizer.step()
    sizes = torch.linalg.svdvals(weight.detach() - before)
    assert sizes.max() / sizes.min() < 3


def test_the_average_follows_the_weights_and_stands_in_for_them() -> None:
    model, optimizer = _made(weight_average=0.5)
    start = {name: each.detach().clone() for name, each in model.named_parameters()}
    _step(model, optimizer)
    after_one = averaged_weights(optimizer_tensors(model, optimizer))
    newest = {name: each.detach().clone() for name, each in model.named_parameters()}
    for name, each in after_one.items():
        torch.testing.assert_close(each, start[name].lerp(newest[name], 9 / 11))
    with optimizer.averaged():
        averages = {name: each.detach().clone() for name, each in model.named_parameters()}
    assert all(torch.equal(newest[name], each) for name, each in model.named_parameters())
    assert all(not torch.equal(newest[name], each) for name, each in averages.items())


def test_without_an_average_nothing_is_exchanged() -> None:
    model, optimizer = _made()
    _step(model, optimizer)
    assert averaged_weights(optimizer_tensors(model, optimizer)) == {}
    newest = [each.detach().clone() for each in model.parameters()]
    with optimizer.averaged():
        assert all(torch.equal(one, other) for one, other in zip(newest, model.parameters(), strict=True))
