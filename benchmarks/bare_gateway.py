"""The gateway and a torch engine in one process on uvicorn, without Ray: what the gateway itself does, where a session cannot
be started or shall not be measured. The serving benchmarks start it with `--bare`.

    python benchmarks/bare_gateway.py PORT SLOTS [KEYS]
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx

from cluster.errors import UnavailableError
from workloads.serving.address import free_port
from workloads.serving.card import ModelCard, read_card
from workloads.serving.engine.base import Chunk, Engine, EngineSettings, Request, Stats


class LocalUpstream:
    """One engine, asked directly."""

    def __init__(self, engine: Engine, card: ModelCard) -> None:
        self._engine, self._card = engine, card

    async def card(self, app: str) -> ModelCard:
        return self._card

    async def stats(self, app: str) -> Stats:
        return self._engine.stats()

    def generate(self, app: str, request: Request, pause: float, taken_within: float = 0.0) -> AsyncGenerator[Chunk, None]:
        if not self._engine.alive:
            raise UnavailableError("the engine has ended")
        return self._engine.generate(request, pause)


@contextmanager
def bare_gateway(slots: int, keys: str = "") -> Iterator[tuple[int, int]]:
    """Its port and process, once it answers."""
    port = free_port()
    process = subprocess.Popen([sys.executable, __file__, str(port), str(slots), keys])
    try:
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=10).raise_for_status()
                break
            except httpx.HTTPError:
                if process.poll() is not None:
                    raise
                time.sleep(0.2)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def main(port: int, slots: int, keys: str) -> None:
    import uvicorn

    from app.gateway.http import create_app
    from app.gateway.routes import Route
    from app.gateway.service import Service
    from app.gateway.settings import GatewaySettings
    from benchmarks.serving import write_model
    from workloads.serving.engine import load_engine

    with tempfile.TemporaryDirectory() as folder:
        model = write_model(Path(folder) / "model")
        (model / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}{% endfor %}", encoding="utf-8")
        engine = load_engine("torch", model, EngineSettings(slots=slots, threads=1))
        card = read_card(model, "1", "0" * 20, 0, engine.capabilities)
        service = Service(cast(Any, LocalUpstream(engine, card)), 300, GatewaySettings(keys=keys))
        service.models.set_table({"bench": (Route("1", "model-1"),)})
        print(json.dumps({"pid": os.getpid(), "port": port}), flush=True)
        uvicorn.run(create_app(service), port=port, log_level="error", access_log=False)
        engine.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
