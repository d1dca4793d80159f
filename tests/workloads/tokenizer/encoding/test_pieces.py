"""The kernel cuts text into the pieces of the pattern, as the tokenizers library reads it, for every code point."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from workloads.tokenizer.encoding.characters import CODE_POINTS, character_classes
from workloads.tokenizer.encoding.kernel import piece_end
from workloads.tokenizer.train import piece_pattern

KINDS = "汉字〇々⺀〡 \u3000\u00a0\t\n\r\u2028\u0085\u200b\x1c0５½aé\u0301ひ한。，<|😀\u200d\ufeff\x00"
BLOCK = 1 << 16


def pattern_pieces(text: str, han_run: int) -> list[str]:
    return [piece for piece, _ in Split(Regex(piece_pattern(han_run)), "isolated").pre_tokenize_str(text)]


def kernel_pieces(text: str, han_run: int) -> list[str]:
    data = text.encode()
    array = np.frombuffer(data or b"\0", np.uint8)
    edges = [0]
    while edges[-1] < len(data):
        edges.append(piece_end(array, edges[-1], len(data), character_classes(), han_run))
    return [data[begin:end].decode() for begin, end in pairwise(edges)]


def compare(text: str, han_run: int = 16) -> None:
    ours, theirs = kernel_pieces(text, han_run), pattern_pieces(text, han_run)
    differs = next((pair for pair in zip(ours, theirs, strict=False) if pair[0] != pair[1]), None)
    assert differs is None
    assert len(ours) == len(theirs)


@pytest.mark.parametrize("block", [0, 1, 2, 3, 14])
def test_every_assigned_code_point_between_others(block: int) -> None:
    points = [chr(point) for point in range(block * BLOCK, (block + 1) * BLOCK) if not 0xD800 <= point < 0xE000]
    compare("".join(f"{point} {point}{KINDS[at % len(KINDS)]}" for at, point in enumerate(points)))


def test_code_points_of_the_other_planes_are_all_of_one_class() -> None:
    """Nothing is assigned there, and the last two planes are for private use: one text says it for all."""
    classes = character_classes()
    assert len(classes) == CODE_POINTS
    others = classes[4 * BLOCK : 14 * BLOCK], classes[15 * BLOCK :]
    assert {int(each) for some in others for each in np.unique(some)} == {int(classes[0x10FFFD])}
    compare("汉\U0010fffd\U000f0000 \U0004abcd\U000dffff1\U00050000")


@given(
    st.text(alphabet=st.one_of(st.sampled_from(KINDS), st.characters(codec="utf-8")), max_size=300),
    st.sampled_from([1, 2, 16, 64]),
)
def test_any_text(text: str, han_run: int) -> None:
    compare(text, han_run)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 140)), max_size=6), st.sampled_from([1, 2, 16, 64]))
def test_long_runs(runs: list[tuple[str, int]], han_run: int) -> None:
    compare("".join(kind * count for kind, count in runs), han_run)
