"""A revision: one registered model, by the hash of its bytes, with everything that says where it came from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from cluster.manifest import Json

PRODUCTION = "production"
CANDIDATE = "candidate"


@dataclass(frozen=True)
class Node:
    """One step of a lineage: an artifact, or raw input (kind `input`, without a URI). `inputs` maps names to fingerprints."""

    kind: str
    fingerprint: str
    uri: str
    inputs: Mapping[str, str]


@dataclass(frozen=True)
class Revision:
    """One registered model. `content_hash` is over all files of the model artifact, `lineage` reaches from it to the raw
    inputs of the corpus, `metrics` are the evaluation's. Only `aliases` and the evaluation can change later."""

    model: str
    number: int
    content_hash: str
    fingerprint: str
    artifact: str
    evaluation: str
    evaluation_fingerprint: str
    metrics: Mapping[str, float]
    recipe: Mapping[str, Json]
    lineage: tuple[Node, ...]
    created: str
    run_id: str
    aliases: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`model@number`, as a request may name it."""
        return f"{self.model}@{self.number}"

    def with_aliases(self, aliases: tuple[str, ...]) -> "Revision":
        return replace(self, aliases=aliases)

    def to_json(self) -> str:
        """All but the aliases, which live in the registry alone."""
        return json.dumps({k: v for k, v in asdict(self).items() if k != "aliases"}, ensure_ascii=False, sort_keys=True)

    @staticmethod
    def from_json(data: str | bytes) -> "Revision":
        raw = json.loads(data)
        lineage = tuple(Node(**node) for node in raw.pop("lineage"))
        return Revision(lineage=lineage, **raw)
