"""Answers that keep to a grammar whatever the model wants, with tokens that are pieces of Chinese characters."""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tokenizers import Tokenizer

from cluster.errors import DependencyError, RequestError
from workloads.serving.engine import load_engine
from workloads.serving.engine.base import Chunk, Engine, EngineSettings, Grammar, Request, Sampling

SCHEMA = {
    "type": "object",
    "properties": {
        "姓名": {"type": "string", "maxLength": 4},
        "城市": {"enum": ["北京", "上海", "乌鲁木齐"]},
        "年龄": {"type": "integer", "minimum": 0, "maximum": 150},
    },
    "required": ["姓名", "城市"],
    "additionalProperties": False,
}
BY_SCHEMA = Grammar("json_schema", json.dumps(SCHEMA, ensure_ascii=False))
DATE = r"(今|明)天是[一-龥]{2,4}节，第[0-9]{1,3}天。"
CONTRADICTION = json.dumps({"allOf": [{"type": "string", "pattern": f"a.{{{length}}}b"} for length in range(50, 150)]})
END = frozenset({0})
WILD = [Sampling(temperature=1.5, seed=seed) for seed in range(8)]


@pytest.fixture(scope="module", params=["torch", "openvino"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    folder = request.getfixturevalue({"torch": "tiny_folder", "openvino": "tiny_build"}[request.param])
    loaded = load_engine(request.param, folder, EngineSettings(slots=6, threads=1))
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def tokenizer(tiny_folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(tiny_folder / "tokenizer.json"))


def ask(name: str, sampling: Sampling, grammar: Grammar | None, **more: Any) -> Request:
    return Request(name, (5, 6, 7), 110, sampling, stop_token_ids=END, grammar=grammar, **more)


async def whole(engine: Engine, request: Request) -> Chunk:
    answer = Chunk()
    async for chunk in engine.generate(request):
        answer = answer.then(chunk)
    return answer


def answers(engine: Engine, grammar: Grammar, samplings: list[Sampling] = WILD) -> list[Chunk]:
    async def run() -> list[Chunk]:
        return await asyncio.gather(*(whole(engine, ask(f"r{i}", each, grammar)) for i, each in enumerate(samplings)))

    return asyncio.run(run())


def test_answers_are_json_of_the_schema(engine: Engine, tokenizer: Tokenizer) -> None:
    for answer in answers(engine, BY_SCHEMA, [*WILD, Sampling(temperature=0)]):
        assert answer.finish == "stop"
        jsonschema.validate(json.loads(tokenizer.decode(list(answer.token_ids))), SCHEMA)


def test_answers_match_the_expression_with_characters_in_pieces(engine: Engine, tokenizer: Tokenizer) -> None:
    for answer in answers(engine, Grammar("regex", DATE)):
        text = tokenizer.decode(list(answer.token_ids))
        assert answer.finish == "stop"
        assert re.fullmatch(DATE, text), text
        assert len(answer.token_ids) > len(text)


def test_an_object_is_whole_or_cut_by_length(engine: Engine, tokenizer: Tokenizer) -> None:
    found = answers(engine, Grammar("json_object"), [Sampling(temperature=2.0, seed=seed) for seed in range(24)])
    ended = [json.loads(tokenizer.decode(list(each.token_ids))) for each in found if each.finish == "stop"]
    assert ended
    assert all(isinstance(each, dict) for each in ended)
    assert all(len(each.token_ids) == 110 for each in found if each.finish != "stop")


def test_a_stop_token_comes_only_where_the_answer_may_end(engine: Engine, tokenizer: Tokenizer) -> None:
    for answer in answers(engine, Grammar("regex", "[0-9]{2,}")):
        assert re.fullmatch("[0-9]{2,}", tokenizer.decode(list(answer.token_ids)))


def test_an_expression_of_nothing_ends_at_once(engine: Engine) -> None:
    request = Request("r", (5, 6), 8, WILD[0], grammar=Grammar("regex", ""))
    answer = asyncio.run(whole(engine, request))
    assert (answer.token_ids, answer.finish) == ((), "stop")


def test_others_in_the_batch_are_not_touched(engine: Engine) -> None:
    async def together() -> Chunk:
        held = [whole(engine, ask(f"h{i}", each, BY_SCHEMA)) for i, each in enumerate(WILD[:4])]
        return (await asyncio.gather(whole(engine, ask("free", WILD[0], None)), *held))[0]

    assert asyncio.run(together()).token_ids == asyncio.run(whole(engine, ask("free", WILD[0], None))).token_ids


def test_resumed_tokens_are_the_beginning_of_the_answer(engine: Engine) -> None:
    full = asyncio.run(whole(engine, ask("r", WILD[1], BY_SCHEMA)))
    rest = asyncio.run(whole(engine, ask("r", WILD[1], BY_SCHEMA, resume_tokens=full.token_ids[:9])))
    assert full.token_ids[9:] == rest.token_ids
    with pytest.raises(RequestError, match="break the grammar"):
        asyncio.run(whole(engine, ask("r", WILD[1], BY_SCHEMA, resume_tokens=(5, 6, 7))))


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("json_schema", '{"type": "夜"}', "Invalid type"),
        ("json_schema", '{"type": ', "EOF"),
        ("json_schema", "[1]", "object"),
        ("json_schema", '{"$ref": "http://localhost/schema"}', "does not fetch"),
        ("json_schema", '{"enum": []}', "Unsatisfiable"),
        ("regex", "(天", "unclosed group"),
        ("regex", "天(?=气)", "look-around"),
        ("regex", "(a{1000}){1000}", "too many"),
        ("json_schema", '{"type": "integer", "multipleOf": 999983}', "too long or too much memory"),
        ("json_schema", CONTRADICTION, "too long or too much memory"),
    ],
)
def test_what_is_no_grammar_is_refused_in_a_line(engine: Engine, kind: Any, text: str, reason: str) -> None:
    with pytest.raises(RequestError, match=reason) as caught:
        asyncio.run(whole(engine, ask("r", WILD[0], Grammar(kind, text))))
    assert "\n" not in str(caught.value)
    assert caught.value.param == "response_format"
    assert asyncio.run(whole(engine, ask("r", WILD[0], BY_SCHEMA))).finish == "stop"


def test_without_the_package_the_pip_line_is_named(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(DependencyError, match=r"pip install \"hanlin\[structured\]\""):
        asyncio.run(whole(engine, ask("r", WILD[0], BY_SCHEMA)))
