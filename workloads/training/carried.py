"""What a process that is behind copies from one that is not: everything that makes the next step the same in both.

Tensors are copied in place, the rest as JSON. Not for what is kept in storage: checkpoint.py.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from workloads.training.checkpoint import LoopState
from workloads.training.communicator import Communicator, share_json, share_tensors
from workloads.training.health.quarantine import LeftOut
from workloads.training.rollcall import Ending
from workloads.training.step import Signals, StepResult


@dataclass(frozen=True)
class Pending:
    """A step whose update is done, and after which something is still to do: measuring, telling, saving."""

    result: StepResult
    rate: float


@dataclass(frozen=True)
class Carried:
    """Beside the tensors: the state, metrics and ledger of all steps so far, the steps that were left out, the step that is not
    wound up, and how the run is about to end."""

    state: LoopState
    metrics: list[str]
    ledger: list[str]
    left_out: list[LeftOut]
    pending: Pending | None = None
    ending: Ending | None = None

    def share(self, tensors: Sequence[torch.Tensor], group: Communicator, device: torch.device, source: int) -> "Carried":
        """The value of the process with this rank, in all, with its tensors. May raise PeerLost: then the tensors are of no use."""
        told = asdict(self) | {"state": self.state.to_json(), "left_out": [entry.to_json() for entry in self.left_out]}
        values: dict[str, Any] = share_json(told, group, device, source)
        share_tensors(tensors, group, source)
        values["state"] = LoopState.from_json(values["state"])
        values["left_out"] = [LeftOut.from_json(entry) for entry in values["left_out"]]
        if (pending := values["pending"]) is not None:
            pending["result"]["signals"] = Signals(**pending["result"]["signals"])
            values["pending"] = Pending(StepResult(**pending["result"]), pending["rate"])
        return Carried(**values)
