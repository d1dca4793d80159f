"""Rows that join and leave in any order keep their own tokens, and the groups stay without gaps."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workloads.serving.test_delivery import quiet_stream
from workloads.serving.engine.base import Request, Sampling
from workloads.serving.engine.batch import Batch
from workloads.serving.engine.cache import SlotCache
from workloads.serving.engine.running import Running

CPU = torch.device("cpu")
SLOTS, CONTEXT = 5, 24


class Machine:
    """A batch whose model writes, for every token, the token itself as its key."""

    def __init__(self) -> None:
        self.batch, self.cache = Batch(SLOTS, CONTEXT, CPU), SlotCache(SLOTS, CONTEXT, CPU, torch.float32)

    def write(self, first: int, tokens: torch.Tensor, positions: torch.Tensor, length: int) -> None:
        window = self.cache.window(first, positions, length)
        flat = tokens.reshape(-1, 1, 1).float()
        self.cache.write_flat(0, flat, flat, window)

    def read_prompts(self, budget: int) -> None:
        rows = self.batch.unread(budget)
        tokens, positions, widths = self.batch.prompt_tokens(rows, budget)
        self.write(rows.start, tokens, positions, int(positions.max()) + 1)
        for row, width in zip(self.batch.rows[rows], widths, strict=True):
            row.read += width
        if not self.batch.rows[rows.start].unread:
            self.choose(self.batch.start_decoding(rows, self.cache))

    def decode(self) -> None:
        tokens, positions, _ = self.batch.decode_tokens(self.cache, ())
        self.write(0, tokens, positions, int(positions.max()) + 1)
        rows = slice(0, self.batch.ready)
        self.batch.advance(rows)
        self.choose(rows)

    def choose(self, rows: slice) -> None:
        members = self.batch.rows[rows]
        next_tokens = [row.prompt[0] + len(row.generated) + 1 for row in members]
        logits = torch.nn.functional.one_hot(torch.tensor(next_tokens), 1000).float()
        for row, token in zip(members, self.batch.choose(rows, logits).tolist(), strict=True):
            row.accept(token, None, CONTEXT)

    def check(self) -> None:
        for index, row in enumerate(self.batch.rows):
            expected = [*row.prompt[: row.read], *row.generated[:-1]]
            assert row.length == len(expected)
            if expected:
                keys, _ = self.cache._layers[0]
                assert keys[index, 0, : row.length, 0].tolist() == expected
            assert (index < self.batch.ready) == (row.unread == 0 and bool(row.generated))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["add", "read", "decode", "remove"]), st.integers(0, 9)), max_size=40))
def test_every_row_keeps_its_own_tokens(steps: list[tuple[str, int]]) -> None:
    machine, added = Machine(), 0
    for action, number in steps:
        batch = machine.batch
        if action == "add" and not batch.full:
            prompt = tuple(100 * (added % 9) + 1 + i for i in range(number + 1))
            batch.add(Running(Request(f"r{added}", prompt, 99, Sampling(temperature=0)), quiet_stream(), prompt))
            added += 1
        elif action == "read" and batch.ready < len(batch.rows):
            machine.read_prompts(budget=number + 1)
        elif action == "decode" and batch.ready and max(row.length for row in batch.rows[: batch.ready]) < CONTEXT - 1:
            machine.decode()
        elif action == "remove" and batch.rows:
            batch.remove(number % len(batch.rows), machine.cache)
        machine.check()


def test_a_long_prompt_and_short_ones_take_turns() -> None:
    machine, read = Machine(), []

    def add(name: str, length: int) -> None:
        prompt = tuple(range(100, 100 + length))
        machine.batch.add(Running(Request(name, prompt, 99, Sampling(temperature=0)), quiet_stream(), prompt))

    add("long", 12)
    add("short", 1)
    while machine.batch.ready < len(machine.batch.rows):
        before = {row.request.id: row.read for row in machine.batch.rows}
        machine.read_prompts(budget=3)
        machine.check()
        read += [row.request.id for row in machine.batch.rows if row.read > before[row.request.id]]
        if read == ["short", "long"]:
            add("late", 7)
            add("latest", 2)
    assert read == ["short", "long", "long", "latest", "long", "long", "late", "late", "late"]
