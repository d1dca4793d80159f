"""What one machine computes per second and remembers: known GPUs by name, or the processors of this machine."""

from dataclasses import dataclass

from cluster.errors import UserError

# Dense bf16 FLOP/s and bytes of memory, from NVIDIA's data sheets.
_GPUS = {
    "H100": (989e12, 80e9),
    "H200": (989e12, 141e9),
    "H800": (989e12, 80e9),
    "H20": (148e12, 96e9),
    "B200": (2250e12, 180e9),
    "A100": (312e12, 80e9),
    "A800": (312e12, 80e9),
    "L40S": (362e12, 48e9),
    "L20": (119.5e12, 48e9),
    "A10": (125e12, 24e9),
    "4090": (165e12, 24e9),
    "3090": (71e12, 24e9),
}
GPU_NAMES = tuple(_GPUS)
GPU_SHARE = 0.4  # of the peak; published pretraining reaches 0.35 to 0.5 on one H100
CPU_SHARE = 0.3  # of the peak of a plain matrix product, where no ladder measured better


@dataclass(frozen=True)
class Machine:
    """One worker's: FLOP/s that training reaches there, bytes of memory, and where the speed is known from."""

    name: str
    flops_per_second: float
    memory_bytes: int
    basis: str


def gpu(name: str, share: float = GPU_SHARE) -> Machine:
    """Raises UserError for a GPU that is not known."""
    if name.upper() not in _GPUS:
        raise UserError(f"--gpu {name}", f"one of {', '.join(GPU_NAMES)}", "take the nearest of them and --mfu")
    peak, memory = _GPUS[name.upper()]
    return Machine(name.upper(), share * peak, int(memory), f"{share:.0%} of the data sheet's {peak / 1e12:g} TFLOP/s")


def this_machine(measured: float | None) -> Machine:
    """The processors here; `measured`: FLOP/s of a ladder that was trained on them."""
    import torch

    from workloads.training.fit import memory_of
    from workloads.training.metrics import peak_flops

    device = torch.device("cpu")
    if measured is not None:
        return Machine("this machine", measured, memory_of(device), "measured by the ladder")
    peak = peak_flops(device, torch.float32)
    basis = f"{CPU_SHARE:.0%} of {peak / 1e9:.0f} GFLOP/s, measured now"
    return Machine("this machine", CPU_SHARE * peak, memory_of(device), basis)
