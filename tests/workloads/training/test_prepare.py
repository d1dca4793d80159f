"""What is computed again, compiled or masked changes no gradient that it should not."""

import pytest
import torch

from tests.workloads.training.conftest import LENGTH, TINY, VOCABULARY
from workloads.models.architecture import build_decoder, decoder_config
from workloads.training.objective import Batch, NextTokenLoss
from workloads.training.precision import Precision
from workloads.training.prepare import keep_less
from workloads.training.spec import TrainingSpec

F32, BF16 = (Precision(dtype, "cpu") for dtype in (torch.float32, torch.bfloat16))


def _batch(documents: torch.Tensor | None = None, seed: int = 3) -> Batch:
    rows = torch.randint(0, VOCABULARY, (2, LENGTH), generator=torch.Generator().manual_seed(seed))
    return Batch(rows[:, :-1], rows[:, 1:], documents=documents)


def _gradients(spec: TrainingSpec, precision: Precision = F32) -> list[torch.Tensor]:
    model = build_decoder(decoder_config(TINY, VOCABULARY, LENGTH), seed=0).train()
    objective = NextTokenLoss(model, precision, chunk=10)
    keep_less(model, spec)
    objective(_batch()).backward()
    return [each.grad for each in model.parameters() if each.grad is not None]


@pytest.mark.parametrize("recompute", ["selective", "full"])
def test_what_is_computed_again_is_the_same(recompute: str) -> None:
    found = _gradients(TrainingSpec.model_validate({"recompute": recompute}))
    for one, other in zip(found, _gradients(TrainingSpec()), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_bf16_by_blocks_is_near_f32() -> None:
    for one, other in zip(_gradients(TrainingSpec(), BF16), _gradients(TrainingSpec()), strict=True):
        assert (one - other).norm() <= 0.05 * other.norm()


@pytest.mark.parametrize("precision", [F32, BF16])
def test_a_masked_document_is_what_it_is_alone(precision: Precision) -> None:
    model = build_decoder(decoder_config(TINY, VOCABULARY, LENGTH), seed=0).eval()
    objective, cut = NextTokenLoss(model, precision), 6
    whole = _batch()
    documents = (torch.arange(LENGTH - 1) >= cut).int().expand(2, -1)
    parts = [Batch(whole.inputs[:, part], whole.targets[:, part]) for part in (slice(cut), slice(cut, None))]
    with torch.no_grad():
        together = objective(_batch(documents))
        apart = sum(objective(part) for part in parts)
        unmasked = objective(whole)
    near = 1e-5 if precision is F32 else 1e-2
    assert float(together) == pytest.approx(float(apart), rel=near)
    assert float(unmasked) != pytest.approx(float(apart), rel=1e-5)


def test_workers_must_fill_groups() -> None:
    with pytest.raises(ValueError, match="multiple"):
        TrainingSpec.model_validate({"workers": 3, "parallel": {"shard": 2}})
    with pytest.raises(ValueError, match="cannot shrink"):
        TrainingSpec.model_validate({"workers": 2, "min_workers": 1, "parallel": {"shard": 2}})
    assert TrainingSpec.model_validate({"workers": 8, "parallel": {"shard": 2, "tensor": 4}}).parallel.group == 8
