"""The engine vllm: vLLM's AsyncLLM in an event loop of its own thread, asked from any other.

vLLM batches, keeps the cache and computes, in a process of its own; which token is drawn is ours (draws.py). Not for vLLM's
arguments (runtime.py) nor for what its outputs mean (answers.py).
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from cluster.errors import RequestError, UnavailableError
from workloads.serving.engine.base import (
    Capabilities,
    Chunk,
    Engine,
    EngineSettings,
    Finish,
    Request,
    Stats,
    Unfinished,
)
from workloads.serving.engine.decoder import read_config
from workloads.serving.engine.delivery import Stream
from workloads.serving.engine.vllm.answers import Answer
from workloads.serving.engine.vllm.counts import Counts
from workloads.serving.engine.vllm.runtime import context_of, engine_arguments, with_threads

_LOG = logging.getLogger(__name__)
_DRAIN_POLL_SECONDS = 0.02


class VllmEngine(Engine):
    """Starts vLLM on a model folder; ready when it is."""

    def __init__(self, folder: Path, settings: EngineSettings) -> None:
        arguments = engine_arguments(folder, settings)
        self._counts = Counts(settings.slots)
        self._answers: dict[str, tuple[Answer, asyncio.Task[None]]] = {}
        self._accepting = True
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="hanlin-engine", daemon=True)
        self._thread.start()
        try:
            self._llm = self._inside(self._start(arguments, settings)).result()
        except BaseException:
            self._loop.call_soon_threadsafe(self._loop.stop)
            raise
        self.capabilities = Capabilities(
            "vllm",
            context_of(read_config(folder), settings),
            int(self._llm.model_config.get_vocab_size()),
            settings.slots,
            self._llm.vllm_config.device_config.device_type,
            _parameters(folder),
        )

    async def generate(self, request: Request, pause: float = 0.0) -> AsyncGenerator[Chunk, None]:
        self.check(request)
        if not self._accepting:
            raise UnavailableError("this replica takes no more requests", "", "send the request again")
        answer = Answer(request, Stream(), self.capabilities.max_context)
        self._loop.call_soon_threadsafe(self._begin, answer)
        ended: Finish | None = None
        not_before = 0.0
        try:
            while ended is None:
                chunk = await answer.stream.next(not_before)
                not_before = answer.stream.loop.time() + pause
                ended = chunk.finish
                yield chunk
        finally:
            if ended is None:
                self.cancel(request.id)

    def cancel(self, request_id: str) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end, request_id, "cancelled")

    @property
    def alive(self) -> bool:
        return self._thread.is_alive() and not self._llm.errored

    def stats(self) -> Stats:
        return self._counts.stats(len(self._answers), sum(each.length for each, _ in list(self._answers.values())))

    async def embed(self, batch: Sequence[Sequence[int]]) -> list[list[float]]:
        raise RequestError(
            "embeddings, which the engine vllm does not make", "", "serve this model with the engine torch", param="model"
        )

    async def drain(self, seconds: float) -> list[Unfinished]:
        self._accepting = False
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._answers:
            await asyncio.sleep(_DRAIN_POLL_SECONDS)
        return await asyncio.wrap_future(self._inside(self._end_all("drained")))

    def close(self) -> None:
        self._accepting = False
        if not self._thread.is_alive():
            return
        self._inside(self._end_all("cancelled")).result()
        self._inside(self._stop()).result()
        self._llm = None  # else it is stopped a second time, as the process ends
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _inside(self, work: Any) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    # Everything below runs in the engine's thread.

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    async def _start(self, arguments: Any, settings: EngineSettings) -> Any:
        from vllm.v1.engine.async_llm import AsyncLLM

        with with_threads(settings):
            return AsyncLLM.from_engine_args(arguments, stat_loggers=[self._counts.logger()])

    async def _stop(self) -> None:
        self._llm.shutdown()

    def _begin(self, answer: Answer) -> None:
        self._answers[answer.request.id] = answer, asyncio.ensure_future(self._ask(answer))

    async def _ask(self, answer: Answer) -> None:
        """Put what vLLM says into the answer's stream. Ended from outside it is cancelled, and has told its end by then."""
        request = answer.request
        try:
            async with asyncio.timeout(max(request.deadline - time.time(), 0.0) if request.deadline else None):
                outputs = self._llm.generate(answer.prompt(), answer.parameters(), request.id, priority=request.priority)
                async for output in outputs:
                    self._tell(answer, answer.take(output))
        except TimeoutError:
            self._tell(answer, Chunk(finish="deadline"))
        except Exception as error:  # noqa: BLE001 - whatever vLLM raises belongs to this request
            _LOG.error("vllm_request_failed", exc_info=error)
            # no reason: the engine has ended, another goes on
            reason = "" if self._llm.errored else f"{type(error).__name__}: {error}"
            self._tell(answer, Chunk(finish="error", error=reason))

    def _tell(self, answer: Answer, chunk: Chunk) -> None:
        if chunk.finish:
            self._answers.pop(answer.request.id, None)
            self._counts.ended(chunk.finish)
        self._counts.generated += len(chunk.token_ids)
        answer.tell(chunk)

    def _end(self, request_id: str, finish: Finish) -> Unfinished | None:
        """Free a request's place and tell its stream; None where it is not there any more."""
        found = self._answers.get(request_id)
        if found is None:
            return None
        answer, task = found
        self._tell(answer, Chunk(finish=finish))
        task.cancel()
        return Unfinished(request_id, (*answer.request.resume_tokens, *answer.tokens))

    async def _end_all(self, finish: Finish) -> list[Unfinished]:
        tasks = [task for _, task in self._answers.values()]
        left = [self._end(request_id, finish) for request_id in list(self._answers)]
        await asyncio.gather(*tasks, return_exceptions=True)
        return [each for each in left if each is not None]


def _parameters(folder: Path) -> int:
    import torch
    from safetensors import safe_open

    count = 0
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as opened:
            count += sum(torch.Size(opened.get_slice(name).get_shape()).numel() for name in opened.keys())  # noqa: SIM118
    return count
