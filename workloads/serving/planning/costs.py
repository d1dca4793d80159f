"""What a step of an engine takes, from closed-loop measurements: the time of a decoding step by how many answer at once and how long
their contexts are, and the time of a prompt by its length.

Arithmetic. Not for measuring (measure.py) nor for how many requests come (occupancy.py).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """Tokens of a request: of its prompt, and of its answer."""

    prompt: int
    answer: int

    @property
    def context(self) -> float:
        """Tokens that a step attends to, on the mean of an answer."""
        return self.prompt + self.answer / 2


@dataclass(frozen=True)
class Point:
    """`clients` asked one request after the other: answer tokens per second of all together, the means of seconds to the first token
    and per token after it, and how far the speed differed between several times of it (0.1: by a tenth)."""

    clients: int
    shape: Shape
    tokens_per_second: float
    first_seconds: float
    token_seconds: float
    scatter: float = 0.0


@dataclass(frozen=True)
class Costs:
    """`points` for every pair of a few numbers of clients and a few shapes; `prompts`: (tokens, seconds to read so many alone)."""

    points: tuple[Point, ...]
    prompts: tuple[tuple[int, float], ...]

    @property
    def most_clients(self) -> int:
        return max(point.clients for point in self.points)

    def prompt_seconds(self, tokens: int) -> float:
        """To read a prompt."""
        return max(0.0, _between([(float(length), seconds) for length, seconds in self.prompts], tokens))

    def step_seconds(self, clients: float, context: float) -> float:
        """Of one decoding step in which so many take part, without what prompts take."""
        shapes = sorted({point.shape for point in self.points}, key=lambda shape: shape.context)
        lines = [(shape.context, _between(self._steps(shape), clients)) for shape in shapes]
        return max(1e-9, _between(lines, context))

    def requests_per_second(self, clients: float, shape: Shape) -> float:
        """Answers ended per second while `clients` are at work: each takes its steps, and waits for the others' prompts."""
        steps = shape.answer * self.step_seconds(clients, shape.context)
        return clients / (steps + clients * self.prompt_seconds(shape.prompt))

    def token_seconds(self, clients: float, shape: Shape) -> float:
        """From one token of an answer to the next."""
        prompts = clients * self.prompt_seconds(shape.prompt) / shape.answer
        return self.step_seconds(clients, shape.context) + prompts

    def _steps(self, shape: Shape) -> list[tuple[float, float]]:
        """(clients, seconds of a step) as the points of this shape say, never less than with fewer clients."""
        reading = self.prompt_seconds(shape.prompt)
        found, least = [], 0.0
        for point in sorted((each for each in self.points if each.shape == shape), key=lambda each: each.clients):
            round_seconds = point.clients * shape.answer / point.tokens_per_second
            least = max(least, (round_seconds - point.clients * reading) / shape.answer)
            found.append((float(point.clients), least))
        return found


def _between(line: Sequence[tuple[float, float]], at: float) -> float:
    """The value of a line through the points, in order; beyond its ends the nearest piece goes on."""
    if len(line) == 1:
        return line[0][1]
    right = min(max(bisect_right([place for place, _ in line], at), 1), len(line) - 1)
    (x0, y0), (x1, y1) = line[right - 1], line[right]
    return y0 + (y1 - y0) * (at - x0) / (x1 - x0)
