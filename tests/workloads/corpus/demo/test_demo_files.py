"""The written corpus: the same bytes for the same arguments, every format and encoding, and a truth that points right."""

import json
from pathlib import Path

import pytest

from cluster.errors import InputError, UserError
from workloads.corpus.demo import DemoTruth, demo_prompts, write_demo_corpus
from workloads.corpus.demo.noise import COPIES, KINDS
from workloads.corpus.demo.truth import Truth, read_truth

Place = tuple[str, int]


@pytest.fixture(scope="module")
def truths(demo: DemoTruth) -> list[Truth]:
    return read_truth(demo.truth_file)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_equal_arguments_give_equal_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("other", 6)):
        write_demo_corpus(tmp_path / name, seed, 60)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert contents(tmp_path / "one") != contents(tmp_path / "other")


def test_does_nothing_where_the_same_lies_already_and_mends_what_does_not(tmp_path: Path) -> None:
    first = write_demo_corpus(tmp_path, 5, 60)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert write_demo_corpus(tmp_path, 5, 60) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    whole = contents(tmp_path)
    (tmp_path / "truth.jsonl").unlink()
    write_demo_corpus(tmp_path, 5, 60)
    assert contents(tmp_path) == whole
    assert write_demo_corpus(tmp_path, 5, 80).documents == 80


def test_too_few_documents_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least 20"):
        write_demo_corpus(tmp_path, 1, 3)
    assert not list(tmp_path.iterdir())


def test_other_text_is_never_taken_away(tmp_path: Path) -> None:
    own = tmp_path / "raw" / "own.txt"
    own.parent.mkdir()
    own.write_text("多年的心血", encoding="utf-8")
    with pytest.raises(UserError, match="raw holds other text"):
        write_demo_corpus(tmp_path, 1, 60)
    assert contents(tmp_path) == {"raw/own.txt": "多年的心血".encode()}


def test_a_demo_killed_while_it_was_written_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("workloads.corpus.demo.corpus.write_truth", killed)
        with pytest.raises(KeyboardInterrupt):
            write_demo_corpus(tmp_path, 5, 60)
    assert (tmp_path / "raw").is_dir()
    assert write_demo_corpus(tmp_path, 5, 60).documents == 60


def test_every_format_is_there(demo: DemoTruth) -> None:
    names = [path.name for path in demo.raw.rglob("*") if path.is_file()]
    for ending in (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet", ".txt"):
        assert any(name.endswith(ending) for name in names), ending


def test_the_truth_names_every_record_once(truths: list[Truth], raw_lines: dict[Place, bytes], demo: DemoTruth) -> None:
    places = [truth.place for truth in truths]
    assert len(places) == len(set(places)) == demo.records
    assert set(places) == set(raw_lines)


def test_every_kind_is_planted(truths: list[Truth], demo: DemoTruth) -> None:
    assert {truth.kind for truth in truths} == {"clean", *KINDS}
    assert set(demo.planted) == set(KINDS)
    assert sum(demo.planted.values()) == sum(truth.kind != "clean" for truth in truths)
    assert 0.1 < sum(demo.planted.values()) / demo.records < 0.25


def test_copies_point_at_their_originals(truths: list[Truth], texts: dict[Place, str]) -> None:
    kinds = {truth.place: truth.kind for truth in truths}
    copies = [truth for truth in truths if truth.kind in {copy.kind for copy in COPIES}]
    originals = [truth.original for truth in copies]
    assert len(set(originals)) == len(originals)
    for truth in copies:
        assert truth.original is not None
        assert kinds[truth.original] == "clean"
        if truth.kind == "exact_duplicate":
            assert texts[truth.place] == texts[truth.original]
        else:
            assert texts[truth.place] != texts[truth.original]


def test_planted_parts_lie_where_the_truth_says(truths: list[Truth], texts: dict[Place, str]) -> None:
    edited = [truth for truth in truths if truth.planted]
    assert {truth.kind for truth in edited} == {"boilerplate_line", "personal_data"}
    for truth in edited:
        assert all(part in texts[truth.place] for part in truth.planted)
    for truth in truths:
        if truth.kind == "clean":
            assert len(texts[truth.place]) == truth.characters


def test_broken_lines_cannot_be_read(truths: list[Truth], raw_lines: dict[Place, bytes]) -> None:
    broken = [raw_lines[truth.place] for truth in truths if truth.kind == "broken_line"]
    assert len(broken) >= 3
    for line in broken:
        with pytest.raises(ValueError):  # noqa: PT011  - UnicodeDecodeError or JSONDecodeError
            json.loads(line.decode())


def test_gb18030_files_are_gb18030_and_the_others_utf8(truths: list[Truth], raw_lines: dict[Place, bytes]) -> None:
    foreign = [truth for truth in truths if truth.gb18030]
    sources = {truth.file.split("/")[0] for truth in foreign}
    assert {"letters.jsonl", "news.jsonl.gz"} <= sources <= {"letters.jsonl", "news.jsonl.gz", "日记"}
    for truth in foreign:
        raw_lines[truth.place].decode("gb18030")
    assert all(not _is_utf8(raw_lines[truth.place]) for truth in foreign if truth.kind == "clean")
    assert all(_is_utf8(raw_lines[truth.place]) for truth in truths if not truth.gb18030 and truth.kind != "broken_line")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_prompts_come_with_the_answers_of_the_world(demo: DemoTruth, tmp_path: Path) -> None:
    world = json.loads(demo.world_file.read_text(encoding="utf-8"))
    home = next(person["home"] for person in world["people"] if person["name"] == "王小梅")
    prompts = demo_prompts(demo.folder)
    assert [prompt.question for prompt in prompts] == ["王小梅住在哪里？", "春天人们做什么？", "三加五等于几？"]
    assert prompts[0].answer == f"王小梅住在{home}。"
    assert all(prompt.key in prompt.answer for prompt in prompts)
    with pytest.raises(InputError, match="no demo world"):
        demo_prompts(tmp_path)
