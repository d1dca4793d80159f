"""The models that this gateway can answer for: their routes, and their cards, vocabularies and templates once asked for."""

import asyncio
import random
from dataclasses import dataclass

from app.gateway.routes import Route, Table, choose, last_good, on_trial, place_of
from app.gateway.shield import Prompt
from app.gateway.template import ChatTemplate
from app.gateway.upstream import Upstream
from app.gateway.vocabulary import Vocabulary
from cluster.errors import UnavailableError
from workloads.serving.card import ModelCard

_LONG_TEXT = 20_000
"""Characters from which on a text is tokenized beside the event loop (about 10 ms of work)."""


@dataclass(frozen=True)
class Served:
    """A revision, ready to be asked."""

    model: str
    revision: str
    app: str
    card: ModelCard
    vocabulary: Vocabulary
    template: ChatTemplate

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

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
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
        fall. One on trial whose card cannot be had is passed over. Raises ModelNotFoundError, UnavailableError."""
        model, _, named = name.partition("@")
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

    async def open(self, model: str, route: Route) -> Served:
        """A route's revision with its tokenizer. Raises UnavailableError."""
        if route.app not in self._loaded:
            card = await self._upstream.card(route.app)
            vocabulary = await asyncio.to_thread(Vocabulary, card.tokenizer)
            template = ChatTemplate(card.chat_template, card.special_tokens, vocabulary.control_tokens)
            self._loaded[route.app] = (card, vocabulary, template)
        card, vocabulary, template = self._loaded[route.app]
        return Served(model, route.revision, route.app, card, vocabulary, template)
