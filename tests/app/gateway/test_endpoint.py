"""The whole endpoint on Ray Serve: replicas, gateway, routes, and the official openai client."""

import io
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import ray
import torch
from ray import serve
from ray.util import list_named_actors
from transformers import AutoModelForCausalLM

from app.chat import ChatOptions, chat
from app.gateway.feedback import FeedbackStore
from app.gateway.limits.keys import utc_now
from app.gateway.routes import Route
from app.gateway.semantic.vectors import vectors_of
from app.gateway.serve import KEPT, get_routes, set_routes, single_route, start_gateway, stop_gateway, wait_ready
from app.registry.adapters import PublishedAdapter, adapters_file
from cluster import storage
from cluster.artifacts import Artifact, ArtifactStore
from cluster.errors import AddressError, ArtifactError, UnavailableError
from cluster.observe.metrics import EXPORTED, SERVING_BROKEN, SERVING_LOST
from cluster.session import Session
from cluster.storage import Location
from tests.workloads.serving.tiny_adapter import write_adapter, write_merged
from tests.workloads.serving.tiny_model import commit_model, write_model
from workloads.serving.adapters import adapter_artifact
from workloads.serving.address import free_port, require_free_port
from workloads.serving.deploy import DEPLOYMENT, deploy_revision, deployed, remove_revision, start_http, stop_serving
from workloads.serving.engine.base import Stats
from workloads.serving.spec import ServingSpec

CONTEXT = 4000
QUESTION: Any = [{"role": "user", "content": "镇上有几座桥？"}]
LONG = {"model": "tiny", "prompt": "青石镇", "max_tokens": 3900, "temperature": 0, "stream": True}


@dataclass(frozen=True)
class Served:
    """Model `tiny`: revision 1 takes all requests, revision 2 is there."""

    url: str
    spec: ServingSpec
    apps: dict[str, str]
    models: dict[str, Artifact]
    client: openai.OpenAI
    store: Location


@pytest.fixture(scope="module")
def served(ray_session: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("served")
    store = ArtifactStore(str(root / "store"))
    models = {r: commit_model(store, write_model(root / r, int(r), CONTEXT), r) for r in ("1", "2")}
    spec = ServingSpec(port=free_port(), cpus_per_replica=0.5, threads=1, slots=8, drain_seconds=1, adapter_mb=8)
    apps = {revision: deploy_revision(spec, model, revision) for revision, model in models.items()}
    url = start_gateway(spec, routes(apps, "1"), store.uri)
    wait_ready(url)
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    yield Served(url, spec, apps, models, client, store.root)
    stop_gateway()
    stop_serving()


@pytest.fixture(autouse=True)
def usual_routes(served: Served) -> None:
    set_routes(routes(served.apps, "1"))


def routes(apps: dict[str, str], active: str) -> dict[str, tuple[Route, ...]]:
    return {"tiny": tuple(Route(revision, app, float(revision == active)) for revision, app in apps.items())}


def until(condition: Callable[[], bool]) -> None:
    """Wait for other processes to get there."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not come within 60 s"
        time.sleep(0.02)


def engine_stats(app: str) -> Stats:
    stats: Stats = serve.get_deployment_handle(DEPLOYMENT, app_name=app).stats.remote().result()
    return stats


def greedy_tokens(artifact: Artifact, prompt: list[int], count: int) -> list[int]:
    model: Any = AutoModelForCausalLM.from_pretrained(artifact.local_folder())
    ids = torch.tensor([prompt])
    options = {"do_sample": False, "max_new_tokens": count, "eos_token_id": None, "stop_strings": None}
    found = model.generate(ids, attention_mask=torch.ones_like(ids), **options)
    return [int(token) for token in found[0, len(prompt) :]]


def publish(served: Served, *adapters: PublishedAdapter) -> None:
    """Replace the list that gateways follow."""
    listed = {"adapters": [each.model_dump(mode="json") for each in adapters]}
    storage.write_bytes(adapters_file(ArtifactStore(served.store.uri)), json.dumps(listed).encode())


def log_probabilities(folder: Path, tokens: list[int]) -> list[float]:
    """Of every token but the first, by transformers."""
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(folder)(torch.tensor([tokens])).logits[0]
    return [float(logits.log_softmax(-1)[place, token]) for place, token in enumerate(tokens[1:])]


def test_adapters_come_and_go_while_the_endpoint_runs(served: Served, tmp_path: Path) -> None:
    """Each scores a text as the model that it makes when merged; a broken one is an error of its own requests."""
    store, base = ArtifactStore(served.store.uri), served.models["1"]
    entries, expected, text = [], {}, list(range(5, 40))
    for seed, name in enumerate(("law", "tea"), start=1):
        folder = write_adapter(tmp_path / name, base.local_folder(), seed)
        artifact = adapter_artifact(folder, base, store)
        facts: Any = {"fingerprint": artifact.fingerprint, "content": artifact.content_hash, "created": utc_now()}
        entries.append(PublishedAdapter(name=name, model="tiny", revision=1, base=base.fingerprint, uri=artifact.uri, **facts))
        expected[name] = log_probabilities(write_merged(tmp_path / f"merged-{name}", base.local_folder(), folder), text)
    gone = entries[0].model_copy(update={"name": "gone", "content": "0" * 64, "uri": entries[0].uri[:-4] + "none"})
    publish(served, *entries, gone)
    until(lambda: {each.id for each in served.client.models.list()} >= {"law", "tea"})
    assert served.client.models.retrieve("law").model_dump()["parent"] == "tiny"
    for name, wanted in expected.items():
        scored = httpx.post(f"{served.url}/v1/score", json={"model": name, "input": [text]}, timeout=60).json()
        assert scored["data"][0]["token_logprobs"][1:] == pytest.approx(wanted, abs=1e-3)
        answer = served.client.chat.completions.create(model=name, messages=QUESTION, max_tokens=4)
        assert answer.model == name
    with pytest.raises(openai.NotFoundError, match="the adapter gone is gone"):
        served.client.completions.create(model="gone", prompt=text, max_tokens=4)
    publish(served)
    until(lambda: "law" not in {each.id for each in served.client.models.list()})
    with pytest.raises(openai.NotFoundError, match="no model 'law' is served here"):
        served.client.completions.create(model="law", prompt=text, max_tokens=4)
    assert served.client.completions.create(model="tiny", prompt=text, max_tokens=4).choices


def test_chat_with_the_openai_client(served: Served) -> None:
    whole = served.client.chat.completions.create(model="tiny", messages=QUESTION, max_tokens=24, seed=1)
    assert whole.usage is not None
    assert 0 < whole.usage.completion_tokens <= 24
    assert whole.choices[0].finish_reason in ("stop", "length")
    events = list(
        served.client.chat.completions.create(
            model="tiny", messages=QUESTION, max_tokens=24, seed=1, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(event.choices[0].delta.content or "" for event in events if event.choices)
    assert text == whole.choices[0].message.content
    assert events[-1].usage is not None
    assert events[-1].usage.total_tokens == whole.usage.total_tokens
    assert events[-1].usage.prompt_tokens_details is not None
    assert events[-1].usage.prompt_tokens_details.cached_tokens == whole.usage.prompt_tokens, "it is kept by then"


def test_a_request_id_comes_back_once(served: Served) -> None:
    """Serve's proxy sends it already; and without one it makes one."""
    body = {"model": "tiny", "messages": QUESTION, "max_tokens": 2}
    given = httpx.post(f"{served.url}/v1/chat/completions", json=body, headers={"X-Request-Id": "shop-42"}, timeout=60)
    assert given.headers.get_list("x-request-id") == ["shop-42"]
    made = httpx.post(f"{served.url}/v1/chat/completions", json=body | {"stream": True}, timeout=60)
    assert len(made.headers.get_list("x-request-id")) == 1


def test_completions_are_those_of_the_model(served: Served) -> None:
    tokens = httpx.post(f"{served.url}/v1/tokenize", json={"model": "tiny", "prompt": "青石镇"}).json()["tokens"]
    expected = greedy_tokens(served.models["1"], tokens, 12)
    answer = served.client.completions.create(model="tiny", prompt=tokens, max_tokens=12, temperature=0, logprobs=2, echo=True)
    scores = answer.choices[0].logprobs
    assert answer.choices[0].text.startswith("青石镇")
    assert scores is not None
    assert scores.token_logprobs is not None
    assert scores.token_logprobs[0] is None
    if 0 not in expected:
        assert len(scores.token_logprobs) == len(tokens) + len(expected)


def test_responses_with_the_openai_client(served: Served) -> None:
    ask: Any = {"model": "tiny", "input": "镇上有几座桥？", "max_output_tokens": 12, "temperature": 0}
    whole = served.client.responses.create(**ask)
    assert whole.status in ("completed", "incomplete")
    assert whole.usage is not None
    events = list(served.client.responses.create(**ask, stream=True))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == whole.output_text
    assert events[-1].type == f"response.{whole.status}"


def test_several_choices_with_seed_stop_and_logprobs(served: Served) -> None:
    ask: Any = {"model": "tiny", "messages": QUESTION, "max_tokens": 16, "n": 3, "seed": 5, "stop": ["。"]}
    first = served.client.chat.completions.create(**ask, logprobs=True, top_logprobs=2)
    again = served.client.chat.completions.create(**ask)
    texts = [choice.message.content for choice in first.choices]
    assert texts == [choice.message.content for choice in again.choices]
    assert len(set(texts)) > 1
    assert not any("。" in (text or "") for text in texts)
    for choice in first.choices:
        assert choice.logprobs is not None
        scores = choice.logprobs.content or []
        assert b"".join(bytes(score.bytes or ()) for score in scores).decode("utf-8", "replace") == choice.message.content
        assert all(len(score.top_logprobs) == 2 for score in scores)


def test_the_score_of_a_text_is_the_sum_of_its_logprobs(served: Served) -> None:
    echoed = served.client.completions.create(
        model="tiny", prompt="镇上有桥", max_tokens=1, echo=True, logprobs=0, temperature=0
    )
    scores = echoed.choices[0].logprobs
    assert scores is not None
    body = {"model": "tiny", "input": "镇上有桥"}
    (told,) = httpx.post(f"{served.url}/v1/score", json=body, timeout=60).json()["data"]
    assert scores.token_logprobs is not None
    assert told["token_logprobs"] == pytest.approx(scores.token_logprobs[: len(told["tokens"])], abs=1e-4)
    assert told["logprob"] == pytest.approx(sum(told["token_logprobs"][1:]), abs=1e-4)


def test_a_batch_with_the_openai_client(served: Served) -> None:
    body = {"model": "tiny", "messages": QUESTION, "max_tokens": 4}
    lines = [{"custom_id": f"q{i}", "method": "POST", "url": "/v1/chat/completions", "body": body} for i in range(5)]
    content = "\n".join(map(json.dumps, [*lines, lines[0] | {"custom_id": "bad", "body": {"model": "tiny"}}])).encode()
    file = served.client.files.create(file=("questions.jsonl", content), purpose="batch")
    assert [each.id for each in served.client.files.list()] == [file.id]
    batch = served.client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"a": "b"}
    )
    until(lambda: served.client.batches.retrieve(batch.id).status == "completed")
    done = served.client.batches.retrieve(batch.id)
    assert done.request_counts is not None
    assert (done.request_counts.completed, done.request_counts.failed) == (5, 1)
    assert done.output_file_id is not None
    answers = [json.loads(line) for line in served.client.files.content(done.output_file_id).text.splitlines()]
    assert [answer["custom_id"] for answer in answers] == [f"q{i}" for i in range(5)]
    assert all(answer["response"]["body"]["usage"]["completion_tokens"] for answer in answers)
    assert served.client.files.delete(file.id).deleted


def test_feedback_is_kept_in_the_store(served: Served) -> None:
    answer = served.client.chat.completions.create(model="tiny", messages=QUESTION, max_tokens=2)
    body = {"id": answer.id, "rating": 1, "correction": "一座。"}
    assert httpx.post(f"{served.url}/v1/feedback", json=body, timeout=60).status_code == 200
    kept = list(FeedbackStore(served.store / KEPT).read())
    assert [(each.answer_id, each.correction) for each in kept] == [(answer.id, "一座。")]


def test_answers_keep_to_a_schema(served: Served) -> None:
    schema = {"type": "object", "properties": {"桥": {"type": "integer"}}, "required": ["桥"], "additionalProperties": False}
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "bridges", "schema": schema, "strict": True}}
    answer = served.client.chat.completions.create(model="tiny", messages=QUESTION, max_tokens=60, response_format=wanted)
    text = answer.choices[0].message.content or ""
    assert isinstance(json.loads(text)["桥"], int) if answer.choices[0].finish_reason == "stop" else text.startswith("{")
    bridges = {"response_format": {"type": "regex", "regex": "一座|两座"}}
    chosen = served.client.completions.create(model="tiny", prompt="桥", extra_body=bridges)
    assert chosen.choices[0].text in ("一座", "两座")


def test_embeddings_with_the_openai_client(served: Served) -> None:
    vectors = served.client.embeddings.create(model="tiny", input=["镇上有桥", "江边", "镇上有桥"]).data
    assert vectors[0].embedding == pytest.approx(vectors[2].embedding, abs=1e-3)
    assert vectors[0].embedding != pytest.approx(vectors[1].embedding, abs=1e-2)
    ours = vectors_of(["镇上有桥"] * 300, served.url, "tiny")
    length = sum(number**2 for number in vectors[0].embedding) ** 0.5
    assert ours.rows[299] == pytest.approx([number / length for number in vectors[0].embedding], abs=1e-3)
    assert ours.fingerprint == served.models["1"].fingerprint


def test_an_encoders_task_is_refused_by_a_decoder(served: Served) -> None:
    with pytest.raises(openai.BadRequestError) as masks:
        served.client.post("/fill-mask", body={"model": "tiny", "input": "桥"}, cast_to=object)
    assert masks.value.param == "model"
    with pytest.raises(openai.BadRequestError) as labels:
        served.client.post("/classify", body={"model": "tiny", "input": "桥"}, cast_to=object)
    assert labels.value.param == "model"


def raw(served: Served, sent: bytes, then: Callable[[socket.socket], None] = lambda _: None) -> bytes:
    """What comes back for bytes that no HTTP client would send."""
    with socket.create_connection(("127.0.0.1", served.spec.port), timeout=20) as connection:
        connection.sendall(sent)
        then(connection)
        found = b""
        while block := connection.recv(65536):
            found += block
        return found


def test_strange_connections_harm_nobody(served: Served) -> None:
    """A header flood, a request that never ends, half-open connections, and a reader who does not read."""
    head = b"POST /v1/completions HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n"
    flood = head + b"".join(b"X-%d: %s\r\n" % (i, b"a" * 1000) for i in range(500)) + b"\r\n"
    try:
        answer = raw(served, flood)
        assert re.match(rb"HTTP/1\.1 4\d\d", answer), answer[:100]
    except ConnectionError:
        pass  # cut off while it was still sending
    assert re.match(rb"HTTP/1\.1 400", raw(served, b"nonsense\r\n\r\n"))
    half = raw(served, head + b"Content-Length: 100\r\n\r\n{", lambda each: each.shutdown(socket.SHUT_WR))
    assert not half or re.match(rb"HTTP/1\.1 4\d\d", half), half[:100]
    body = json.dumps(LONG | {"prompt": "桥" * 50}).encode()
    open_ones = [socket.create_connection(("127.0.0.1", served.spec.port)) for _ in range(20)]
    before = engine_stats(served.apps["1"]).running
    try:
        for number, connection in enumerate(open_ones):
            if number % 2:
                connection.sendall(head + b"Content-Length: 100\r\n\r\n{")  # the rest never comes
            elif number < 6:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
                connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)  # nobody reads the answer
        until(lambda: engine_stats(served.apps["1"]).running >= before + 1)
        assert served.client.completions.create(model="tiny", prompt="a", max_tokens=2).choices
    finally:
        for connection in open_ones:
            connection.close()
    until(lambda: engine_stats(served.apps["1"]).running == 0)
    assert served.client.completions.create(model="tiny", prompt="a", max_tokens=2).choices
    assert httpx.get(f"{served.url}/readyz", timeout=60).status_code == 200


def test_a_grammar_that_would_take_for_ever_is_refused_and_others_are_answered(served: Served) -> None:
    schema = {"type": "integer", "multipleOf": 99999989}
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(served.client.chat.completions.create, model="tiny", messages=QUESTION, response_format=wanted)
            for _ in range(3)
        ]
        assert served.client.completions.create(model="tiny", prompt="a", max_tokens=2).choices
    for each in asked:
        with pytest.raises(openai.BadRequestError, match="too long or too much memory") as refused:
            each.result()
        assert refused.value.param == "response_format"
    assert served.client.completions.create(model="tiny", prompt="a", max_tokens=2).choices


def test_many_requests_at_once_all_get_their_own_answer(served: Served) -> None:
    import asyncio

    async def run() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="none") as client:
            asked = [
                client.completions.create(model="tiny", prompt=[5, 6, 7 + i % 4], max_tokens=20, temperature=0)
                for i in range(24)
            ]
            return [answer.choices[0].text for answer in await asyncio.gather(*asked)]

    texts = asyncio.run(run())
    assert all(text == texts[i % 4] for i, text in enumerate(texts))
    assert len(set(texts)) > 1


def test_models_and_errors_through_the_client(served: Served) -> None:
    assert [model.id for model in served.client.models.list()] == ["tiny", "tiny@1", "tiny@2"]
    with pytest.raises(openai.NotFoundError) as unknown:
        served.client.chat.completions.create(model="gpt", messages=QUESTION)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as long:
        served.client.completions.create(model="tiny", prompt=[5] * (CONTEXT + 1))
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError) as hot:
        served.client.completions.create(model="tiny", prompt="a", temperature=3)
    assert hot.value.param == "temperature"


def test_a_client_that_leaves_frees_the_slot(served: Served) -> None:
    before = engine_stats(served.apps["1"]).cancelled
    with httpx.stream("POST", f"{served.url}/v1/completions", json=LONG, timeout=60) as response:
        next(response.iter_lines())
    until(lambda: engine_stats(served.apps["1"]).cancelled == before + 1)
    assert engine_stats(served.apps["1"]).running == 0


def test_a_client_that_leaves_before_its_whole_answer_frees_the_slot(served: Served) -> None:
    before = engine_stats(served.apps["1"])
    body = LONG | {"stream": False, "temperature": 1}
    with socket.create_connection(("127.0.0.1", served.spec.port)) as client:
        data = json.dumps(body).encode()
        head = (
            f"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        client.sendall(head.encode() + data)
        until(lambda: engine_stats(served.apps["1"]).running == 1)
    until(lambda: engine_stats(served.apps["1"]).cancelled == before.cancelled + 1)
    assert engine_stats(served.apps["1"]).running == 0


def test_a_kept_answer_asks_no_replica(served: Served) -> None:
    body = {"model": "tiny", "messages": QUESTION, "max_tokens": 16, "temperature": 0}
    found = [httpx.post(f"{served.url}/v1/chat/completions", json=body, timeout=60) for _ in range(3)]
    generated = engine_stats(served.apps["1"]).generated_tokens
    found += [httpx.post(f"{served.url}/v1/chat/completions", json=body | {"stream": True}, timeout=60) for _ in range(3)]
    assert [each.headers["x-hanlin-cache"] for each in found] == ["miss", *["hit"] * 5]
    assert len({each.json()["choices"][0]["message"]["content"] for each in found[:3]}) == 1
    assert all(each.text.endswith("data: [DONE]\n\n") for each in found[3:])
    assert engine_stats(served.apps["1"]).generated_tokens == generated


def test_a_stop_string_frees_the_slot(served: Served) -> None:
    text = served.client.completions.create(model="tiny", prompt="青石镇", max_tokens=60, temperature=0).choices[0].text
    stop = text[len(text) // 2 :][:3]
    answer = served.client.completions.create(model="tiny", prompt="青石镇", max_tokens=3900, temperature=0, stop=stop)
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].text == text[: text.index(stop)]
    until(lambda: engine_stats(served.apps["1"]).running == 0)


def test_a_change_of_routes_is_a_release_and_streams_keep_their_revision(served: Served) -> None:
    with httpx.stream("POST", f"{served.url}/v1/completions", json=LONG | {"max_tokens": 300}, timeout=60) as old:
        lines = old.iter_lines()
        next(lines)
        assert set_routes(routes(served.apps, "2"))
        assert get_routes()["tiny"][1].weight == 1
        new = httpx.post(f"{served.url}/v1/chat/completions", json={"model": "tiny", "messages": QUESTION, "max_tokens": 2})
        assert new.headers["x-hanlin-revision"] == "2"
        assert old.headers["x-hanlin-revision"] == "1"
        rest = [line for line in lines if line]
    assert rest[-1] == "data: [DONE]"
    assert {json.loads(line[6:])["system_fingerprint"] for line in rest[:-1]} == {"1"}


def test_a_revision_without_replicas_is_503(served: Served) -> None:
    set_routes(single_route("ghost", "1", "model-ghost"))
    response = httpx.post(f"{served.url}/v1/completions", json={"model": "ghost", "prompt": "a"}, timeout=60)
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert response.json()["error"]["code"] == "unavailable"
    with pytest.raises(UnavailableError, match="not ready"):
        wait_ready(served.url, seconds=0)


def test_a_stream_whose_only_replica_is_lost_goes_on_from_the_one_that_replaces_it_or_says_so(served: Served) -> None:
    body = LONG | {"model": "tiny@2", "max_tokens": 1500, "stream_options": {"include_usage": True}}
    undisturbed = streamed_text(list(httpx.post(f"{served.url}/v1/completions", json=body, timeout=60).iter_lines()))
    with httpx.stream("POST", f"{served.url}/v1/completions", json=body, timeout=60) as response:
        lines = response.iter_lines()
        first = next(lines)
        for replica in replicas_of(served.apps["2"]):
            ray.kill(replica)
        rest = [line for line in lines if line]
    if rest[-1] == "data: [DONE]":
        assert '"completion_tokens":1500' in rest[-2]
        assert streamed_text([first, *rest]) == undisturbed
    else:  # the new one was too slow to come
        assert rest[-1].startswith('data: {"error":')
        assert "data: [DONE]" not in rest
    set_routes(routes(served.apps, "2"))
    wait_ready(served.url, 120)  # Serve has replaced it


def streamed_text(lines: list[str]) -> str:
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    return "".join(event["choices"][0]["text"] for event in events if event["choices"])


def replicas_of(app: str) -> list[Any]:
    names = [each["name"] for each in list_named_actors(all_namespaces=True) if f"#{app}#" in each["name"].replace("::", "#")]
    assert names
    return [ray.get_actor(name, namespace="serve") for name in names]


def test_the_terminal_chat_streams_and_remembers(served: Served) -> None:
    shown = io.StringIO()
    chat(
        served.url,
        options=ChatOptions(max_tokens=8, seed=1),
        source=io.StringIO("镇上有几座桥？\n在哪里？\n/exit\n不问"),
        target=shown,
    )
    assert shown.getvalue().count("答 ") == 2
    assert "不问" not in shown.getvalue()
    with pytest.raises(AddressError, match="nothing answers"):
        chat(f"http://127.0.0.1:{free_port()}", "tiny", source=io.StringIO("a\n"), target=shown)


def test_metrics_show_engines_and_answers(served: Served) -> None:
    served.client.completions.create(model="tiny@1", prompt="a", max_tokens=2)
    text = httpx.get(f"{served.url}/metrics").text
    assert 'hanlin_engine_slots{model="tiny",revision="1"} 8.0' in text
    assert 'hanlin_first_token_seconds_count{endpoint="completions",model="tiny",revision="1"}' in text


def test_deploying_the_same_again_changes_nothing(served: Served) -> None:
    before = deployed()
    assert deploy_revision(served.spec, served.models["1"], "1") == served.apps["1"]
    assert start_gateway(served.spec, routes(served.apps, "1")) == served.url
    assert deployed() == before


def test_a_model_with_a_changed_byte_is_refused_and_the_others_go_on(served: Served, tmp_path: Path) -> None:
    model = commit_model(ArtifactStore(str(tmp_path / "store")), write_model(tmp_path / "m", 3), "3")
    weights = Path(model.location.path) / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-5] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"model\.safetensors .* differs from its manifest"):
        deploy_revision(served.spec, model, "3")
    assert "model-3" not in deployed()
    assert httpx.get(f"{served.url}/readyz").status_code == 200


def test_a_copy_for_which_there_is_no_room_counts_as_failed_in_time_and_the_others_go_on(served: Served) -> None:
    spec = served.spec.model_copy(update={"cpus_per_replica": 64, "start_timeout": 1})
    with pytest.raises(UnavailableError, match=r"did not come up \(not within 1 s.*raise serving.start_timeout"):
        deploy_revision(spec, served.models["1"], "crowded")
    assert served.client.completions.create(model="tiny@1", prompt="a", max_tokens=2).choices


def test_a_removed_revision_is_gone(served: Served) -> None:
    app = deploy_revision(served.spec, served.models["2"], "spare")
    assert app in deployed()
    remove_revision("spare")
    assert app not in deployed()


def test_one_session_serves_on_one_address(served: Served) -> None:
    with pytest.raises(AddressError, match=f"serves on 127.0.0.1:{served.spec.port}"):
        start_http(served.spec.model_copy(update={"port": free_port()}))


def test_a_port_in_use_is_named_with_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AddressError, match=rf"port {port} on 127\.0\.0\.1 cannot be taken .*serving\.port=\d+"):
            require_free_port("127.0.0.1", port)
    require_free_port("127.0.0.1", port)


def test_every_number_of_serving_reaches_the_machines_agent(served: Served) -> None:
    """Gateways and replicas are processes of their own; alerts and dashboards read what Ray's agent says of them."""
    served.client.chat.completions.create(model="tiny", messages=QUESTION, max_tokens=4)
    named = {each.exported for each in EXPORTED if each.name.startswith("hanlin_serving_")}
    wanted = named - {SERVING_BROKEN.exported, SERVING_LOST.exported}
    page = f"http://127.0.0.1:{ray.nodes()[0]['MetricsExportPort']}/metrics"
    until(lambda: wanted <= set(re.findall(r"^# TYPE (\S+)", httpx.get(page, timeout=30).text, re.MULTILINE)))
