"""A model that is cut over processes makes the steps of one process, and gives its whole weights back."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, multiprocessing

from workloads.models.architecture import build_decoder, decoder_config
from workloads.models.folder import named_weights
from workloads.models.spec import ModelSpec
from workloads.training.communicator import Alone, Communicator, TorchGroup
from workloads.training.loss import IGNORED
from workloads.training.objective import Batch
from workloads.training.optimizer import create_state, optimizer_tensors, restore_optimizer
from workloads.training.placement import whole
from workloads.training.precision import Precision
from workloads.training.prepare import prepare
from workloads.training.spec import TrainingSpec
from workloads.training.step import Signals, StepResult

LENGTH, VOCABULARY, MICRO_BATCHES = 14, 40, 5
SMALL = ModelSpec(preset="2M", hidden_size=16, layers=2, heads=4, kv_heads=2, head_dim=4, intermediate_size=24)
F32 = Precision(torch.float32, "cpu")
CASES: dict[str, tuple[int, dict[str, Any]]] = {
    "shards": (2, {"parallel": {"shard": 2}}),
    "shards, Muon and averages": (2, {"parallel": {"shard": 2}, "optimizer": "muon", "weight_average": 0.9}),
    "tensor": (2, {"parallel": {"tensor": 2}}),
    "tensor and Muon": (2, {"parallel": {"tensor": 2}, "optimizer": "muon"}),
    "context": (2, {"parallel": {"context": 2}, "document_mask": True}),
    "copies of shards": (4, {"parallel": {"shard": 2}}),
    "shards of tensors": (4, {"parallel": {"shard": 2, "tensor": 2}}),
    "context and tensors": (4, {"parallel": {"context": 2, "tensor": 2}, "document_mask": True}),
}


def _spec(values: dict[str, Any], workers: int) -> TrainingSpec:
    usual = {"global_batch": 10, "micro_batch": 2, "optimizer": "adamw", "clip": 0.5}
    return TrainingSpec.model_validate(usual | {"workers": workers, **values})


def _batches(step: int, by_document: bool) -> list[Batch]:
    rows = torch.randint(0, VOCABULARY, (2 * MICRO_BATCHES, LENGTH), generator=torch.Generator().manual_seed(step))
    targets = rows[:, 1:].clone()
    targets[0, -4:] = IGNORED
    documents = (torch.arange(LENGTH - 1) >= 6).int().expand(2, -1) if by_document else None
    parts = zip(rows[:, :-1].split(2), targets.split(2), strict=True)
    return [Batch(inputs, wanted, 7 + number, documents) for number, (inputs, wanted) in enumerate(parts)]


def _train(spec: TrainingSpec, group: Communicator) -> dict[str, Any]:
    """Two steps and a measurement; the optimizer's state is taken out and put back between the two."""
    model = build_decoder(decoder_config(SMALL, VOCABULARY, LENGTH), seed=0)
    step, optimizer = prepare(model, spec, group, F32)
    create_state(model, optimizer)
    number, count = step.share
    results: list[StepResult] = []
    for index in range(2):
        mine = _batches(index, spec.document_mask)[number::count]
        results.append(step.run(mine, 1e-2, Signals(total_steps=4 if group.rank == 0 else 0)))
        restore_optimizer(model, optimizer, whole(optimizer_tensors(model, optimizer)))
        step.evaluate(_batches(8, spec.document_mask)[number::count])
    heldout = step.evaluate(_batches(9, spec.document_mask)[number::count])
    weights = {name: tensor.detach().clone() for name, tensor in whole(named_weights(model)).items()}
    return {"results": results, "heldout": heldout, "weights": weights}


def _member(rank: int, size: int, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=size)
    for name, (workers, values) in CASES.items():
        if workers == size:
            found = _train(_spec(values, workers), TorchGroup())
            if rank == size - 1:
                torch.save(found, f"{folder}/{name}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the last process of each case has in the end."""
    results: dict[str, dict[str, Any]] = {}
    for size in (2, 4):
        folder = tmp_path_factory.mktemp(f"of{size}")
        multiprocessing.start_processes(_member, (size, str(folder)), nprocs=size, start_method="fork")
        results |= {file.stem: torch.load(file, weights_only=False) for file in Path(folder).glob("*.pt")}
    return results


@pytest.mark.parametrize("case", CASES)
def test_the_step_is_that_of_one_process(found: dict[str, dict[str, Any]], case: str) -> None:
    values = {key: value for key, value in CASES[case][1].items() if key != "parallel"}
    alone = _train(_spec(values, 1), Alone())
    near = 1e-3 if values.get("optimizer") == "muon" else 1e-4  # Muon computes in bf16
    for one, other in zip(found[case]["results"], alone["results"], strict=True):
        assert (one.tokens, one.digest, one.signals) == (other.tokens, other.digest, other.signals)
        assert one.loss == pytest.approx(other.loss, rel=near)
        assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=near)
    assert found[case]["heldout"] == pytest.approx(alone["heldout"], rel=near)
    for name, weight in alone["weights"].items():
        torch.testing.assert_close(found[case]["weights"][name], weight, rtol=2e-3, atol=10 * near if near > 1e-4 else 3e-4)
