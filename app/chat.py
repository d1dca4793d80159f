"""A conversation in the terminal with a served model, streamed over HTTP. Works piped too: each line of input is a question.

Not for the command line's arguments (cli.py).
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import httpx
from rich.console import Console

from cluster.environment import api_key
from cluster.errors import AddressError, HanlinError, RequestError, UnavailableError

_CONNECT_SECONDS = 5.0
Message = dict[str, str]


@dataclass(frozen=True)
class ChatOptions:
    """How to ask. None leaves it to the model; `max_tokens` 0: as many as the context holds."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int = 0
    seed: int | None = None
    system: str = ""


def chat(
    base_url: str,
    model: str = "",
    options: ChatOptions | None = None,
    source: IO[str] | None = None,
    target: IO[str] | None = None,
) -> None:
    """Talk until `/exit` or the end of the input; `/new` begins a new conversation. The first model served is taken where
    none is named.

    Raises AddressError where nothing answers at `base_url`, and what the endpoint says where it refuses.
    """
    options, source = options or ChatOptions(), source or sys.stdin
    console = Console(file=target or sys.stdout, highlight=False, soft_wrap=True)
    with _client(base_url) as client:
        model = model or _first_model(client)
        if source.isatty():
            console.print(f"[dim]{model} · /new: new conversation · /exit: end[/dim]")
        history: list[Message] = []
        for question in _questions(source, console):
            if question == "/new":
                history = []
                continue
            history.append({"role": "user", "content": question})
            history.append({"role": "assistant", "content": _show_answer(client, model, history, options, console)})


def ask(base_url: str, model: str, messages: list[Message], options: ChatOptions | None = None) -> Iterator[str]:
    """The answer to a conversation, piece by piece. Raises as `chat` does, also where the answer breaks off."""
    with _client(base_url) as client:
        yield from _stream(client, model, messages, options or ChatOptions())


def _client(base_url: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"} if (key := api_key()) else {}
    return httpx.Client(base_url=base_url, headers=headers, timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS))


def _questions(source: IO[str], console: Console) -> Iterator[str]:
    """Lines until the end; typed at a terminal they are prompted for, piped they are shown."""
    while True:
        try:
            if source.isatty():
                line = console.input("[bold cyan]问[/bold cyan] ")
            else:
                line = source.readline()
                if not line:
                    return
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
        question = line.strip()
        if question in ("/exit", "/quit"):
            return
        if question:
            if not source.isatty() and question != "/new":
                console.print(f"问 {question}", markup=False)
            yield question


def _show_answer(client: httpx.Client, model: str, history: list[Message], options: ChatOptions, console: Console) -> str:
    """Print the answer as it comes; Ctrl-C ends this answer, not the conversation."""
    console.print("[bold green]答[/bold green] ", end="")
    answer = ""
    try:
        for text in _stream(client, model, history, options):
            answer += text
            console.print(text, end="", markup=False)
    except KeyboardInterrupt:
        console.print(" [dim](stopped)[/dim]", end="")
    console.print()
    return answer


def _stream(client: httpx.Client, model: str, messages: list[Message], options: ChatOptions) -> Iterator[str]:
    system: list[Message] = [{"role": "system", "content": options.system}] if options.system else []
    body: dict[str, Any] = {"model": model, "messages": system + messages, "stream": True}
    body |= {"temperature": options.temperature, "top_p": options.top_p, "seed": options.seed}
    body["max_tokens"] = options.max_tokens or None
    try:
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            if response.status_code != httpx.codes.OK:
                response.read()
                raise _refused(response.status_code, _json(response.text))
            yield from _texts(response)
    except httpx.ConnectError as error:
        raise _unreachable(client, error) from error
    except httpx.HTTPError as error:
        raise UnavailableError(f"the answer broke off ({error})", "", "ask again") from error


def _texts(response: httpx.Response) -> Iterator[str]:
    for line in response.iter_lines():
        if not line.startswith("data: "):
            continue
        data = line.removeprefix("data: ")
        if data == "[DONE]":
            return
        event = _json(data)
        if "error" in event:
            raise _refused(httpx.codes.SERVICE_UNAVAILABLE, event)
        for choice in event["choices"]:
            if text := choice["delta"].get("content"):
                yield text
    raise UnavailableError("the answer broke off without an end", "", "ask again")


def _first_model(client: httpx.Client) -> str:
    try:
        response = client.get("/v1/models")
    except httpx.HTTPError as error:
        raise _unreachable(client, error) from error
    models = _json(response.text).get("data") or []
    if not models:
        raise UnavailableError(f"no model is served at {client.base_url}", "", "start one with `hanlin serve`")
    return str(models[0]["id"])


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"error": {"message": " ".join(text.split())[:200]}}


def _refused(status: int, body: dict[str, Any]) -> HanlinError:
    message = str((body.get("error") or {}).get("message") or f"status {status}")
    return RequestError(message) if 400 <= status < 500 else UnavailableError(message)


def _unreachable(client: httpx.Client, error: httpx.HTTPError) -> AddressError:
    return AddressError(
        f"nothing answers at {client.base_url} ({error})", "the address of a running endpoint", "start one with `hanlin serve`"
    )
