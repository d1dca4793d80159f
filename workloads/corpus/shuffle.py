"""Map and reduce over blocks by plain Ray tasks: no process ever holds more than a block and a partition.

A task whose worker dies is run again by Ray and gives the same result, since what it gets and does is fixed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import ray

from cluster.errors import HanlinError
from cluster.memory import give_back


@ray.remote
def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    give_back()  # what the task before has left
    return function(*arguments)


def start(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function elsewhere; answers a reference to its result. References among the arguments are resolved there."""
    return _call.options(name=function.__name__).remote(function, *arguments)


def start_parts(function: Callable[..., Sequence[Any]], parts: int, *arguments: Any) -> list[Any]:
    """`function(*arguments)` gives one object per part; answers a reference to each."""
    task = (_first if parts == 1 else _call).options(name=function.__name__, num_returns=parts)
    found = task.remote(function, *arguments)
    return [found] if parts == 1 else list(found)


def columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """For each place of the rows, which are equally long, what stands there."""
    return [list(column) for column in zip(*rows, strict=True)]


def scatter(function: Callable[..., Sequence[Any]], blocks: Sequence[Any], partitions: int, *arguments: Any) -> list[list[Any]]:
    """`function(block, partitions, *arguments)` gives one object per partition; answers, per partition, the references
    of that partition's objects from every block, in the order of the blocks."""
    return columns([start_parts(function, partitions, block, partitions, *arguments) for block in blocks])


@ray.remote
def _first(function: Callable[..., Sequence[Any]], *arguments: Any) -> Any:
    give_back()
    return function(*arguments)[0]


def collect(references: Iterable[Any]) -> Iterator[Any]:
    """The results one after the other, in the order given. Raises what a person can read where a task failed."""
    for reference in references:
        try:
            result = ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            raise plain(error) from error
        yield result


def plain(error: BaseException) -> BaseException:
    """The HanlinError that a remote function raised, out of Ray's wrapping; else the error as it is."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, HanlinError) and not isinstance(seen, ray.exceptions.RayError):
            return seen
        seen = getattr(seen, "cause", None) or seen.__cause__
    return error
