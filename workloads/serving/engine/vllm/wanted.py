"""How a request draws, as it goes to vLLM's process. No vLLM here."""

from typing import NamedTuple

from workloads.serving.engine.base import Request

KEY = "hanlin_draw"


class Wanted(NamedTuple):
    """`resumed` tokens of the answer are in the prompt."""

    temperature: float
    top_p: float
    top_k: int
    seed: int
    resumed: int


def wanted_of(request: Request) -> Wanted | None:
    """None where the likeliest token is taken."""
    sampling = request.sampling
    if sampling.temperature <= 0:
        return None
    return Wanted(sampling.temperature, sampling.top_p, sampling.top_k, sampling.seed % 2**64, len(request.resume_tokens))
