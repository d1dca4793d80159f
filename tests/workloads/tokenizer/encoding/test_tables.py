"""Which characters may be taken whole, from merges written by hand."""

import pytest

from workloads.tokenizer.encoding.form import Form
from workloads.tokenizer.encoding.kernel import NO_TOKEN
from workloads.tokenizer.encoding.tables import whole_characters

WOOD = "木".encode()  # e6 9c a8
ONE, TWO, THREE = (bytes([byte]) for byte in WOOD)


def whole(*merges: tuple[bytes, bytes]) -> bool:
    tokens = {bytes([byte]): byte for byte in range(256)}
    for left, right in merges:
        tokens.setdefault(left + right, len(tokens))
    form = Form(16, tokens, [(tokens[left], tokens[right], tokens[left + right]) for left, right in merges])
    found = whole_characters(form)[ord("木")]
    assert found in (NO_TOKEN, tokens.get(WOOD))
    return bool(found != NO_TOKEN)


@pytest.mark.parametrize(
    ("merges", "expected"),
    [
        ([], False),
        ([(ONE, TWO)], False),
        ([(ONE, TWO), (ONE + TWO, THREE)], True),
        ([(TWO, THREE), (ONE, TWO + THREE)], True),
        ([(TWO, THREE), (ONE, TWO), (ONE + TWO, THREE)], False),  # never made, though it is in the vocabulary
        ([(b" ", ONE), (ONE, TWO), (ONE + TWO, THREE)], False),  # a space before takes the first byte
        ([(ONE, TWO), (b" ", ONE), (ONE + TWO, THREE)], True),  # too late
        ([(ONE, TWO), (b" ", ONE + TWO), (ONE + TWO, THREE)], False),
        ([(ONE, TWO), (ONE + TWO, THREE), (b" ", ONE + TWO)], True),
        ([(THREE, ONE), (ONE, TWO), (ONE + TWO, THREE)], False),  # two of them in a row
        ([(ONE, TWO), (THREE, b"a"), (ONE + TWO, THREE)], False),  # a letter after takes the last byte
        ([(THREE, TWO), (ONE, TWO), (ONE + TWO, THREE)], True),  # no character begins with such a byte
        ([(ONE, TWO), (WOOD, WOOD), (ONE + TWO, THREE)], False),  # a merge that could come before the character is made
        ([(ONE, TWO), (ONE + TWO, THREE), (WOOD, WOOD)], True),
    ],
)
def test_whole_characters(merges: list[tuple[bytes, bytes]], expected: bool) -> None:
    assert whole(*merges) is expected


def test_ascii_is_its_byte() -> None:
    tokens = {bytes([byte]): 300 + byte for byte in range(256)}
    assert whole_characters(Form(16, tokens, [])).tolist()[:129] == [*range(300, 428), NO_TOKEN]
