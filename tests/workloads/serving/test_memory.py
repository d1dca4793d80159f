"""What a copy is said to take: by slots and context, by weights, and what is said where no machine holds it."""

from pathlib import Path
from typing import Any

import pytest

from cluster.artifacts import Artifact, ArtifactStore
from cluster.errors import ResourceError
from cluster.manifest import Work
from cluster.room import Addable, Room
from tests.workloads.serving.tiny_model import commit_model
from workloads.serving.memory import Appetite, appetite_of, memory_of, require_memory, token_bytes
from workloads.serving.spec import ServingSpec

GB = 10**9
QWEN = {
    "architectures": ["Qwen3ForCausalLM"],
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "hidden_size": 1024,
}


@pytest.fixture
def model(store: ArtifactStore, tiny_folder: Path) -> Artifact:
    return commit_model(store, tiny_folder, "m")


def room(*memory: float, cpus: float = 8, addable: int = 0) -> Room:
    machines = tuple({"CPU": cpus, "memory": each} for each in memory)
    return Room(machines, machines, (Addable({"CPU": cpus, "memory": 64.0 * GB}, addable),))


def test_keys_and_values_of_a_token() -> None:
    assert token_bytes(QWEN, 2) == 2 * 28 * 8 * 128 * 2
    assert token_bytes(QWEN | {"head_dim": None, "num_key_value_heads": None}, 4) == 2 * 28 * 1024 * 4
    assert token_bytes({"architectures": ["BertForMaskedLM"], "num_hidden_layers": 12, "num_attention_heads": 12}, 4) == 0


def test_every_slot_is_counted_full(model: Artifact) -> None:
    need = appetite_of(ServingSpec(slots=8), model, openvino=False)
    assert (need.slots, need.context, need.token) == (8, 128, 2 * 2 * 2 * 8 * 4)
    assert need.most - need.standing == 8 * 128 * need.token
    assert appetite_of(ServingSpec(slots=8, max_context=64), model, openvino=False).context == 64


def test_fewer_bits_and_shared_weights_take_less(model: Artifact) -> None:
    def standing(openvino: bool, **settings: Any) -> int:
        return appetite_of(ServingSpec(**settings), model, openvino).standing

    packed, shared = standing(False), standing(False, share_weights=True)
    assert shared < standing(False, weights="int8") < packed
    builds = [standing(True, weights=weights) for weights in ("f32", "bf16", "int8", "int4")]
    assert builds == sorted(builds, reverse=True)
    assert len(set(builds)) == 4


def test_vllm_takes_processes_of_its_own(model: Artifact) -> None:
    vllm, torch = (appetite_of(ServingSpec(engine=name), model, openvino=False) for name in ("vllm", "torch"))
    assert vllm.standing > torch.standing + 10**9
    assert vllm.token == torch.token
    assert appetite_of(ServingSpec(engine="vllm", gpus_per_replica=1), model, openvino=False).token == 0


def test_on_an_accelerator_the_model_is_not_in_the_machines_memory(model: Artifact) -> None:
    need = appetite_of(ServingSpec(gpus_per_replica=1), model, openvino=False)
    assert need.token == 0
    assert need.standing < appetite_of(ServingSpec(), model, openvino=False).standing


def test_a_model_that_says_nothing_asks_for_something(store: ArtifactStore) -> None:
    work = Work("model", {}, {}, 1)
    with store.draft(work) as draft:
        draft.write("weights", b"w")
    found = store.find(work)
    assert found is not None
    assert appetite_of(ServingSpec(), found, openvino=False).most > 0


def test_what_fits_and_what_the_recipe_holds_is_let_through() -> None:
    need = Appetite(2 * GB, 1_000_000, slots=8, context=1000)
    require_memory(room(11.0 * GB), ServingSpec(), need)
    require_memory(room(4.0 * GB, addable=1), ServingSpec(), need)
    held = ServingSpec(memory_mb=3000)
    assert memory_of(held, need) == 3000 << 20
    require_memory(room(4.0 * GB), held, need)


def test_what_no_machine_holds_is_refused_with_what_would_fit() -> None:
    need = Appetite(2 * GB, 1_000_000, slots=8, context=1000)
    with pytest.raises(ResourceError, match=r"1 x 10 GB .* 8 slots of 1,000 tokens, 2 GB .* offers 7 GB") as refused:
        require_memory(room(7.0 * GB), ServingSpec(), need)
    assert "serving.slots=4 (of 1,000 tokens) or serving.max_context=500 (in 8 slots) would fit" in str(refused.value)
    with pytest.raises(ResourceError, match=r"serving\.slots=2"):
        require_memory(room(10.0 * GB), ServingSpec(replicas=2), need)
    with pytest.raises(ResourceError, match="fewer bits"):
        require_memory(room(1.0 * GB), ServingSpec(), need)


def test_want_of_processors_is_not_called_want_of_memory() -> None:
    require_memory(room(1.0 * GB, cpus=0.5), ServingSpec(), Appetite(2 * GB, 0, 8, 1000))
