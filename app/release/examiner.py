"""Asks revisions directly, past the gateways: does it answer, and how well does it know a text?

The probe comes before any traffic and finds what is plainly broken: no answer, no tokens, a shorter context, far slower, or
text that it knows far worse than the old revision does. What is finer the judge finds on live traffic.
"""

import math
import time
import uuid
from contextlib import aclosing

from app.gateway.models import Models, Served
from app.gateway.routes import Route
from app.gateway.upstream import Upstream
from cluster.errors import UnavailableError
from workloads.serving.engine.base import Chunk, Request, Sampling

_QUESTIONS = ("请用一句话介绍春天。", "一个星期有几天？", "写一个关于读书的短句。")
_TEXTS = (
    "清晨，渔民把小船推进江里，雾还没有散。岸上的人家升起炊烟，孩子们背着书包走过石桥。",
    "公司在今年第二季度完成了新系统的上线，订单处理的时间从三天缩短到了半天。",
    "水在零摄氏度结冰，在一百摄氏度沸腾；海拔越高，沸点越低。",
)
_TOKENS = 16
_SLOW_FACTOR, _SLOW_SECONDS = 10.0, 2.0  # against the old revision, which warmed up long ago


class ServeExaminer:
    """Tokenizers and cards are kept, since a revision never changes."""

    def __init__(self, model: str, upstream: Upstream, garbage_bits: float) -> None:
        self._model, self._upstream, self._garbage = model, upstream, garbage_bits
        self._models = Models(upstream)

    async def probe(self, old: Route, new: Route) -> str:
        before, after = await self._open(old), await self._open(new)
        limits = before.card.capabilities.max_context, after.card.capabilities.max_context
        if limits[1] < limits[0]:
            return f"its context holds {limits[1]} tokens, that of the present one {limits[0]}: some requests would be refused"
        for question in _QUESTIONS:
            if why := await self._worse_answer(before, after, question):
                return why
        return await self._unknown_text(old, new) if self._garbage else ""

    async def bits(self, route: Route, text: str) -> float:
        served = await self._open(route)
        card = served.card
        prefix = card.stop_token_ids[:1] or (0,)  # a text's own beginning; otherwise its first token would have no score
        tokens = (prefix + await served.encode(text, special=False))[: card.capabilities.max_context]
        told = await self._ask(served, tokens, 0)
        if len(told.prompt_scores) != len(tokens) - 1:
            raise UnavailableError(f"{served.revision} scored {len(told.prompt_scores)} of {len(tokens) - 1} tokens")
        characters = len(served.vocabulary.decode(tokens[1:])) or 1
        return -sum(score.logprob for score in told.prompt_scores) / math.log(2) / characters

    async def _worse_answer(self, before: Served, after: Served, question: str) -> str:
        await self._answer(after, question)  # once to warm up
        (old, old_seconds), (new, new_seconds) = await self._answer(before, question), await self._answer(after, question)
        if old.token_ids and not new.token_ids:
            return f"it has no answer to {question!r}, the present one has"
        if new_seconds > _SLOW_FACTOR * old_seconds + _SLOW_SECONDS:
            return f"it needs {new_seconds:.1f} s to answer {question!r}, the present one {old_seconds:.1f} s"
        return ""

    async def _unknown_text(self, old: Route, new: Route) -> str:
        bits = [sum([await self.bits(route, text) for text in _TEXTS]) / len(_TEXTS) for route in (old, new)]
        if not bits[1] <= self._garbage * bits[0]:  # also where it is no number
            return f"it knows plain text badly: {bits[1]:.2f} bits per character, the present one {bits[0]:.2f}"
        return ""

    async def _answer(self, served: Served, question: str) -> tuple[Chunk, float]:
        started = time.monotonic()
        return await self._ask(served, await served.encode(question, special=False), _TOKENS), time.monotonic() - started

    async def _ask(self, served: Served, tokens: tuple[int, ...], new_tokens: int) -> Chunk:
        sampling = Sampling(temperature=0, prompt_logprobs=None if new_tokens else 0)
        request = Request(f"release-{uuid.uuid4().hex}", tokens, new_tokens, sampling)
        whole = Chunk()
        async with aclosing(self._upstream.generate(served.app, request, 0.1)) as chunks:
            async for chunk in chunks:
                whole = whole.then(chunk)
        if whole.finish not in ("stop", "length"):
            raise UnavailableError(f"{served.revision} ended an answer with {whole.finish} ({whole.error})")
        return whole

    async def _open(self, route: Route) -> Served:
        return await self._models.open(self._model, route)
