"""Archives: members by their path, and no trick of a member's name, size or packing does harm."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workloads.corpus.reading.piece import Limits

Read = Callable[..., Any]


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tgz"])
def test_members(ending: str, makers: dict[str, Any], texts: tuple[str, ...], tmp_path: Path, read: Read) -> None:
    members = {f"书信/{name}.{name}": make(texts) for name, make in makers.items()}
    members |= {"x.jsonl.gz": gzip.compress(makers["jsonl"](texts)), ".hidden.txt": b"x", "__MACOSX/a.txt": b"x", "p.png": b"x"}
    pack = zipped if ending == "zip" else tarred if ending == "tar" else lambda each: gzip.compress(tarred(each))
    (tmp_path / f"a.{ending}").write_bytes(pack(members))
    good, bad = read(tmp_path)
    assert {row["file"] for row in good} == {f"a.{ending}/{name}" for name in members if name[0] not in "._p"}
    assert {row["source"] for row in good if row["file"].endswith((".txt", ".pdf"))} == {"书信"}
    assert {row["source"] for row in good if row["file"].endswith("x.jsonl.gz")} == {"x"}
    assert bad == [(f"a.{ending}", 0, "members passed over")]


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize(
    "name", ["../../etc/passwd.txt", "/etc/a.txt", "C:\\a.txt", "a/../../b.txt", "..\\b.txt", "a\nb.txt", "\u202eb.txt"]
)
def test_names_that_play_tricks(pack: Callable[..., bytes], name: str, tmp_path: Path, read: Read) -> None:
    ending = "zip" if pack is zipped else "tar"
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / f"a.{ending}").write_bytes(pack({name: "春。".encode(), "good.txt": "夏。".encode()}))
    good, bad = read(folder)
    assert [(row["file"], row["text"]) for row in good] == [(f"a.{ending}/good.txt", "夏。")]
    assert bad == [(f"a.{ending}", 0, "unsafe member name")]
    assert [path.name for path in tmp_path.rglob("*")] == ["in", f"a.{ending}"]  # nothing is ever unpacked to disk


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_member_that_unpacks_to_too_much(pack: Callable[..., bytes], tmp_path: Path, read: Read) -> None:
    ending = "zip" if pack is zipped else "tar"
    line = '{"text": "春。"}\n'.encode()
    members = {
        "bomb.jsonl": line + b"\n" * (9 << 20),
        "deep.jsonl.gz": gzip.compress(line + b"\n" * (9 << 20)),
        "z.jsonl": line,
    }
    (tmp_path / f"a.{ending}").write_bytes(pack(members))
    good, bad = read(tmp_path, Limits(1 << 20, 4 << 20, 2 << 20))
    assert [row["file"].partition("/")[2] for row in good] == ["bomb.jsonl", "deep.jsonl.gz", "z.jsonl"]
    assert [(file.partition("/")[2], reason) for file, _, reason in bad] == [
        ("bomb.jsonl", "member too large"),
        ("deep.jsonl.gz", "member too large"),
    ]


def test_a_zip_that_lies_about_a_size(tmp_path: Path, read: Read) -> None:
    data = bytearray(zipped({"a.txt": b"x" * 100_000, "b.txt": "春。".encode()}))
    at = data.rfind(b"PK\x01\x02", 0, data.rfind(b"PK\x01\x02"))
    data[at + 24 : at + 28] = (10).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(data)
    good, bad = read(tmp_path)
    assert "春。" in [row["text"] for row in good]
    assert [(file, reason) for file, _, reason in bad] == [("a.zip/a.txt", "damaged member")]


def test_damaged_encrypted_and_nested_members(tmp_path: Path, read: Read) -> None:
    inner = zipped({"a.txt": "春。".encode()})
    data = bytearray(zipped({"a.txt": bytes(range(256)) * 9, "inner.zip": inner, "locked.txt": b"x", "z.txt": "夏。".encode()}))
    data[data.find(b"a.txt") + 20] ^= 0xFF
    at = data.find(b"locked.txt", data.find(b"PK\x01\x02")) - 46
    data[at + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    good, bad = read(tmp_path)
    assert [row["text"] for row in good] == ["夏。"]
    assert bad == [("a.zip/a.txt", 1, "damaged member"), ("a.zip", 0, "encrypted"), ("a.zip", 0, "members passed over")]


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_cut_and_corrupt_archives(ending: str, texts: tuple[str, ...], tmp_path: Path, read: Read) -> None:
    members = {f"{number}.txt": (texts[number % 3] * 50).encode() for number in range(20)}
    pack = zipped if ending == "zip" else tarred if ending == "tar" else lambda each: gzip.compress(tarred(each))
    data = pack(members)
    (tmp_path / f"cut.{ending}").write_bytes(data[: len(data) // 2])
    (tmp_path / f"empty.{ending}").write_bytes(b"")
    (tmp_path / f"noise.{ending}").write_bytes(b"x" * 5000)
    good, bad = read(tmp_path)
    assert {file.partition("/")[0] for file, _, _ in bad} == {f"{name}.{ending}" for name in ("cut", "empty", "noise")}
    assert ending == "zip" or len(good) > 3  # a zip file's list of members stands at its end


def test_a_tar_header_that_wants_all_memory(tmp_path: Path, read: Read) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 200 << 20
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(info.tobuf() + bytes(200 << 20), 1))
    assert read(tmp_path) == ([], [("a.tar.gz", 0, "unreadable archive")])


def test_links_and_devices_hold_no_text(tmp_path: Path, read: Read) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo(f"{kind!r}.txt")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    (tmp_path / "a.tar").write_bytes(out.getvalue())
    good, bad = read(tmp_path)
    assert good == []
    assert [reason for _, _, reason in bad] == ["empty file"]


def test_chinese_names_of_old_zip_programs_and_twins(tmp_path: Path, read: Read) -> None:
    data = zipped({"aaaaaa/bbbb.txt": "春。".encode(), "cccc.txt": "夏。".encode(), "dddd.txt": "秋。".encode()})
    data = data.replace(b"aaaaaa/bbbb", "书信集/春天".encode("gb18030")).replace(b"dddd.txt", b"cccc.txt")
    (tmp_path / "a.zip").write_bytes(data)
    good, _ = read(tmp_path)
    assert {row["file"]: row["text"] for row in good} == {
        "a.zip/书信集/春天.txt": "春。",
        "a.zip/cccc.txt": "夏。",
        "a.zip/cccc#2.txt": "秋。",
    }
