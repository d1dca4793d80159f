"""From the last checkpoint to a model artifact: a Hugging Face folder with its card and the record of its training."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from safetensors.torch import save

from cluster.artifacts import Artifact
from cluster.draft import Draft
from cluster.manifest import Json
from workloads.models.architecture import decoder_config
from workloads.models.card import CardFacts, model_card
from workloads.models.folder import write_configs
from workloads.models.size import ModelCost
from workloads.training.checkpoint import LEDGER, METRICS, WEIGHTS, Checkpoint
from workloads.training.health.quarantine import FILE as QUARANTINE
from workloads.training.job import Job, TokenCounts
from workloads.training.metrics import training_curve
from workloads.training.optimizer import averaged_weights
from workloads.training.report.write import FILE as REPORT
from workloads.training.report.write import write_report
from workloads.training.spec import TrainingSpec

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
)
_STOP_STRINGS = {"qa": ["\n问："], "chatml": ["<|im_end|>"]}  # what ends an answer in each chat template
_OPTIMIZERS = {"adamw": "AdamW", "muon": "Muon and AdamW"}


def write_model(
    draft: Draft, job: Job, counts: TokenCounts, cost: ModelCost, checkpoint: Checkpoint, tokens: Artifact, tokenizer: Artifact
) -> None:
    """Fill the draft: weights, configs, tokenizer files, README.md, training/{metrics.jsonl,ledger.jsonl,curve.json,report.html}
    and, where steps were left out, training/quarantine.jsonl."""
    template = _chat_template(tokenizer)
    config = decoder_config(job.model, counts.vocabulary, counts.sequence_length)
    with TemporaryDirectory() as scratch:
        write_configs(Path(scratch), config, _STOP_STRINGS.get(template, []))
        draft.upload(Path(scratch))
    _write_weights(draft, checkpoint)
    names = {entry.path for entry in tokenizer.entries()}
    for name in _TOKENIZER_FILES:
        if name in names:
            draft.write(name, tokenizer.read(name))
    metrics = checkpoint.lines(METRICS)
    draft.upload(checkpoint.folder / METRICS, f"training/{METRICS}")
    draft.upload(checkpoint.folder / LEDGER, f"training/{LEDGER}")
    if report := write_report(job, checkpoint):
        draft.write(f"training/{REPORT}", report)
    if quarantine := job.folder().read(QUARANTINE):
        draft.write(f"training/{QUARANTINE}", quarantine)
    draft.write("training/curve.json", json.dumps(training_curve(metrics)).encode())
    last: dict[str, Json] = json.loads(metrics[-1]) if metrics else {}
    facts = CardFacts(
        name=job.run,
        cost=cost,
        vocabulary=counts.vocabulary,
        context=config.max_position_embeddings,
        chat_template=template or "none",
        sections=_sections(job, checkpoint, last, tokens, tokenizer),
    )
    draft.write("README.md", model_card(facts).encode())
    state = checkpoint.state
    draft.counts |= {"parameters": cost.parameters, "steps": state.step, "tokens": state.tokens, "rows": state.position}
    draft.metrics |= _metrics(last, state.tokens, state.seconds)


def _write_weights(draft: Draft, checkpoint: Checkpoint) -> None:
    """The running average of the weights where the run kept one, else the newest weights."""
    averaged = averaged_weights(checkpoint.optimizer())
    if averaged:
        draft.write(WEIGHTS, save(averaged, metadata={"format": "pt"}))
    else:
        draft.upload(checkpoint.folder / WEIGHTS, WEIGHTS)


def _chat_template(tokenizer: Artifact) -> str:
    if not any(entry.path == "report.json" for entry in tokenizer.entries()):
        return ""
    return str(json.loads(tokenizer.read("report.json")).get("chat_template", ""))


def _sections(
    job: Job, checkpoint: Checkpoint, last: Mapping[str, Json], tokens: Artifact, tokenizer: Artifact
) -> dict[str, dict[str, str]]:
    state, spec = checkpoint.state, job.spec
    training = {
        "Steps": f"{state.step:,} of {_rows_of_steps(spec)} rows",
        "Tokens": f"{state.tokens:,}",
        "Time": f"{state.seconds:,.0f} s on {state.world_size} worker(s)",
        "Optimizer": f"{_OPTIMIZERS[spec.optimizer]}, peak learning rate {spec.learning_rate:g}, {spec.schedule}",
        "Last loss": f"{last['loss']} nats per token" if "loss" in last else "",
        "Held-out bits per character": str(last.get("heldout_bits_per_character", "not measured")),
    }
    lineage = {
        "Work": f"`{job.work.fingerprint}`",
        "Tokens artifact": f"`{tokens.fingerprint}`",
        "Tokenizer artifact": f"`{tokenizer.fingerprint}`",
        "Seed": str(job.seed),
    }
    return {"Training": training, "Lineage": lineage}


def _rows_of_steps(spec: TrainingSpec) -> str:
    first = spec.growth.first_batch
    return f"{spec.global_batch}" if first is None else f"{first} to {spec.global_batch}"


def _metrics(last: Mapping[str, Json], tokens: int, seconds: float) -> dict[str, float]:
    found = {"tokens_per_second": tokens / max(seconds, 1e-9), "training_seconds": seconds}
    for name in ("loss", "heldout_loss", "heldout_bits_per_character", "mfu"):
        value = last.get(name)
        if isinstance(value, int | float):
            found[name] = float(value)
    return found
