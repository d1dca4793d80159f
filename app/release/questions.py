"""What is asked beside the traffic while a revision is on trial: bits per character of what users wrote, and the recipe's hooks.

Texts are those of live requests; they wait in memory, a few at a time, and are kept nowhere.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from app.gateway.observation import Observation, Sample
from app.release.hooks import Hook
from app.release.judge import Judge
from app.release.ports import Examiner, Fleet
from app.release.state import Release
from cluster.errors import HanlinError
from cluster.observe.logs import event

_LOG = logging.getLogger(__name__)
_SHORTEST_TEXT = 8  # characters worth scoring
_MOST_TEXTS = 32


class Questions:
    """One text at a time, so that asking takes little from the replicas."""

    def __init__(self, examiner: Examiner, fleet: Fleet, hooks: Sequence[Hook]) -> None:
        self._examiner, self._fleet, self._hooks = examiner, fleet, hooks
        self._texts: deque[str] = deque(maxlen=_MOST_TEXTS)
        self._answers: dict[bool, Sample] = {}
        self._asking: asyncio.Task[None] | None = None

    def collect(self, batch: Sequence[Observation]) -> None:
        """Take the texts that came with observations."""
        for each in batch:
            if each.sample is not None and len(each.sample.prompt.strip()) >= _SHORTEST_TEXT:
                self._texts.append(each.sample.prompt)
            if each.sample is not None and self._hooks:
                self._answers[each.trial] = each.sample

    def go_on(self, release: Release, judge: Judge) -> None:
        """Ask the next thing unless something is being asked."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(release, judge))

    async def _ask(self, release: Release, judge: Judge) -> None:
        try:
            await self._score(release, judge)
        except HanlinError as error:
            event(_LOG, "release_text_not_scored", logging.WARNING, error=str(error))
        if len(self._answers) == 2:
            answers, self._answers = self._answers, {}
            for hook in self._hooks:
                await self._hear(hook, answers, judge)

    async def _score(self, release: Release, judge: Judge) -> None:
        if self._texts:
            text = self._texts.popleft()
            old = await self._examiner.bits(self._fleet.route(release.old), text)
            judge.see_bits(old, await self._examiner.bits(self._fleet.route(release.new), text))

    async def _hear(self, hook: Hook, answers: dict[bool, Sample], judge: Judge) -> None:
        try:
            old_is_good, new_is_good = [await asyncio.to_thread(hook.is_good, answers[trial]) for trial in (False, True)]
        except Exception:  # noqa: BLE001 - the company's own code; it must not end a release
            _LOG.exception("release_hook_failed hook=%s", hook.name)
            return
        judge.see_hook(hook.name, old_is_good, new_is_good)
