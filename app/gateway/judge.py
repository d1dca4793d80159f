"""How observations reach the judge of a release: an actor by the model's name, which may be away for a while.

Not for judging (app/release).
"""

import contextlib
from collections.abc import Sequence

import ray
from ray.exceptions import RayError

from app.gateway.observation import Observation

NAMESPACE = "hanlin"


def judge_name(model: str) -> str:
    """The actor's name in NAMESPACE."""
    return f"hanlin-release-{model}"


async def tell_judge(model: str, batch: Sequence[Observation]) -> None:
    """Hand observations on; where there is no judge they are gone, as they would be of use to nobody else."""
    with contextlib.suppress(RayError, ValueError):
        await ray.get_actor(judge_name(model), namespace=NAMESPACE).observe.remote(batch)
