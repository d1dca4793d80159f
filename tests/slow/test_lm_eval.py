"""lm-evaluation-harness against the endpoint: its log-likelihoods are the model's own, and so are its greedy texts."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from app.gateway.serve import single_route, start_gateway, stop_gateway, wait_ready
from cluster.artifacts import Artifact, ArtifactStore
from cluster.session import Session
from tests.workloads.serving.tiny_model import commit_model, write_model
from workloads.serving.address import free_port
from workloads.serving.deploy import deploy_revision, stop_serving
from workloads.serving.spec import ServingSpec

QUESTIONS = [
    {"question": "问：镇上有几座桥？\n答：", "choices": ["一座。", "两座。"], "label": 0},
    {"question": "问：三加五等于几？\n答：", "choices": ["七。", "八。", "十。"], "label": 1},
    {"question": "卖茶的老人姓", "choices": ["周", "陈"], "label": 0},
]
CHOICE = {
    "task": "town_choice",
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_choice": "{{choices}}",
    "doc_to_target": "{{label}}",
    "target_delimiter": "",
    "metric_list": [{"metric": "acc"}],
}
GENERATE = {
    "task": "town_generate",
    "output_type": "generate_until",
    "doc_to_text": "{{question}}",
    "doc_to_target": "{{choices[label]}}",
    "generation_kwargs": {"until": ["。"], "max_gen_toks": 8, "temperature": 0},
    "metric_list": [{"metric": "exact_match"}],
}

pytestmark = pytest.mark.slow


@pytest.fixture
def model(tmp_path: Path) -> Artifact:
    return commit_model(ArtifactStore(str(tmp_path / "store")), write_model(tmp_path / "tiny", 1, 512), "1")


@pytest.fixture
def url(ray_session: Session, model: Artifact) -> Iterator[str]:
    spec = ServingSpec(port=free_port(), cpus_per_replica=0.5, threads=1, slots=8, drain_seconds=1)
    try:
        url = start_gateway(spec, single_route("tiny", "1", deploy_revision(spec, model, "1")))
        wait_ready(url)
        yield url
    finally:
        stop_gateway()
        stop_serving()


def evaluate(url: str, model: Artifact, folder: Path) -> dict[str, list[Any]]:
    """Run the harness in its own environment; its samples by task."""
    program = shutil.which("lm-eval")
    if program is None:
        pytest.skip("lm-eval is not on the PATH: pip install 'lm-eval[api]' transformers, in an environment of its own")
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, QUESTIONS)))
    data = {
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(folder / "questions.jsonl")}},
        "test_split": "test",
    }
    for task in (CHOICE, GENERATE):
        (folder / f"{task['task']}.yaml").write_text(yaml.safe_dump(task | data, allow_unicode=True))
    arguments = f"model=tiny,base_url={url}/v1/completions,tokenizer={model.local_folder()},num_concurrent=4,max_length=512"
    command = [program, "run", "--model", "local-completions", "--model_args", arguments, "--batch_size", "2"]
    command += [
        "--tasks",
        "town_choice,town_generate",
        "--include_path",
        str(folder),
        "--log_samples",
        "--output_path",
        str(folder / "out"),
    ]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home"), "OPENAI_API_KEY": "none"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    files = {task: next((folder / "out").rglob(f"samples_{task}_*.jsonl")) for task in ("town_choice", "town_generate")}
    return {task: [json.loads(line) for line in file.read_text().splitlines()] for task, file in files.items()}


def loglikelihood(decoder: Any, tokenizer: Tokenizer, context: str, choice: str) -> float:
    """Of the choice's tokens after the context's, by one pass of the model."""
    tokens = tokenizer.encode(context + choice).ids
    first = len(tokenizer.encode(context).ids)
    with torch.no_grad():
        logprobs = torch.log_softmax(decoder(torch.tensor([tokens])).logits[0].float(), -1)
    return float(sum(logprobs[place - 1, tokens[place]] for place in range(first, len(tokens))))


def greedy(decoder: Any, tokenizer: Tokenizer, prompt: str) -> str:
    """Up to eight tokens, cut before the first full stop and at the model's own end."""
    tokens = tokenizer.encode(prompt).ids
    start = len(tokens)
    for _ in range(8):
        with torch.no_grad():
            best = int(decoder(torch.tensor([tokens])).logits[0, -1].argmax())
        if best == 0:
            break
        tokens.append(best)
    return tokenizer.decode(tokens[start:]).partition("。")[0]


def test_the_harness_sees_the_model_itself(url: str, model: Artifact, tmp_path: Path) -> None:
    samples = evaluate(url, model, tmp_path)
    folder = model.local_folder()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    decoder: Any = AutoModelForCausalLM.from_pretrained(folder)
    for sample in samples["town_choice"]:
        told = [float(answer[0][0]) for answer in sample["resps"]]
        asked = [loglikelihood(decoder, tokenizer, sample["doc"]["question"], choice) for choice in sample["doc"]["choices"]]
        assert told == pytest.approx(asked, abs=2e-3)
        assert sample["acc"] == float(asked.index(max(asked)) == sample["doc"]["label"])
    assert len(samples["town_choice"]) == len(samples["town_generate"]) == len(QUESTIONS)
    for sample in samples["town_generate"]:
        assert sample["resps"][0][0] == greedy(decoder, tokenizer, sample["doc"]["question"])
