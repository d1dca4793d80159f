"""What a step is told as: one JSON line, tokens per second and the share of the processor's peak (MFU)."""

import functools
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import torch

from cluster.manifest import Json

# Dense bf16 tensor-core peaks in FLOP/s, from NVIDIA's data sheets; the first name that occurs in the device's name holds.
_GPU_PEAKS = (
    ("H20", 148e12),  # before H200, and matched as a word: "NVIDIA H20"
    ("H200", 989e12),
    ("H100 PCIe", 756e12),
    ("H100", 989e12),
    ("H800", 989e12),
    ("B200", 2250e12),
    ("A100", 312e12),
    ("A800", 312e12),
    ("L40S", 362e12),
    ("L20", 119.5e12),
    ("A10", 125e12),
    ("RTX 4090", 165e12),
    ("RTX 3090", 71e12),
)

# Sides of the matrices whose product measures a peak. On a processor of two cores with a load of 20, in GFLOP/s of f32: two threads
# and 768 gave 12, of 186 that there are, and so utilisations above one; one thread and 256 gave 103, as without other load.
_CPU_SIZES, _GPU_SIZE = (256, 512), 4096
_PEAK_SECONDS = 0.5


@dataclass(frozen=True)
class StepRecord:
    """One line of metrics.jsonl. Losses in nats per token; `tokens` are valid targets trained on so far, `seconds` the time
    spent training so far, resumed runs included; rates and `wait` (share of the time in which the step waited for rows) are
    those since the last line."""

    step: int
    position: int
    tokens: int
    seconds: float
    learning_rate: float
    loss: float
    gradient_norm: float
    tokens_per_second: float
    mfu: float
    expected_steps: int = 0
    heldout_loss: float | None = None
    heldout_bits_per_character: float | None = None
    bits_per_character: float | None = None
    wait: float = 0.0
    workers: int = 1

    def to_line(self) -> str:
        values = {key: _rounded(value) for key, value in asdict(self).items() if value is not None}
        return json.dumps(values)


def _rounded(value: float | int) -> float | int:
    return value if isinstance(value, int) else float(f"{value:.6g}")


@dataclass(frozen=True)
class Reading:
    """Of some steps: mean loss in nats per token, tokens per second, share of the time that went into waiting for rows."""

    loss: float
    tokens_per_second: float = 0.0
    wait: float = 0.0


class Meter:
    """Mean loss and speed over the steps since it was last read. `last`: the mean loss of then, which also stands for steps
    that were left out."""

    def __init__(self) -> None:
        self.last = 0.0
        self._loss, self._tokens, self._waited, self._start = 0.0, 0, 0.0, time.monotonic()

    def add(self, loss_sum: float, tokens: int) -> None:
        self._loss += loss_sum
        self._tokens += tokens

    def waited(self, seconds: float) -> None:
        self._waited += seconds

    def read(self) -> Reading:
        """Starts again."""
        now = time.monotonic()
        seconds = max(now - self._start, 1e-9)
        self.last = self._loss / self._tokens if self._tokens else self.last
        reading = Reading(self.last, self._tokens / seconds, min(1.0, self._waited / seconds))
        self._loss, self._tokens, self._waited, self._start = 0.0, 0, 0.0, now
        return reading


def bits_per_character(loss: float, tokens: int, characters: int) -> float:
    """A loss in nats per token over text of `tokens` tokens and `characters` characters."""
    return loss / math.log(2) * tokens / max(1, characters)


def peak_flops(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP/s that this process can reach at best: the data sheet's for a known GPU, else a short matrix product's."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
        for known, peak in _GPU_PEAKS:
            if f"{known} " in f"{name} ":
                return peak
    return _measured_peak(device, dtype)


@functools.cache
def _measured_peak(device: torch.device, dtype: torch.dtype) -> float:
    """Of a processor: one thread's, times the threads. Threads that wait for each other measure the load, not the processor."""
    if device.type != "cpu":
        return _product_rate(_GPU_SIZE, device, dtype)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return threads * max(_product_rate(size, device, dtype) for size in _CPU_SIZES)
    finally:
        torch.set_num_threads(threads)


def _product_rate(size: int, device: torch.device, dtype: torch.dtype) -> float:
    left = torch.randn(size, size, generator=torch.Generator().manual_seed(0)).to(device, dtype)
    return 2 * size**3 / shortest(lambda: (left @ left)[0, 0].item(), _PEAK_SECONDS)


def shortest(work: Callable[[], object], seconds: float, clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of the quickest of the calls that fit in `seconds`, three at least: other load disturbs many, hardly all."""
    began = last = clock()
    times: list[float] = []
    while len(times) < 3 or last - began < seconds:
        work()
        now = clock()
        times.append(now - last)
        last = now
    return min(times)


def training_curve(lines: Sequence[str]) -> dict[str, Json]:
    """metrics.jsonl as series to draw: `train` [step, tokens, loss], `heldout` [step, tokens, loss, bits per character]."""
    records = [json.loads(line) for line in lines]
    train: list[Json] = [[r["step"], r["tokens"], r["loss"]] for r in records]
    heldout: list[Json] = [
        [r["step"], r["tokens"], r["heldout_loss"], r.get("heldout_bits_per_character")] for r in records if "heldout_loss" in r
    ]
    return {"train": train, "heldout": heldout}
