"""In which number format the matrices are multiplied: bf16 where the hardware does so itself, else f32.

Weights, gradients and optimizer state are f32 either way (autocast).
"""

import contextlib
from dataclasses import dataclass

import torch

from cluster.errors import ResourceError
from workloads.training.spec import PrecisionName


@dataclass(frozen=True)
class Precision:
    """A format on a device type (`cpu` or `cuda`)."""

    dtype: torch.dtype
    device_type: str

    @property
    def name(self) -> str:
        return "bf16" if self.dtype == torch.bfloat16 else "f32"

    def autocast(self) -> contextlib.AbstractContextManager[object]:
        if self.dtype == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device_type, dtype=self.dtype)


def choose_precision(wanted: PrecisionName, device: torch.device) -> Precision:
    """Raises ResourceError where bf16 is asked for and the hardware would only emulate it, slower than f32."""
    native = has_native_bf16(device)
    if wanted == "bf16" and not native:
        raise ResourceError(
            f"precision bf16 on a {device.type} that has no bf16 arithmetic",
            "a GPU of the Ampere generation or later, or a CPU with avx512_bf16 or amx",
            "set `training.precision: auto`",
        )
    return Precision(torch.bfloat16 if native and wanted != "f32" else torch.float32, device.type)


def has_native_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
