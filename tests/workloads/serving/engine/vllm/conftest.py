"""What the engine vllm imports of vLLM, stood in for by the least that does it where vLLM is not installed."""

import enum
import sys
from types import ModuleType
from typing import Any

import pytest

from workloads.serving.engine.vllm.runtime import available

DRAWS = "workloads.serving.engine.vllm.draws"


class Direction(enum.Enum):
    UNIDIRECTIONAL = 0
    SWAP = 1


class Parameters:
    """Whatever they are made with."""

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)


_NAMES: dict[str, dict[str, Any]] = {
    "vllm": {},
    "vllm.inputs": {"TokensPrompt": Parameters},
    "vllm.v1": {},
    "vllm.v1.metrics": {},
    "vllm.v1.metrics.loggers": {"StatLoggerBase": object},
    "vllm.v1.sample": {},
    "vllm.v1.sample.logits_processor": {"LogitsProcessor": object, "MoveDirectionality": Direction},
    "vllm.sampling_params": {"SamplingParams": Parameters, "RequestOutputKind": Parameters(DELTA=1)},
}


@pytest.fixture
def vllm_names(monkeypatch: pytest.MonkeyPatch) -> None:
    if available():
        return
    for name, members in _NAMES.items():
        module = ModuleType(name)
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, DRAWS, raising=False)
