"""From a model back to the raw input: a walk over manifests, each of which names the fingerprints of its inputs."""

from app.registry.revision import Node
from cluster.artifacts import Artifact, ArtifactStore
from cluster.manifest import KINDS, Kind


def lineage(artifact: Artifact, store: ArtifactStore) -> tuple[Node, ...]:
    """The artifact and everything it was made from, each once, nearest first; what is no artifact of the store is `input`."""
    nodes: dict[str, Node] = {}
    todo: list[tuple[str, str, Artifact | None]] = [(artifact.kind, artifact.fingerprint, artifact)]
    while todo:
        name, fingerprint, found = todo.pop(0)
        if fingerprint in nodes:
            continue
        found = found or _find(name, fingerprint, store)
        if found is None:
            nodes[fingerprint] = Node("input", fingerprint, "", {})
            continue
        inputs = dict(found.manifest.inputs)
        nodes[fingerprint] = Node(found.kind, fingerprint, found.uri, inputs)
        todo += [(below, value, None) for below, value in sorted(inputs.items())]
    return tuple(nodes.values())


def _find(name: str, fingerprint: str, store: ArtifactStore) -> Artifact | None:
    likely: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind == name) or KINDS
    return next((a for kind in likely for a in store.artifacts(kind, fingerprint) if a.fingerprint == fingerprint), None)
