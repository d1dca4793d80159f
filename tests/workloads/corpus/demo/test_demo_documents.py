"""The clean documents: all different, no near duplicates, of every genre, and true to the world."""

import re
from itertools import combinations

import pytest

from workloads.corpus.demo.clean import Document, write_documents
from workloads.corpus.demo.founding import build_world
from workloads.corpus.demo.genres import GENRES
from workloads.corpus.demo.lore import Lore
from workloads.corpus.demo.noise.copies import jaccard, shingles
from workloads.corpus.demo.world import World

COUNT = 700


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(4)


@pytest.fixture(scope="module")
def documents(world: World) -> list[Document]:
    return list(write_documents(world, COUNT))


def test_equal_worlds_give_equal_documents_and_fewer_are_a_prefix(world: World, documents: list[Document]) -> None:
    assert list(write_documents(build_world(4), 50)) == documents[:50]
    assert list(write_documents(build_world(5), 50)) != documents[:50]


def test_all_texts_differ_and_no_two_nearly_agree(documents: list[Document]) -> None:
    assert len({document.text for document in documents}) == COUNT
    sets = [shingles(document.text) for document in documents]
    close = [(a, b) for a, b in combinations(range(COUNT), 2) if len(sets[a] & sets[b]) >= 0.8 * len(sets[a] | sets[b])]
    assert close == []


def test_every_genre_is_there_and_long_enough(documents: list[Document]) -> None:
    assert {document.source for document in documents} == {genre.source for genre in GENRES}
    assert sum(len(document.text) >= 60 for document in documents) > 0.99 * COUNT
    for document in documents:
        assert document.text == document.text.strip()
        assert not re.search(r"[{}<>　]|None|。。|，。|，，", document.text), document.text


def test_quotation_marks_are_paired(documents: list[Document]) -> None:
    for document in documents:
        assert re.fullmatch(r"[^“”]*(“[^“”]*”[^“”]*)*", document.text), document.text


def test_where_people_live_is_the_same_everywhere(world: World, documents: list[Document]) -> None:
    homes = {person.name: person.home for person in world.people}
    told = re.compile(f"({'|'.join(homes)})(?:一直)?住在([一-鿿]{{3}})[。，]")
    found = [match for document in documents for match in told.findall(document.text)]
    assert len(found) > 50
    assert [(name, home) for name, home in found if homes[name] != home] == []


def test_questions_by_name_are_answered_from_the_facts(world: World, documents: list[Document]) -> None:
    lore = Lore(world)
    right: dict[str, set[str]] = {}
    for person in world.people:
        for fact in lore.of(person):
            for question in fact.asks:
                who = (person.name, person.pronoun)
                right[question.replace("{who}", person.name)] = {
                    text.replace("{who}", one) for text in fact.answers for one in who
                }
    pairs = [pair for document in documents for pair in re.findall(r"问：(.*)\n答：(.*)", document.text)]
    checked = [(question, answer) for question, answer in pairs if question in right]
    assert len(checked) > 300
    assert [(question, answer) for question, answer in checked if answer not in right[question]] == []


def test_jaccard() -> None:
    assert jaccard("一二三四五六七", "一二三四五，六七。") == 1.0
    assert jaccard("一二三四五六", "一二三四五七") == pytest.approx(1 / 3)
    assert jaccard("一二三四五", "六七八九十") == 0.0
