"""Clients of the endpoint that ask again as soon as they are answered; how many of them do is the load. Not for what is served."""

import itertools
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

_TOKENS = 48
_SECONDS = 120.0  # a request that takes longer has failed


@dataclass(frozen=True)
class Answer:
    """One request; `failure` is empty where it was answered."""

    phase: str
    seconds: float
    failure: str


class Clients:
    """At most `most` clients; `busy` says how many of them ask from now on, and for which phase their answers count."""

    def __init__(self, url: str, model: str, questions: Sequence[str], most: int) -> None:
        self._model, self._questions = model, itertools.cycle(questions)
        self._phase, self._busy, self._over = "", 0, False
        self._changed = threading.Condition()
        self._answers: list[Answer] = []
        self._http = httpx.Client(base_url=url, timeout=_SECONDS, limits=httpx.Limits(max_connections=most))
        self._threads = [threading.Thread(target=self._ask_always, args=(number,)) for number in range(most)]
        for each in self._threads:
            each.start()

    def busy(self, count: int, phase: str) -> None:
        with self._changed:
            self._busy, self._phase = count, phase
            self._changed.notify_all()

    def answers(self, phase: str) -> list[Answer]:
        """Those to requests that began in that phase, failures included."""
        with self._changed:
            return [each for each in self._answers if each.phase == phase]

    def __enter__(self) -> "Clients":
        return self

    def __exit__(self, *exc: object) -> None:
        """Waits for the last answers."""
        with self._changed:
            self._over = True
            self._changed.notify_all()
        for each in self._threads:
            each.join()
        self._http.close()

    def _ask_always(self, number: int) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._over or number < self._busy)
                if self._over:
                    return
                phase, question = self._phase, next(self._questions)
            answer = self._ask(phase, question)
            with self._changed:
                self._answers.append(answer)

    def _ask(self, phase: str, question: str) -> Answer:
        body = {"model": self._model, "messages": [{"role": "user", "content": question}], "max_tokens": _TOKENS}
        begun, failure = time.monotonic(), ""
        try:
            response = self._http.post("/v1/chat/completions", json=body)
            if response.status_code != httpx.codes.OK:
                failure = f"{response.status_code} {response.text[:200]}"
        except httpx.HTTPError as error:
            failure = type(error).__name__
        return Answer(phase, time.monotonic() - begun, failure)


def percentile(answers: Sequence[Answer], share: int) -> float:
    """Seconds within which that share (percent) of the requests was answered; 0 where none was."""
    times = sorted(each.seconds for each in answers if not each.failure)
    if len(times) < 2:
        return times[0] if times else 0.0
    return statistics.quantiles(times, n=100, method="inclusive")[share - 1]
