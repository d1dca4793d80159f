"""Lines, rates and bits."""

import json
import math

import pytest
import torch

from cluster.errors import ResourceError
from workloads.training.metrics import StepRecord, bits_per_character, peak_flops, shortest, training_curve
from workloads.training.precision import Precision, choose_precision, has_native_bf16


def test_bits_per_character_of_guessing_among_four_tokens_of_two_characters() -> None:
    assert bits_per_character(math.log(4), tokens=500, characters=1000) == pytest.approx(1.0)


def test_a_line_leaves_out_what_was_not_measured() -> None:
    record = StepRecord(10, 80, 2000, 1.23456789, 1e-3, 4.5, 0.9, 1624.0, 0.31)
    values = json.loads(record.to_line())
    assert values["seconds"] == 1.23457
    assert "heldout_loss" not in values


def test_a_curve_has_both_series() -> None:
    lines = [
        StepRecord(10, 80, 200, 1.0, 1e-3, 4.5, 0.9, 200.0, 0.3).to_line(),
        StepRecord(20, 160, 400, 2.0, 1e-3, 4.0, 0.9, 200.0, 0.3, 40, 4.2, 5.5).to_line(),
    ]
    assert training_curve(lines) == {"train": [[10, 200, 4.5], [20, 400, 4.0]], "heldout": [[20, 400, 4.2, 5.5]]}


def test_the_peak_of_this_processor_is_measured_once() -> None:
    peak = peak_flops(torch.device("cpu"), torch.float32)
    assert peak > 1e8
    threads = torch.get_num_threads()
    assert peak_flops(torch.device("cpu"), torch.float32) == peak
    assert torch.get_num_threads() == threads


def test_a_disturbed_measurement_does_not_lower_the_peak() -> None:
    moments = iter([0.0, 3.0, 4.0, 6.0, 11.0])
    calls: list[int] = []
    assert shortest(lambda: calls.append(1), seconds=10.0, clock=lambda: next(moments)) == 1.0
    assert len(calls) == 4
    slow = iter([0.0, 30.0, 50.0, 75.0])
    assert shortest(lambda: None, seconds=10.0, clock=lambda: next(slow)) == 20.0


def test_f32_is_what_it_says() -> None:
    precision = choose_precision("f32", torch.device("cpu"))
    assert precision == Precision(torch.float32, "cpu")
    with precision.autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_bf16_is_taken_where_the_hardware_has_it_and_refused_elsewhere() -> None:
    cpu = torch.device("cpu")
    if has_native_bf16(cpu):
        assert choose_precision("auto", cpu).name == choose_precision("bf16", cpu).name == "bf16"
        return
    assert choose_precision("auto", cpu).name == "f32"
    with pytest.raises(ResourceError, match=r"no bf16 arithmetic; .*; set `training\.precision: auto`"):
        choose_precision("bf16", cpu)
