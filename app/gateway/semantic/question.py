"""Which requests may get the answer to another question, and what beside the question must be equal for that."""

import hashlib
from dataclasses import dataclass, replace

import orjson

from app.gateway.cache.key import answer_key
from app.gateway.job import Job
from app.gateway.schema import ChatBody, SamplingBody

_SHORTEST, _LONGEST = 2, 512
"""Characters of a question. What is longer brings material of its own, of which a vector keeps little."""


@dataclass(frozen=True)
class Question:
    scope: str
    text: str


def question_of(body: SamplingBody, job: Job, tenant: str) -> Question | None:
    """The last thing a user said in a chat without tools, log-probabilities and formats. None for everything else. The scope covers model,
    tokenizer, sampling, all that was said before, and the tenant, also where equal questions share answers among tenants."""
    if (
        not isinstance(body, ChatBody)
        or body.tools
        or body.logprobs
        or body.response_format
        or body.messages[-1].role != "user"
    ):
        return None
    text = body.messages[-1].text.strip()
    bare = replace(job, requests=tuple(replace(each, token_ids=()) for each in job.requests))
    key = answer_key(bare, tenant, body.seed is not None)
    if key is None or not _SHORTEST <= len(text) <= _LONGEST:
        return None
    before = [message.for_template() for message in body.messages[:-1]]
    scope = hashlib.blake2b(orjson.dumps([key, before, body.messages[-1].name]), digest_size=20).hexdigest()
    return Question(scope, text)
