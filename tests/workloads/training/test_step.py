"""One step gives the same weights however its micro-batches are shared out."""

import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workloads.training.conftest import LENGTH, TINY, VOCABULARY, ThreadGroup
from workloads.models.architecture import build_decoder, decoder_config
from workloads.training.communicator import Alone, Communicator
from workloads.training.loss import IGNORED
from workloads.training.objective import NextTokenLoss
from workloads.training.optimizer import create_state, make_optimizer
from workloads.training.precision import Precision
from workloads.training.spec import TrainingSpec
from workloads.training.step import Batch, OptimizerStep, Signals, StepResult

F32 = Precision(torch.float32, "cpu")


def _rows(count: int) -> torch.Tensor:
    rows = torch.randint(0, VOCABULARY, (count, LENGTH), generator=torch.Generator().manual_seed(3))
    return rows


def _batch(rows: torch.Tensor, valid: int = LENGTH) -> Batch:
    targets = rows[:, 1:].clone()
    targets[:, valid - 1 :] = IGNORED
    return Batch(rows[:, :-1], targets, digest=(1 << 63) + int(rows.sum()))


def _step(
    batches: list[Batch], group: Communicator, signals: Signals, clip: float = 1.0
) -> tuple[StepResult, list[torch.Tensor]]:
    model = build_decoder(decoder_config(TINY, VOCABULARY, LENGTH), seed=0)
    optimizer = make_optimizer(model, TrainingSpec(optimizer="adamw"))
    create_state(model, optimizer)
    result = OptimizerStep(NextTokenLoss(model, F32, chunk=10), optimizer, group, clip).run(batches, 1e-2, signals)
    return result, [parameter.detach().clone() for parameter in model.parameters()]


@settings(max_examples=12, deadline=None)
@given(size=st.integers(1, 5), micro=st.integers(1, 4), valid=st.integers(2, LENGTH))
def test_any_number_of_processes_makes_the_same_step(size: int, micro: int, valid: int) -> None:
    rows = _rows(7)
    batches = [_batch(rows[i : i + micro], valid if i == 0 else LENGTH) for i in range(0, 7, micro)]
    alone, wanted = _step(batches, Alone(), Signals())
    group, found = ThreadGroup(size), dict[int, tuple[StepResult, list[torch.Tensor]]]()

    def member(rank: int) -> None:
        signals = Signals(total_steps=9 if rank == 0 else 0, leave=rank == size - 1)
        found[rank] = _step(batches[rank::size], group.member(rank), signals)

    threads = [threading.Thread(target=member, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result, weights in found.values():
        assert result.tokens == alone.tokens == sum(int((b.targets != IGNORED).sum()) for b in batches)
        assert result.loss == pytest.approx(alone.loss, rel=1e-5)
        assert result.digest == alone.digest == sum(b.digest for b in batches) % (1 << 64)
        assert result.signals == Signals(stop=False, leave=True, total_steps=9)
        for one, other, first in zip(weights, wanted, found[0][1], strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-4)
            assert torch.equal(one, first)


def test_the_loss_is_the_mean_over_valid_targets_as_transformers_counts_it() -> None:
    rows = _rows(4)
    model = build_decoder(decoder_config(TINY, VOCABULARY, LENGTH), seed=0)
    wanted = model(input_ids=rows, labels=rows).loss.item()
    result, _ = _step([_batch(rows[:3]), _batch(rows[3:])], Alone(), Signals())
    assert result.loss == pytest.approx(wanted, rel=1e-5)


def test_a_step_equals_torchs_own_clipping_and_adamw() -> None:
    rows, spec = _rows(4), TrainingSpec(optimizer="adamw")
    result, found = _step([_batch(rows)], Alone(), Signals(), clip=0.1)
    model = build_decoder(decoder_config(TINY, VOCABULARY, LENGTH), seed=0)
    model(input_ids=rows, labels=rows).loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    assert result.gradient_norm == pytest.approx(norm.item(), rel=1e-4)
    matrices, norms = ([p for p in model.parameters() if (p.ndim >= 2) == wide] for wide in (True, False))
    groups = [{"params": matrices, "weight_decay": spec.weight_decay}, {"params": norms, "weight_decay": 0.0}]
    torch.optim.AdamW(groups, lr=1e-2, betas=(spec.beta1, spec.beta2)).step()
    for one, other in zip(found, model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_a_process_without_work_still_takes_part() -> None:
    result, weights = _step([], Alone(), Signals(stop=True))
    assert (result.tokens, result.loss_sum, result.signals.stop) == (0, 0.0, True)
    assert all(torch.isfinite(weight).all() for weight in weights)
