"""What kind of machine this is: figures that were measured on one kind say nothing of another."""

import platform
import re
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class MachineKind:
    """`name` of the processor, or of the accelerator where one computes; logical processors and bytes of memory of the machine."""

    name: str
    processors: int
    memory_bytes: int

    @property
    def key(self) -> str:
        """The name as a file's."""
        return key_of(self.name)


def key_of(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def this_machine(accelerator: bool) -> MachineKind:
    """The machine of this process; `accelerator`: the engine computes on one."""
    name = _accelerator() if accelerator else _processor()
    return MachineKind(name, psutil.cpu_count() or 1, int(psutil.virtual_memory().total))


def _accelerator() -> str:
    import torch

    return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else "no accelerator"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = re.findall(r"^model name\s*: (.+)$", info.read_text(encoding="utf-8"), re.MULTILINE) if info.exists() else []
    return names[0].strip() if names else platform.processor() or platform.machine()
