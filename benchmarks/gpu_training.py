"""Training speed on one GPU: tokens per second, share of the peak (MFU) and memory, by model size.

    python benchmarks/gpu_training.py [--sizes 124M 350M 0.6B 1.7B] [--length 2048] [--optimizer muon] [--profile folder]
    python benchmarks/gpu_training.py --device cpu --sizes tiny    # proves the script where there is no GPU

The model, the loss and the step are those of workloads/training, without Ray. Needs torch >= 2.11 and transformers >= 5.17, and what their
settings are checked with, which every recipe goes through: pydantic, pyyaml and pyarrow. Rows are random: the speed does not depend on them. One JSON line per size, also appended to `--out`; a size
that does not fit says so. FLOPs are counted as in PaLM (arXiv 2204.02311, appendix B), the peak is the data sheet's.
"""

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
if missing := [name for name in ("pydantic", "yaml", "pyarrow") if importlib.util.find_spec(name) is None]:
    sys.exit(f"settings cannot be checked without {', '.join(missing)}; pip install pydantic pyyaml pyarrow")

from workloads.models.architecture import build_decoder, decoder_config
from workloads.models.size import describe
from workloads.models.spec import ModelSpec
from workloads.training.communicator import Alone
from workloads.training.metrics import peak_flops
from workloads.training.objective import Batch
from workloads.training.optimizer import create_state
from workloads.training.packed import document_bounds
from workloads.training.precision import choose_precision
from workloads.training.prepare import Step, packs_documents, prepare
from workloads.training.spec import TrainingSpec
from workloads.training.step import Signals

_TINY = ModelSpec(preset="2M", hidden_size=64, layers=2, heads=2, kv_heads=1, head_dim=32, intermediate_size=128)
_MICRO = {"tiny": 2, "124M": 32, "350M": 16, "0.6B": 8, "1.7B": 4}  # rows of 2,048 tokens that fit 80 GB, activations kept
_VOCABULARY = {"124M": 64_000, "350M": 64_000, "0.6B": 151_936, "1.7B": 151_936, "tiny": 500}


@dataclass(frozen=True)
class Figures:
    """What one size reached. Memory in GiB; seconds of the first step hold compilation."""

    size: str
    parameters: int
    device: str
    precision: str
    tokens_per_second: float
    mfu: float
    peak_memory: float
    rows: int
    length: int
    compiled: bool
    recompute: str
    optimizer: str
    optimizer_states: str
    kernels: str
    document_length: int
    first_step_seconds: float
    step_seconds: float
    first_loss: float
    last_loss: float


def measure(size: str, options: argparse.Namespace) -> Figures:
    """Warm up, then time `--steps` steps of `--micro-batches` micro-batches each."""
    device = torch.device(options.device)
    model_spec = _TINY if size == "tiny" else ModelSpec(preset=size)
    micro, vocabulary = options.micro or _MICRO[size], _VOCABULARY[size]
    spec = TrainingSpec(
        global_batch=micro * options.micro_batches,
        micro_batch=micro,
        optimizer=options.optimizer,
        optimizer_states=options.optimizer_states,
        kernels=options.kernels,
        document_mask=bool(options.document_length),
        recompute=options.recompute,
        compile=not options.eager,
    )
    precision = choose_precision(spec.precision, device)
    model = build_decoder(decoder_config(model_spec, vocabulary, options.length), seed=0)
    model.to(device)  # type: ignore[arg-type]
    step, optimizer = prepare(model, spec, Alone(), precision)
    create_state(model, optimizer)
    model.train()
    rows = (options.micro_batches, micro, options.length, vocabulary)
    batches = list(_batches(*rows, options.document_length, packs_documents(spec, precision), device))
    first, first_loss = _timed(step, batches, device)
    for _ in range(options.warmup):
        _timed(step, batches, device)
    if options.profile:
        _profile(step, batches, device, options.profile / f"{size}.txt")
    timed = [_timed(step, batches, device) for _ in range(options.steps)]
    seconds = sum(each for each, _ in timed) / len(timed)
    cost = describe(model_spec, vocabulary, options.length, micro)
    speed = options.micro_batches * micro * (options.length - 1) / seconds
    cuda = device.type == "cuda"
    return Figures(
        size=size,
        parameters=cost.parameters,
        device=torch.cuda.get_device_name() if cuda else f"CPU, {torch.get_num_threads()} thread(s)",
        precision=precision.name,
        tokens_per_second=speed,
        mfu=speed * cost.training_flops_per_token / peak_flops(device, precision.dtype),
        peak_memory=torch.cuda.max_memory_allocated() / (1 << 30) if cuda else 0.0,
        rows=micro * options.micro_batches,
        length=options.length,
        compiled=spec.compile,
        recompute=spec.recompute,
        optimizer=spec.optimizer,
        optimizer_states=spec.optimizer_states,
        kernels=spec.kernels,
        document_length=options.document_length,
        first_step_seconds=first,
        step_seconds=seconds,
        first_loss=first_loss,
        last_loss=timed[-1][1],
    )


def _batches(
    count: int, rows: int, length: int, vocabulary: int, document: int, packed: bool, device: torch.device
) -> Iterator[Batch]:
    """Random rows; of documents of `document` tokens where that is not 0, `packed` with their bounds."""
    generator = torch.Generator().manual_seed(0)
    numbers = (torch.arange(length - 1) // document).to(torch.int32).expand(rows, -1).contiguous() if document else None
    bounds = document_bounds(numbers).to(device) if numbers is not None and packed else None
    for _ in range(count):
        tokens = torch.randint(0, vocabulary, (rows, length), generator=generator).to(device)
        documents = None if numbers is None else numbers.to(device)
        yield Batch(tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous(), documents=documents, bounds=bounds)


def _timed(step: Step, batches: list[Batch], device: torch.device) -> tuple[float, float]:
    """(seconds, loss) of one step."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    result = step.run(batches, 1e-4, Signals())
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start, result.loss


def _profile(step: Step, batches: list[Batch], device: torch.device, file: Path) -> None:
    """The kernels of one step, the longest first."""
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    with profile(activities=activities) as found:
        _timed(step, batches, device)
    file.parent.mkdir(parents=True, exist_ok=True)
    order = "self_cuda_time_total" if device.type == "cuda" else "self_cpu_time_total"
    file.write_text(found.key_averages().table(sort_by=order, row_limit=40), encoding="utf-8")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=tuple(_MICRO), default=["124M", "350M", "0.6B", "1.7B"])
    parser.add_argument("--device", default="cuda")
    for name, default in (("length", 2048), ("micro", 0), ("micro-batches", 4), ("steps", 10), ("warmup", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--optimizer", default="adamw")
    parser.add_argument("--optimizer-states", default="f32")
    parser.add_argument("--kernels", default="torch")
    parser.add_argument("--document-length", type=int, default=0, help="keep documents of so many tokens apart")
    parser.add_argument("--recompute", default="none")
    parser.add_argument("--eager", action="store_true", help="do not compile")
    parser.add_argument("--profile", type=Path, help="folder for a table of each size's kernels")
    parser.add_argument("--out", type=Path, help="file that the JSON lines are appended to")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("skipped: no GPU here; --device cpu --sizes tiny proves the script")
        return 0
    for size in options.sizes:
        try:
            line = json.dumps({key: _rounded(value) for key, value in asdict(measure(size, options)).items()})
        except torch.cuda.OutOfMemoryError as error:
            line = json.dumps({"size": size, "does_not_fit": str(error).splitlines()[0]})
        print(line, flush=True)
        if options.out:
            with options.out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        if options.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
    return 0


def _rounded(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
