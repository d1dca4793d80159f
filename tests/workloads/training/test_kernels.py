"""Kernels of a GPU are refused where there is none, and named where their package is missing."""

import sys
from typing import Any

import pytest
import torch

from cluster.errors import DependencyError, ResourceError
from tests.workloads.training.conftest import LENGTH, TINY, VOCABULARY
from workloads.models.architecture import build_decoder, decoder_config
from workloads.training import kernels
from workloads.training.communicator import Alone
from workloads.training.kernels import use_liger
from workloads.training.precision import Precision
from workloads.training.prepare import prepare
from workloads.training.spec import TrainingSpec


class OnGpu:
    """A model whose weights say that they are on a GPU."""

    class Weight:
        device = torch.device("cuda")

    def parameters(self) -> Any:
        return iter([self.Weight()])


def test_they_are_refused_off_a_gpu() -> None:
    model = build_decoder(decoder_config(TINY, VOCABULARY, LENGTH), seed=0)
    with pytest.raises(ResourceError, match=r"liger on a cpu; a GPU: .*; set `training.kernels: torch`"):
        prepare(model, TrainingSpec(kernels="liger"), Alone(), Precision(torch.float32, "cpu"))


def test_without_the_package_the_pip_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "liger_kernel.transformers", None)
    with pytest.raises(DependencyError, match=r"pip install 'hanlin\[liger\]'"):
        use_liger(OnGpu())  # type: ignore[arg-type]


def test_all_but_the_loss_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(kernels, "_liger", lambda: asked.update)
    model = OnGpu()
    use_liger(model)  # type: ignore[arg-type]
    assert asked.pop("model") is model
    assert asked == {
        "rope": True,
        "rms_norm": True,
        "swiglu": True,
        "cross_entropy": False,
        "fused_linear_cross_entropy": False,
    }


def test_kernels_are_no_part_of_what_a_run_is() -> None:
    assert TrainingSpec(kernels="liger").identity() == TrainingSpec().identity()
