"""A small corpus artifact, written by hand: the tokenizer's tests do not wait for the corpus stage."""

import hashlib
import io
import random
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings

from cluster.artifacts import Artifact, ArtifactStore
from cluster.manifest import Work

settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
settings.load_profile("unhurried")  # the machine may be busy; a timing is no test

MakeCorpus = Callable[..., Artifact]

_SCHEMA = pa.schema(
    [("id", pa.string()), ("text", pa.string()), ("source", pa.string()), ("split", pa.string()), ("characters", pa.int32())]
)
_PEOPLE = ("王小明", "李芳", "張掌櫃", "赵老师", "孙木匠", "周大夫")
_PLACES = ("河边的茶馆", "东街市场", "山脚下的学堂", "渡口", "城南的布店")
_DEEDS = (
    "买了{n}斤苹果",
    "卖出 {n} 匹布",
    "写了{n}封信",
    "等了{n}天，没有等到船",
    "和朋友喝茶",
    "used {n} GB of memory on node-{n}",
)
_TIMES = ("春天", "夏天的傍晚", "秋收以后", "大雪那天", "2026年8月{n}日")


@pytest.fixture(scope="session")
def sentences() -> Callable[[int, int], str]:
    """`count` sentences of a small world, the same for the same seed."""

    def make(count: int, seed: int) -> str:
        chance = random.Random(seed)
        lines = []
        for _ in range(count):
            time, person, place, deed = (chance.choice(words) for words in (_TIMES, _PEOPLE, _PLACES, _DEEDS))
            lines.append(f"{time}，{person}在{place}{deed}。".replace("{n}", str(chance.randint(1, 99))))
        return "\n".join(lines)

    return make


@pytest.fixture
def make_corpus(store: ArtifactStore, sentences: Callable[[int, int], str]) -> MakeCorpus:
    """A committed corpus of `documents` documents in `parts` files, one in `heldout_every` held out; or of given texts."""

    def make(
        documents: int = 200, parts: int = 3, heldout_every: int = 10, texts: Sequence[str] = (), name: str = "by-hand"
    ) -> Artifact:
        texts = texts or [sentences(1 + number % 12, number) for number in range(documents)]
        rows = []
        for number, text in enumerate(texts):
            source = ("town", "docs")[number % 2]
            identity = hashlib.sha256(f"{source}\0{text}".encode()).hexdigest()[:20]
            split = "heldout" if heldout_every and number % heldout_every == heldout_every - 1 else "train"
            rows.append({"id": identity, "text": text, "source": source, "split": split, "characters": len(text)})
        rows.sort(key=lambda row: str(row["id"]))
        work = Work("corpus", {"name": name, "documents": len(rows), "parts": parts}, {}, 1)
        with store.draft(work) as draft:
            for part in range(parts):
                some = rows[part * len(rows) // parts : (part + 1) * len(rows) // parts]
                sink = io.BytesIO()
                pq.write_table(pa.Table.from_pylist(some, _SCHEMA), sink, row_group_size=64)
                draft.write(f"documents/part-{part:05d}.parquet", sink.getvalue())
            draft.counts |= {"documents_kept": len(rows), "characters_kept": sum(len(str(row["text"])) for row in rows)}
        return store.open("corpus", work.folder)

    return make
