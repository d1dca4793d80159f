"""The torch engine of encoders: vectors, labels, and words for masks, in dynamic batches, stepping in its own thread.

Any transformers folder of an encoder, with the head that it was trained with. Not for decoders (torch_engine.py).
"""

import asyncio
import queue
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification

from cluster.errors import RequestError, UnavailableError, UserError
from workloads.models.encoder import pooling_of
from workloads.models.folder import quiet_transformers
from workloads.serving.engine.base import Capabilities, Chunk, Engine, EngineSettings, Request, Stats, Unfinished
from workloads.serving.engine.encoding import Encodings, Task
from workloads.serving.engine.int8 import quantize_linears
from workloads.serving.engine.vectors import mean_of, padded, unit

_HEADS = {"ForMaskedLM": AutoModelForMaskedLM, "ForSequenceClassification": AutoModelForSequenceClassification}
_DRAIN_POLL_SECONDS = 0.02
_AFTER_PADDING = {"roberta", "xlm-roberta", "camembert"}
"""Families that number positions from the padding token's id on, and so have two fewer than their config says."""


def head_of(config: dict[str, Any]) -> str:
    """What an encoder's config.json says that it was trained with: a key of `_HEADS`, or nothing."""
    trained = (config.get("architectures") or [""])[0]
    return next((head for head in _HEADS if trained.endswith(head)), "")


class EncoderEngine(Engine):
    """Loads a model folder and starts its thread."""

    def __init__(self, folder: Path, config: dict[str, Any], settings: EngineSettings, device: torch.device) -> None:
        self._head = head_of(config)
        self._model, self._device = _load(folder, _HEADS.get(self._head, AutoModel), device), device
        parameters = sum(parameter.numel() for parameter in self._model.parameters())
        if settings.weights == "int8":
            quantize_linears(self._model)
        self._pooling, self._threads = pooling_of(folder), settings.threads
        known = self._model.config
        own = int(known.max_position_embeddings) - 2 * (known.model_type in _AFTER_PADDING)
        context = min(settings.max_context or own, own)
        self.capabilities = Capabilities("torch", context, int(known.vocab_size), settings.slots, device.type, parameters)
        self._stats = Stats(slots=settings.slots)
        self._encodings = Encodings(self._encode, settings.prefill_tokens)
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._open = True
        self._thread = threading.Thread(target=self._run, name="hanlin-encoder", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def generate(self, request: Request, pause: float = 0.0) -> AsyncGenerator[Chunk, None]:
        raise RequestError("generate", "this model is an encoder", "ask a decoder", param="model")

    async def embed(self, batch: Sequence[Sequence[int]]) -> list[list[float]]:
        return await self._ask(Task("embed"), batch)

    async def fill_mask(self, batch: Sequence[Sequence[int]], mask: int, top: int) -> list[list[list[tuple[int, float]]]]:
        if self._head != "ForMaskedLM":
            return await super().fill_mask(batch, mask, top)
        return await self._ask(Task("fill_mask", mask, top), batch)

    async def classify(self, batch: Sequence[Sequence[int]]) -> list[list[tuple[str, float]]]:
        if self._head != "ForSequenceClassification":
            return await super().classify(batch)
        return await self._ask(Task("classify"), batch)

    async def _ask(self, task: Task, batch: Sequence[Sequence[int]]) -> list[Any]:
        for tokens in batch:
            self.check(Request("", tuple(tokens), 0))
        if not self._open:
            raise UnavailableError("this replica takes no more requests", "", "send the request again")
        return await self._encodings.ask(task, batch, self._commands.put)

    def cancel(self, request_id: str) -> None:
        """Nothing is on the way that could be: who stops waiting has left."""

    def stats(self) -> Stats:
        return self._stats

    async def drain(self, seconds: float) -> list[Unfinished]:
        """Nothing is left unfinished that could go on elsewhere; who still waits after that is told to ask again."""
        self._open = False
        end = time.monotonic() + seconds
        while time.monotonic() < end and (len(self._encodings) or not self._commands.empty()):
            await asyncio.sleep(_DRAIN_POLL_SECONDS)
        self._commands.put(self._encodings.end)
        return []

    def close(self) -> None:
        self._open = False
        self._commands.put(self._stop)
        self._thread.join()

    # Everything below runs in the engine's thread.

    def _run(self) -> None:
        if self._threads and self._device.type == "cpu":
            torch.set_num_threads(self._threads)
        self._running = True
        try:
            with torch.inference_mode():
                while self._running:
                    while self._running and not (len(self._encodings) and self._commands.empty()):
                        self._commands.get()()
                    self._encodings.step()
        finally:
            self._open = False
            self._encodings.end()

    def _stop(self) -> None:
        self._running = False

    def _encode(self, task: Task, texts: list[tuple[int, ...]]) -> list[Any]:
        self._note(texts)
        tokens, real = padded(texts, self._device)
        model = self._model.base_model if task.kind == "embed" else self._model
        found = model(input_ids=tokens, attention_mask=real.long())
        if task.kind == "embed":
            states: Tensor = found.last_hidden_state
            return unit(states[:, 0] if self._pooling == "first" else mean_of(states, real))
        if task.kind == "classify":
            names = self._model.config.id2label
            rows: list[list[float]] = found.logits.softmax(-1).tolist()
            return [[(names[label], share) for label, share in enumerate(row)] for row in rows]
        return _fillings(tokens, found.logits, task)

    def _note(self, texts: list[tuple[int, ...]]) -> None:
        old = self._stats
        self._stats = replace(
            old,
            steps=old.steps + 1,
            prompt_tokens=old.prompt_tokens + sum(map(len, texts)),
            finished=old.finished + len(texts),
            waiting=len(self._encodings),
        )


def _fillings(tokens: Tensor, logits: Tensor, task: Task) -> list[list[list[tuple[int, float]]]]:
    rows, places = (tokens == task.mask).nonzero(as_tuple=True)
    shares, ids = logits[rows, places].softmax(-1).topk(min(task.top, logits.shape[-1]))
    found: list[list[list[tuple[int, float]]]] = [[] for _ in range(len(tokens))]
    for row, best, values in zip(rows.tolist(), ids.tolist(), shares.tolist(), strict=True):
        found[row].append(list(zip(best, values, strict=True)))
    return found


def _load(folder: Path, kind: Any, device: torch.device) -> Any:
    try:
        with quiet_transformers():
            model = kind.from_pretrained(
                str(folder), dtype=torch.float32, local_files_only=True, use_safetensors=True, trust_remote_code=False
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise UserError(f"the model in {folder} cannot be loaded ({error})", "an encoder's folder", "check it") from error
    if model.config.is_encoder_decoder or not hasattr(model.config, "max_position_embeddings"):
        raise UserError(
            f"the model in {folder} is a {model.config.model_type}", "decoders, and encoders of a fixed length", "serve another"
        )
    return model.to(device).eval()
