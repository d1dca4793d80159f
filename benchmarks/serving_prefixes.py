"""What it is worth to send a prompt to the copy that has read its beginning, and what it costs in balance: the real trace of a chat
service through the gateways' own rule (workloads/serving/prefixes.py), over simulated copies.

    python benchmarks/serving_prefixes.py [--copies 4 8 16] [--load 0.8] [--kept 2000] [--trace FILE]

A copy reads one prompt at a time at a speed at which all of them would be busy for --load of the hour if nothing were kept, keeps the
--kept blocks of 512 tokens that it used last, and writes 50 tokens a second of any number of answers. Arrivals, lengths, beginnings and
the rule are the real ones, times are the simulation's: read ratios. `two` is the better of two copies at random, as Ray Serve
does it; `always` goes to the reader however much it has to do.
"""

import argparse
import heapq
import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.replay.hours import percentiles
from benchmarks.replay.trace import Arrival, read_trace
from workloads.serving.prefixes import BLOCK, Prefixes, has_room

TRACE = Path(__file__).resolve().parents[2] / "shared" / "data" / "queries" / "mooncake_conversation_trace.jsonl.gz"
_BLOCK_TOKENS = 512
_ANSWER_SPEED = 50.0


@dataclass
class Copy:
    """A simulated copy of the model. Times in seconds of the trace, `speed` in tokens read per second."""

    number: int
    kept: int
    speed: float
    free_at: float = 0.0
    read: int = 0
    blocks: OrderedDict[int, None] = field(default_factory=OrderedDict)
    ends: list[float] = field(default_factory=list)

    def requests(self, now: float) -> int:
        """Those that have not ended."""
        while self.ends and self.ends[0] <= now:
            heapq.heappop(self.ends)
        return len(self.ends)

    def take(self, asked: Arrival) -> tuple[int, float]:
        """Read a prompt: how many of its blocks were kept, and the seconds from its arrival to its first token."""
        reused = next((place for place, block in enumerate(asked.blocks) if block not in self.blocks), len(asked.blocks))
        for block in asked.blocks:
            self.blocks[block] = None
            self.blocks.move_to_end(block)
        while len(self.blocks) > self.kept:
            self.blocks.popitem(last=False)
        fresh = len(asked.blocks) - reused
        self.read += fresh
        self.free_at = max(asked.at, self.free_at) + fresh * _BLOCK_TOKENS / self.speed
        heapq.heappush(self.ends, self.free_at + asked.output / _ANSWER_SPEED)
        return reused, self.free_at - asked.at


Choose = Callable[[Sequence[Copy], Arrival], Copy]


def better_of_two(seed: int = 0) -> Choose:
    draws = random.Random(seed)
    return lambda copies, asked: min(draws.sample(copies, 2), key=lambda each: each.requests(asked.at))


def reader_first(always: bool) -> Choose:
    """The copy that has read most of the prompt, where it has room or `always`; else the better of two."""
    prefixes: Prefixes[int] = Prefixes()
    others = better_of_two()

    def choose(copies: Sequence[Copy], asked: Arrival) -> Copy:
        tokens = [block * BLOCK + place for block in asked.blocks for place in range(BLOCK)]
        found = prefixes.reader(tokens, range(len(copies)))
        requests = {each.number: each.requests(asked.at) for each in copies}
        goes = found is not None and (always or has_room(found, requests))
        chosen = copies[found] if goes and found is not None else others(copies, asked)
        prefixes.note(tokens, chosen.number)
        return chosen

    return choose


@dataclass(frozen=True)
class Course:
    """`reused`: share of all blocks; `first`: seconds to the first token at 50, 95, 99 %; `busiest`: what the copy that read most
    read, by the mean; `longest`: most requests that a copy had at once, by the mean of all at that moment."""

    reused: float
    first: tuple[float, ...]
    busiest: float
    longest: float


def play(trace: Sequence[Arrival], copies: int, load: float, kept: int, choose: Choose) -> Course:
    blocks = sum(len(each.blocks) for each in trace)
    speed = blocks * _BLOCK_TOKENS / (max(each.at for each in trace) * copies * load)
    all_copies = [Copy(number, kept, speed) for number in range(copies)]
    reused, first, longest = 0, [], 0.0
    for asked in trace:
        found, seconds = choose(all_copies, asked).take(asked)
        reused += found
        first.append(seconds)
        counts = [each.requests(asked.at) for each in all_copies]
        if sum(counts) >= 4 * copies:  # of few requests any copy has many times the mean
            longest = max(longest, max(counts) * copies / sum(counts))
    busiest = max(each.read for each in all_copies) * copies / sum(each.read for each in all_copies)
    return Course(reused / blocks, percentiles(first), busiest, longest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--copies", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--load", type=float, default=0.8)
    parser.add_argument("--kept", type=int, default=2000, help="blocks of 512 tokens that a copy keeps")
    parser.add_argument("--trace", type=Path, default=TRACE)
    options = parser.parse_args()
    trace = read_trace(options.trace)
    print(f"{len(trace)} requests; `one`: a single copy with the room and the speed of all, the most that can be reused")
    print("| copies | rule | reused | first token s p50 / p95 / p99 | read by the busiest | longest queue |")
    print("| --- | --- | --- | --- | --- | --- |")
    for copies in options.copies:
        show(copies, "one", play(trace, 1, options.load, copies * options.kept, lambda one, _: one[0]))
        for rule, choose in (("two", better_of_two()), ("reader", reader_first(False)), ("always", reader_first(True))):
            show(copies, rule, play(trace, copies, options.load, options.kept, choose))


def show(copies: int, rule: str, found: Course) -> None:
    first = " / ".join(f"{each:.2f}" for each in found.first)
    print(f"| {copies} | {rule} | {found.reused:.1%} | {first} | {found.busiest:.2f} | {found.longest:.2f} |", flush=True)


if __name__ == "__main__":
    main()
