"""Which requests have one certain answer, and the name of that answer.

A name covers all that the text depends on: the model's bytes, its tokenizer, its engine, its adapter's bytes, the prompt's tokens
and how to go on from them; and whose answer it is. So a release, which is another model, never finds an answer of the one before.
"""

import hashlib
from dataclasses import fields, replace
from typing import Any

import orjson

from app.gateway.job import Job

_FORM = 1
"""Raised when the meaning of a name or the form of a kept answer changes."""
_NOT_OF_THE_TEXT = ("served", "requests", "prompts")


def answer_key(job: Job, tenant: str, seeded: bool) -> str | None:
    """The name of the job's answer, or None where it is drawn anew each time.

    Certain are temperature 0 and, since an engine draws the same for the same seed, a seed that the client gave (`seeded`);
    with several choices each has its own seed that follows from it. `tenant` is empty where answers are shared.
    """
    if not seeded and any(request.sampling.temperature > 0 for request in job.requests):
        return None
    card = job.served.card
    facts = {
        "form": _FORM,
        "model": [card.fingerprint, job.served.vocabulary.digest, card.capabilities.engine],
        "tenant": tenant,
        "requests": [_meaning(request) for request in job.requests],
        "job": {each.name: getattr(job, each.name) for each in fields(job) if each.name not in _NOT_OF_THE_TEXT},
    }
    packed = orjson.dumps(facts, default=_plain, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(packed, digest_size=20).hexdigest()


def _meaning(request: Any) -> Any:
    """The request without what its answer does not depend on."""
    sampling = request.sampling
    if sampling.temperature == 0:
        sampling = replace(sampling, top_p=1.0, top_k=0, seed=0)
    adapter = request.adapter and replace(request.adapter, name="", uri="")
    return replace(request, id="", sampling=sampling, priority=0, deadline=0.0, origin="", traceparent="", adapter=adapter)


def _plain(value: Any) -> Any:
    """What JSON lacks."""
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} has no place in an answer's name yet")
