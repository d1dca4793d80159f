"""Model folders: equal after a round trip, readable by transformers alone, refused when damaged."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from cluster.errors import ArtifactError
from workloads.models.architecture import build_decoder, decoder_config
from workloads.models.folder import WEIGHTS, load_model, write_model_folder
from workloads.models.spec import ModelSpec

TIED = ModelSpec(preset="2M", hidden_size=32, layers=2, heads=2, kv_heads=1, head_dim=16, intermediate_size=48)
UNTIED = TIED.model_copy(update={"tie_embeddings": False})


@pytest.mark.parametrize("spec", [TIED, UNTIED])
def test_a_folder_comes_back_equal(tmp_path: Path, spec: ModelSpec) -> None:
    model = build_decoder(decoder_config(spec, 300, 32), seed=3)
    write_model_folder(tmp_path, model, ["\n问："])
    tokens = torch.arange(16).unsqueeze(0)
    with torch.no_grad():
        wanted = model(input_ids=tokens).logits
        for loaded in (load_model(tmp_path), AutoModelForCausalLM.from_pretrained(str(tmp_path))):
            assert torch.equal(loaded(input_ids=tokens).logits, wanted)
            assert loaded.generation_config.stop_strings == ["\n问："]
            assert loaded.generation_config.pad_token_id == 0
    assert {file.name for file in tmp_path.iterdir()} == {"config.json", "generation_config.json", WEIGHTS}


def test_a_tied_matrix_is_stored_once(tmp_path: Path) -> None:
    for name, spec in (("tied", TIED), ("untied", UNTIED)):
        write_model_folder(tmp_path / name, build_decoder(decoder_config(spec, 300, 32), seed=3))
    difference = (tmp_path / "untied" / WEIGHTS).stat().st_size - (tmp_path / "tied" / WEIGHTS).stat().st_size
    assert difference == pytest.approx(300 * 32 * 4, abs=200)


def test_a_missing_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no model in .*config\.json"):
        load_model(tmp_path)


def test_weights_cut_short_are_one_line(tmp_path: Path) -> None:
    write_model_folder(tmp_path, build_decoder(decoder_config(TIED, 300, 32), seed=3))
    file = tmp_path / WEIGHTS
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ArtifactError, match="cannot be loaded") as error:
        load_model(tmp_path)
    assert "\n" not in str(error.value)


def test_pickled_weights_are_never_read(tmp_path: Path) -> None:
    write_model_folder(tmp_path, build_decoder(decoder_config(TIED, 300, 32), seed=3))
    (tmp_path / WEIGHTS).unlink()
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ArtifactError, match="cannot be loaded"):
        load_model(tmp_path)
