"""What the release proofs share: models that differ in one thing, a steady load, and what its clients saw."""

import asyncio
import random
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen3Config, Qwen3ForCausalLM

from tests.workloads.serving.tiny_model import TEXT, write_model

CONTEXT = 512
_MOST_AT_ONCE = 12  # questions without their answer: a machine that is too slow for the rate is not flooded
_WORDS = ("青石镇", "老桥", "春天", "农人", "稻子", "周老人", "山上的茶", "江边", "秧苗", "孩子们", "渔船", "米店")


def question(draws: random.Random) -> str:
    """What the clients ask, each time another one."""
    return "和".join(draws.sample(_WORDS, 4)) + f"，第{draws.randrange(10**6)}次"


def write_trained(folder: Path, steps: int = 400) -> Path:
    """A tiny model that knows the tokenizer's few sentences and what the clients ask."""
    write_model(folder, 1, CONTEXT)
    torch.set_num_threads(1)  # where others work too, two wait for each other
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForCausalLM.from_pretrained(folder)
    draws = random.Random(5)
    texts = [*TEXT, *(question(draws) for _ in range(60))]
    rows = [tokenizer(text, return_tensors="pt").input_ids for text in texts]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step in range(steps):
        ids = rows[step % len(rows)]
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    return folder


def write_again(source: Path, folder: Path, tokenizer: bool = True) -> Path:
    """The same model but for a last digit, with or without its tokenizer."""
    shutil.copytree(source, folder)
    model: Any = AutoModelForCausalLM.from_pretrained(source)
    model.get_input_embeddings().weight.data *= 1.0001
    model.save_pretrained(folder)
    if not tokenizer:
        (folder / "tokenizer.json").unlink()
    return folder


def write_shuffled(source: Path, folder: Path, share: float) -> Path:
    """The same model with a share of every matrix's entries in another order: it loads, answers as fast, and knows less."""
    write_model(folder, 0, CONTEXT)
    model: Any = AutoModelForCausalLM.from_pretrained(source)
    order = torch.Generator().manual_seed(1)
    for weights in (each for each in model.parameters() if each.dim() == 2):
        flat = weights.data.view(-1)
        places = torch.randperm(flat.numel(), generator=order)[: int(share * flat.numel())]
        flat[places] = flat[places[torch.randperm(places.numel(), generator=order)]]
    model.save_pretrained(folder)
    return folder


def write_garbage(source: Path, folder: Path) -> Path:
    """The same model, sure of the wrong things."""
    write_model(folder, 0, CONTEXT)
    model: Any = AutoModelForCausalLM.from_pretrained(source)
    model.model.norm.weight.data *= -20
    model.save_pretrained(folder)
    return folder


def write_slow(source: Path, folder: Path, layers: int = 60) -> Path:
    """The same answers from so many layers more, which add nothing to what the first ones say."""
    write_model(folder, 0, CONTEXT)
    small: Any = AutoModelForCausalLM.from_pretrained(source)
    config = {name: value for name, value in small.config.to_dict().items() if name != "layer_types"}
    model: Any = Qwen3ForCausalLM(Qwen3Config(**config | {"num_hidden_layers": small.config.num_hidden_layers + layers}))
    model.load_state_dict(small.state_dict(), strict=False)
    for layer in model.model.layers[small.config.num_hidden_layers :]:
        for output in (layer.self_attn.o_proj, layer.mlp.down_proj):
            torch.nn.init.zeros_(output.weight)
    model.generation_config = small.generation_config
    model.save_pretrained(folder)
    return folder


@dataclass
class Seen:
    """What the clients saw. Times are whole answers in seconds, by when they were asked."""

    answers: list[tuple[float, float, str]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def times(self, since: float = 0.0, until: float = float("inf")) -> list[float]:
        return [seconds for asked, seconds, _ in self.answers if since <= asked < until]

    def revisions(self) -> set[str]:
        return {revision for _, _, revision in self.answers}

    def last_asked(self, revision: str) -> float:
        """When the last question was asked that this revision answered."""
        return max(asked for asked, _, by in self.answers if by == revision)

    def wait(self, count: int, seconds: float = 480) -> None:
        """Until so many more answers have come."""
        enough, end = len(self.answers) + count, time.monotonic() + seconds
        while len(self.answers) < enough:
            assert time.monotonic() < end, f"{enough - len(self.answers)} answers did not come within {seconds:g} s"
            time.sleep(0.05)


def p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98] if len(times) > 1 else times[0]


@contextmanager
def load(url: str, rate: float, tokens: int = 24, seed: int = 0) -> Iterator[Seen]:
    """Questions at random moments, `rate` a second on average where answers come in time, every second one streamed, for the time
    of the block. What was asked is waited for."""
    seen, ended = Seen(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_ask_all(url, rate, tokens, random.Random(seed), seen, ended)))
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


async def _ask_all(url: str, rate: float, tokens: int, draws: random.Random, seen: Seen, ended: threading.Event) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    async with httpx.AsyncClient(base_url=url, timeout=300, limits=limits) as client:
        tasks: set[asyncio.Task[None]] = set()
        while not ended.is_set():
            if len(tasks) < _MOST_AT_ONCE:
                task = asyncio.create_task(_ask(client, question(draws), tokens, draws.random() < 0.5, seen))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.sleep(draws.expovariate(rate))
        await asyncio.gather(*tasks)


async def _ask(client: httpx.AsyncClient, text: str, tokens: int, stream: bool, seen: Seen) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": text}], "max_tokens": tokens, "stream": stream}
    asked, started = time.time(), time.monotonic()
    try:
        async with client.stream("POST", "/v1/chat/completions", json=body) as response:
            told = (await response.aread()).decode()
    except httpx.HTTPError as error:
        seen.failures.append(f"{type(error).__name__}: {error}")
        return
    if response.status_code != 200 or (stream and not told.rstrip().endswith("data: [DONE]")):
        seen.failures.append(f"{response.status_code}: {told[-300:]}")
        return
    seen.answers.append((asked, time.monotonic() - started, response.headers["x-hanlin-revision"]))
