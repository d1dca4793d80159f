"""The models that this gateway can answer for: their routes, and their cards, vocabularies and templates once asked for."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.gateway.adapters import Adapters, by_preference, for_engines
from app.gateway.routes import Route, Table, choose, last_good, on_trial, place_of
from app.gateway.shield import Prompt
from app.gateway.template import ChatTemplate
from app.gateway.upstream import Upstream
from app.gateway.vocabulary import Vocabulary
from app.registry.adapters import PublishedAdapter
from cluster.errors import ModelNotFoundError, UnavailableError
from workloads.serving.card import ModelCard
from workloads.serving.engine.base import Adapter

_LONG_TEXT = 20_000
"""Characters from which on a text is tokenized beside the event loop (about 10 ms of work)."""


@dataclass(frozen=True)
class Served:
    """A revision, ready to be asked; with `adapter` where its name was asked for."""

    model: str
    revision: str
    app: str
    card: ModelCard
    vocabulary: Vocabulary
    template: ChatTemplate
    adapter: Adapter | None = None

    async def encode(self, text: str, special: bool) -> tuple[int, ...]:
        """Token ids of a text; long ones do not hold up other requests."""
        if len(text) < _LONG_TEXT:
            return self.vocabulary.encode(text, special)
        return await asyncio.to_thread(self.vocabulary.encode, text, special)

    async def encode_prompt(self, prompt: Prompt) -> tuple[int, ...]:
        """Token ids of a rendered conversation: what users wrote stays text."""
        if len(prompt.text) < _LONG_TEXT:
            return self.vocabulary.encode_prompt(prompt)
        return await asyncio.to_thread(self.vocabulary.encode_prompt, prompt)


class Models:
    """A routing table and what its revisions said of themselves. A revision never changes, so its card is kept."""

    def __init__(self, upstream: Upstream, adapters: Adapters | None = None) -> None:
        self._upstream = upstream
        self.adapters = adapters or Adapters()
        self._table: Table = {}
        self._loaded: dict[str, tuple[ModelCard, Vocabulary, ChatTemplate]] = {}

    @property
    def table(self) -> Table:
        return self._table

    def set_table(self, table: Table) -> None:
        """From now on requests go by this table; those on the way keep the revision they began with."""
        self._table = table
        apps = {route.app for routes in table.values() for route in routes}
        self._loaded = {app: loaded for app, loaded in self._loaded.items() if app in apps}

    async def find(self, name: str, conversation: str = "") -> Served:
        """The revision that answers for a name now; the same one for the same conversation, as long as its share does not
        fall. One on trial whose card cannot be had is passed over. An adapter's name leads to the revision that it was made for.
        Raises ModelNotFoundError, UnavailableError."""
        model, _, named = name.partition("@")
        if model not in self._table and (made := await self.adapters.named(name)):
            return await self._adapted(made)
        trial = on_trial(self._table, model)
        draw = place_of(conversation, trial.revision if trial else "") if conversation else random.random()
        route = choose(self._table, name, draw)
        try:
            return await self.open(model, route)
        except UnavailableError:
            good = last_good(self._table, model)
            if named or not route.trial or good is None:
                raise
            return await self.open(model, good)

    async def _adapted(self, made: Sequence[PublishedAdapter]) -> Served:
        """The first revision, by preference, that the adapter was made for and that takes adapters."""
        entry, reason = made[0], "it was made for a revision that is not served"
        for route in by_preference(self._table.get(entry.model, ())):
            served = await self.open(entry.model, route)
            fits = next((each for each in made if each.base == served.card.fingerprint), None)
            if fits is not None and served.card.capabilities.adapters:
                return replace(served, adapter=for_engines(fits))
            if fits is not None:
                reason = "its model is served without adapters (serving.adapter_mb is 0)"
        raise ModelNotFoundError(
            f"the adapter {entry.name} of {entry.model} cannot be asked: {reason}",
            f"made for: {', '.join(f'{each.model}@{each.revision}' for each in made)}",
            "ask GET /v1/models",
            param="model",
        )

    async def open(self, model: str, route: Route) -> Served:
        """A route's revision with its tokenizer. Raises UnavailableError."""
        if route.app not in self._loaded:
            card = await self._upstream.card(route.app)
            vocabulary = await asyncio.to_thread(Vocabulary, card.tokenizer)
            template = ChatTemplate(card.chat_template, card.special_tokens, vocabulary.control_tokens)
            self._loaded[route.app] = (card, vocabulary, template)
        card, vocabulary, template = self._loaded[route.app]
        return Served(model, route.revision, route.app, card, vocabulary, template)
