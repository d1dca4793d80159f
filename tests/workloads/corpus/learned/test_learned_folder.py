"""A model's folder: what is written is read, the same documents give the same bytes, what is damaged is told in one line."""

import json
from pathlib import Path

import numpy as np
import pytest

from cluster import storage
from cluster.errors import InputError
from workloads.corpus.learned.folder import (
    MODEL,
    WEIGHTS,
    load_perplexity,
    load_quality,
    save_perplexity,
    save_quality,
)
from workloads.text.learned import PerplexityModel, QualityModel

QUALITY = QualityModel(np.linspace(-1, 1, 16, dtype=np.float32), 0.1 + 0.2, 2, 500)
PERPLEXITY = PerplexityModel(np.arange(8, dtype=np.uint64) << np.uint64(60), 3, 25.123456789, 700)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    place = storage.locate(str(tmp_path / "甲"))
    assert save_quality(place, QUALITY, {"auc": 0.9}) == load_quality(place)[1]
    read = load_quality(place)[0]
    assert read.weights.tobytes() == QUALITY.weights.tobytes()
    assert (read.bias, read.longest_gram, read.characters) == (0.1 + 0.2, 2, 500)
    assert json.loads((tmp_path / "甲" / MODEL).read_text("utf-8"))["learned"] == {"auc": 0.9}
    other = storage.locate(str(tmp_path / "乙"))
    assert save_perplexity(other, PERPLEXITY, {}) == load_perplexity(other)[1]
    table = load_perplexity(other)[0]
    assert table.table.tobytes() == PERPLEXITY.table.tobytes()
    assert (table.order, table.unseen_bits, table.characters) == (3, 25.123456789, 700)


def test_a_model_has_one_name_wherever_it_lies(tmp_path: Path) -> None:
    names = {save_quality(storage.locate(str(tmp_path / place)), QUALITY, {}) for place in ("a", "b")}
    assert len(names) == 1
    changed = QualityModel(QUALITY.weights * 2, QUALITY.bias, 2, 500)
    assert save_quality(storage.locate(str(tmp_path / "c")), changed, {}) not in names


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "not json", "no settings", "list"])
def test_damage_is_one_line(tmp_path: Path, damage: str) -> None:
    place = storage.locate(str(tmp_path))
    save_quality(place, QUALITY, {})
    weights, model = tmp_path / WEIGHTS, tmp_path / MODEL
    data = weights.read_bytes()
    match damage:
        case "flip":
            weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        case "cut":
            weights.write_bytes(data[:40])
        case "gone":
            weights.unlink()
        case "not json":
            model.write_bytes(b"{")
        case "no settings":
            model.write_text(json.dumps({"kind": "quality", "format": 1}), "utf-8")
        case _:
            model.write_bytes(b"[]")
    with pytest.raises(InputError, match="train it again") as caught:
        load_quality(place)
    assert "\n" not in str(caught.value)


def test_another_model_and_none_at_all(tmp_path: Path) -> None:
    save_perplexity(storage.locate(str(tmp_path / "p")), PERPLEXITY, {})
    with pytest.raises(InputError, match="kind perplexity in format 1; quality in format 1"):
        load_quality(storage.locate(str(tmp_path / "p")))
    with pytest.raises(InputError, match=r"no model\.json in .*nowhere.*hanlin corpus train-quality"):
        load_quality(storage.locate(str(tmp_path / "nowhere")))
