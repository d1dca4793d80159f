"""One rate for every width: which weights it is scaled for, and that updates then move the output alike."""

import pytest
import torch
from pydantic import ValidationError

from tests.workloads.training.conftest import LENGTH, QUICK, TINY, VOCABULARY
from workloads.models.architecture import build_decoder, decoder_config
from workloads.models.spec import ModelSpec
from workloads.training.communicator import Alone
from workloads.training.objective import Batch
from workloads.training.optimizer import create_state, make_optimizer
from workloads.training.precision import Precision
from workloads.training.prepare import prepare
from workloads.training.spec import TrainingSpec
from workloads.training.step import Signals
from workloads.training.transfer import LAST_NORM, scale_output

RATE, STEPS = 0.02, 4


def _shape(width: int) -> ModelSpec:
    return TINY.model_copy(
        update={"hidden_size": width, "heads": width // 8, "kv_heads": width // 16, "intermediate_size": 2 * width}
    )


def test_matrices_and_the_last_norm_follow_the_width_and_the_rest_stays() -> None:
    spec = TrainingSpec(optimizer="adamw", base_width=16, weight_decay=0.1)
    model = build_decoder(decoder_config(_shape(64), VOCABULARY, LENGTH), seed=0)
    optimizer = make_optimizer(model, spec)
    optimizer.set_rate(RATE)
    names = {id(each): name for name, each in model.named_parameters()}
    found = {names[id(each)]: group for group in optimizer.param_groups for each in group["params"]}
    assert found.keys() == {name for name, _ in model.named_parameters()}
    for name, group in found.items():
        inner = "proj.weight" in name
        assert group["lr"] == (RATE / 4 if inner or name == LAST_NORM else RATE)
        lost = group["lr"] * group["weight_decay"]
        assert lost == pytest.approx(RATE * 0.1 if inner or "embed" in name else 0)


def test_at_the_width_itself_nothing_changes() -> None:
    plain, scaled = (build_decoder(decoder_config(TINY, VOCABULARY, LENGTH), seed=0) for _ in range(2))
    scale_output(scaled, TrainingSpec(optimizer="adamw", base_width=16))
    for spec, model in ((TrainingSpec(optimizer="adamw", base_width=16), scaled), (TrainingSpec(optimizer="adamw"), plain)):
        optimizer = make_optimizer(model, spec)
        create_state(model, optimizer)
        for each in model.parameters():
            each.grad = torch.ones_like(each)
        optimizer.set_rate(RATE)
        optimizer.step()
    for one, other in zip(plain.parameters(), scaled.parameters(), strict=True):
        assert torch.equal(one, other)


def _moved(width: int, base: int | None) -> float:
    """How far the logits of one batch have moved after some steps at one rate: root mean square."""
    spec = TrainingSpec(global_batch=4, micro_batch=4, optimizer="adamw", base_width=base, precision="f32")
    model = build_decoder(decoder_config(_shape(width), VOCABULARY, LENGTH), seed=0)
    scale_output(model, spec)
    step, optimizer = prepare(model, spec, Alone(), Precision(torch.float32, "cpu"))
    create_state(model, optimizer)
    tokens = torch.randint(1, VOCABULARY, (4, LENGTH), generator=torch.Generator().manual_seed(0))
    batch = Batch(tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous())
    before = model(batch.inputs).logits.detach()
    for _ in range(STEPS):
        step.run([batch], RATE, Signals())
    return float((model(batch.inputs).logits.detach() - before).square().mean().sqrt())


def test_the_output_moves_alike_at_every_width_and_does_not_without() -> None:
    narrow = _moved(32, None)
    assert _moved(32, 32) == narrow
    assert _moved(512, 32) < 2 * narrow
    assert _moved(512, None) > 2 * narrow


def test_it_is_no_part_of_a_run_that_does_not_ask_for_it_and_is_for_adamw() -> None:
    assert "base_width" not in QUICK.identity()
    assert TrainingSpec(optimizer="adamw", base_width=64).identity()["base_width"] == 64
    with pytest.raises(ValidationError, match="rates carry over with adamw"):
        TrainingSpec(base_width=64, optimizer="muon")
