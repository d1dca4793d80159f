"""Training speed against a plain torch loop and, where they are installed, the Hugging Face Trainer and litgpt's loop.

    pip install accelerate litgpt    # the peers; without them the plain loop alone
    python benchmarks/training.py [--preset 2M] [--vocabulary 4000] [--length 256] [--batch 16] [--steps 20] [--rounds 3]

Needs torch and transformers alone (no Ray, no GPU, no network). The same Qwen3 shape, rows, batch, precision, clipping and AdamW
for all. Prints tokens per second of each and the ratio. They are timed in turns, `rounds` times, and the best of each counts:
other load on the machine hits all. With `--clock processor` seconds of processor time are counted, of all threads together,
which other load changes little.
"""

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.utils.data import Dataset
from transformers import PreTrainedModel

from workloads.models.architecture import build_decoder, decoder_config
from workloads.models.size import describe
from workloads.models.spec import ModelSpec
from workloads.training.communicator import Alone
from workloads.training.metrics import peak_flops
from workloads.training.objective import NextTokenLoss
from workloads.training.optimizer import create_state, make_optimizer
from workloads.training.precision import Precision, choose_precision
from workloads.training.spec import TrainingSpec
from workloads.training.step import Batch, OptimizerStep, Signals


@dataclass(frozen=True)
class Setting:
    """What both sides train: `rows` [n, length] int64."""

    model: ModelSpec
    training: TrainingSpec
    vocabulary: int
    length: int
    steps: int
    rows: torch.Tensor
    device: torch.device
    precision: Precision
    clock: Callable[[], float]

    @property
    def tokens(self) -> int:
        return self.steps * self.training.global_batch * (self.length - 1)


Contender = Callable[[], float]  # seconds for all steps


def ours(setting: Setting) -> Contender:
    """The step of workloads.training, with gradient accumulation, clipping and schedule."""
    model = _model(setting)
    optimizer = make_optimizer(model, setting.training)
    create_state(model, optimizer)
    step = OptimizerStep(NextTokenLoss(model, setting.precision), optimizer, Alone(), setting.training.clip)

    def run() -> float:
        start = _now(setting)
        for rows in torch.split(setting.rows, setting.training.global_batch):
            micro = torch.split(rows, setting.training.micro_batch)
            step.run((Batch(part[:, :-1], part[:, 1:]) for part in micro), 1e-4, Signals())
        return _now(setting) - start

    return run


def hugging_face_trainer(setting: Setting) -> Contender:
    """transformers.Trainer with the same batch, accumulation, clipping and AdamW."""
    from transformers import Trainer, TrainingArguments

    class Rows(Dataset[dict[str, torch.Tensor]]):
        def __len__(self) -> int:
            return len(setting.rows)

        def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
            row = setting.rows[index].cpu()
            return {"input_ids": row, "labels": row}

    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=setting.training.micro_batch,
        gradient_accumulation_steps=setting.training.micro_batches,
        max_steps=setting.steps,
        learning_rate=1e-4,
        max_grad_norm=setting.training.clip,
        bf16=setting.precision.dtype == torch.bfloat16,
        use_cpu=setting.device.type == "cpu",
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
    )

    def run() -> float:
        trainer = Trainer(model=_model(setting), args=arguments, train_dataset=Rows())
        start = _now(setting)
        trainer.train()
        return _now(setting) - start

    return run


def plain_loop(setting: Setting) -> Contender:
    """What one writes by hand: the model's own loss over whole logits, torch's clipping, AdamW."""
    model = _model(setting)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=setting.training.weight_decay)

    def run() -> float:
        start = _now(setting)
        for rows in torch.split(setting.rows, setting.training.global_batch):
            optimizer.zero_grad()
            for part in torch.split(rows, setting.training.micro_batch):
                with setting.precision.autocast():
                    loss = model(input_ids=part, labels=part).loss
                (loss / setting.training.micro_batches).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), setting.training.clip)
            optimizer.step()
        return _now(setting) - start

    return run


def litgpt_loop(setting: Setting) -> Contender:
    """litgpt's model, chunked loss and the inner loop of its pretraining, through Lightning Fabric."""
    import lightning
    from litgpt.config import Config
    from litgpt.model import GPT
    from litgpt.utils import chunked_cross_entropy

    shape, training = setting.model.shape, setting.training
    config = Config.from_name(
        "Qwen3-0.6B-Base",
        block_size=setting.length,
        padded_vocab_size=setting.vocabulary,
        vocab_size=setting.vocabulary,
        n_layer=shape.layers,
        n_head=shape.heads,
        n_query_groups=shape.kv_heads,
        n_embd=shape.hidden_size,
        head_size=shape.head_dim,
        intermediate_size=shape.intermediate_size,
        rope_base=int(shape.rope_theta),
    )
    bf16 = setting.precision.dtype == torch.bfloat16
    fabric = lightning.Fabric(accelerator=setting.device.type, devices=1, precision="bf16-mixed" if bf16 else "32-true")
    with fabric.init_module():
        plain = GPT(config)
    plain.transformer.wte.weight = plain.lm_head.weight
    model = fabric.setup(plain)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-4, weight_decay=training.weight_decay, fused=setting.device.type == "cuda"
    )
    optimizer = fabric.setup_optimizers(optimizer)

    def run() -> float:
        start = _now(setting)
        for rows in torch.split(setting.rows, training.global_batch):
            for part in torch.split(rows, training.micro_batch):
                loss = chunked_cross_entropy(model(part[:, :-1].contiguous()), part[:, 1:].contiguous())
                fabric.backward(loss / training.micro_batches)
            fabric.clip_gradients(model, optimizer, max_norm=training.clip)
            optimizer.step()
            optimizer.zero_grad()
        return _now(setting) - start

    return run


def _model(setting: Setting) -> PreTrainedModel:
    model = build_decoder(decoder_config(setting.model, setting.vocabulary, setting.length), seed=0)
    model.to(setting.device)  # type: ignore[arg-type]
    model.train()
    return model


def _now(setting: Setting) -> float:
    if setting.device.type == "cuda":
        torch.cuda.synchronize()
    return setting.clock()


def _setting(arguments: list[str] | None) -> tuple[Setting, int]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="2M")
    for name, default in (("vocabulary", 4000), ("length", 256), ("batch", 16), ("micro", 16), ("steps", 20), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (default: torch's)")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator().manual_seed(0)
    rows = torch.randint(0, options.vocabulary, (options.steps * options.batch, options.length), generator=generator)
    training = TrainingSpec(
        global_batch=options.batch, micro_batch=options.micro, optimizer="adamw", precision=options.precision
    )
    precision = choose_precision(training.precision, device)
    model = ModelSpec(preset=options.preset)
    clock = time.process_time if options.clock == "processor" else time.perf_counter
    setting = Setting(
        model, training, options.vocabulary, options.length, options.steps, rows.to(device), device, precision, clock
    )
    return setting, options.rounds


def main(arguments: list[str] | None = None) -> int:
    setting, rounds = _setting(arguments)
    contenders = {"hanlin": ours(setting), "plain torch loop": plain_loop(setting)}
    if importlib.util.find_spec("accelerate") is not None:
        contenders["Hugging Face Trainer"] = hugging_face_trainer(setting)
    if importlib.util.find_spec("litgpt") is not None:
        contenders["litgpt"] = litgpt_loop(setting)
    best = dict.fromkeys(contenders, float("inf"))
    for number in range(rounds + 1):
        for name, run in contenders.items():
            seconds = run()
            if number:  # the first warms up
                best[name] = min(best[name], seconds)
    cost = describe(setting.model, setting.vocabulary, setting.length, setting.training.micro_batch)
    peak = peak_flops(setting.device, setting.precision.dtype)
    place = torch.cuda.get_device_name() if setting.device.type == "cuda" else f"CPU, {torch.get_num_threads()} thread(s)"
    print(f"{cost.parameters:,} parameters, {setting.precision.name}, rows of {setting.length}, {place}")
    for name, seconds in best.items():
        speed = setting.tokens / seconds
        print(f"{name}: {speed:,.0f} tokens/s, {100 * speed * cost.training_flops_per_token / peak:.1f} % of peak")
    peer = min((name for name in best if name != "hanlin"), key=lambda name: best[name])
    print(f"hanlin against the best peer ({peer}): {best[peer] / best['hanlin']:.2f}")
    if setting.device.type == "cuda":
        print(f"peak memory: {torch.cuda.max_memory_allocated() / (1 << 30):.1f} GiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
