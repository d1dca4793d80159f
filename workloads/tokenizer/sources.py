"""How many training tokens each source of a corpus holds, estimated before anything is encoded, and packed, counted after.

Characters are counted exactly, from columns alone; characters per token are what the tokenizer measured on text of the source.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cluster.artifacts import Artifact
from workloads.tokenizer.documents import TRAIN, parts_of
from workloads.tokenizer.mix import MixSpec, Mixture, Share, plan_mixture


def characters_by_source(corpus: Artifact) -> dict[str, int]:
    """Characters of the training split."""
    total: Counter[str] = Counter()
    for part in parts_of(corpus):
        with corpus.location.filesystem.open_input_file((corpus.location / part.path).path) as file:
            table = pq.read_table(file, columns=["source", "split", "characters"]).filter(pc.field("split") == TRAIN)
        for row in table.group_by("source").aggregate([("characters", "sum")]).to_pylist():
            total[str(row["source"])] += int(row["characters_sum"])
    return dict(total)


def tokens_by_source(corpus: Artifact, tokenizer: Artifact) -> dict[str, int]:
    """Estimated tokens of the training split."""
    report = json.loads(tokenizer.read("report.json"))
    measured = {source: float(its["characters_per_token"]) for source, its in report["by_source"].items()}
    overall = float(report["overall"]["characters_per_token"]) or 1.0
    return {source: round(count / (measured.get(source) or overall)) for source, count in characters_by_source(corpus).items()}


def mixture_of(spec: MixSpec, corpus: Artifact, tokenizer: Artifact) -> tuple[Mixture, tuple[Share, ...]]:
    """The mixture that the spec asks for, and its plan by source (empty for a plain one)."""
    if spec.is_plain:
        return Mixture({}), ()
    shares = plan_mixture(tokens_by_source(corpus, tokenizer), spec)
    return Mixture({share.source: share.factor for share in shares}, spec.seed), shares


def count_by_source(encoded: pa.Table) -> Counter[str]:
    """The tokens of an encoded table (columns source, tokens)."""
    lengths = pa.table({"source": encoded["source"], "tokens": pc.list_value_length(encoded["tokens"])})
    rows = lengths.group_by("source").aggregate([("tokens", "sum")]).to_pylist()
    return Counter({str(row["source"]): int(row["tokens_sum"]) for row in rows})


def mixture_report(shares: Sequence[Share], packed: Mapping[str, int]) -> bytes:
    """mixture.json: what there was, what was wanted and what was packed, by source."""
    total = sum(packed.values()) or 1
    lines = [
        {
            "source": share.source,
            "tokens_estimated": share.tokens,
            "factor": round(share.factor, 4),
            "tokens_packed": packed.get(share.source, 0),
            "share_packed": round(packed.get(share.source, 0) / total, 4),
        }
        for share in shares
    ]
    return (json.dumps({"sources": lines}, ensure_ascii=False, indent=1) + "\n").encode()
