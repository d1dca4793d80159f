"""Text to tokens and tokens to text, whole characters only. No torch and no transformers, so that a gateway starts fast.

Not for stop strings (stops.py) or chat templates (template.py).
"""

import codecs
import hashlib
import json
from typing import Protocol

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from app.gateway.shield import Prompt


class Detokenizer(Protocol):
    """Text of a token stream. Only what is certain comes out: never half a character."""

    def feed(self, token_id: int) -> str: ...
    def finish(self) -> str: ...


class Vocabulary:
    """A tokenizer as the gateway needs it, from the content of a tokenizer.json."""

    def __init__(self, tokenizer: bytes) -> None:
        self.digest = hashlib.sha256(tokenizer).hexdigest()
        self._tokenizer = Tokenizer.from_buffer(tokenizer)
        self._special = {i for i, token in self._tokenizer.get_added_tokens_decoder().items() if token.special}
        self._plain = Tokenizer.from_buffer(tokenizer)
        self._plain.encode_special_tokens = True  # a state of the tokenizer, so a second one: requests run beside each other
        self._bytes = self._byte_table() if _is_byte_level(tokenizer) else None
        self._longest = max(map(len, self._tokenizer.get_vocab(with_added_tokens=True))) if self._bytes else 0

    def encode(self, text: str, special: bool) -> tuple[int, ...]:
        """Token ids; `special`: with the tokens that the tokenizer puts around a text by itself."""
        return tuple(self._tokenizer.encode(text, add_special_tokens=special).ids)

    def fewest_tokens(self, characters: int) -> int:
        """No text of so many characters has fewer tokens, whatever it says; 0 where the tokenizer may leave text out."""
        return characters // self._longest if self._longest else 0

    def id_of(self, token: str) -> int | None:
        """The id of the token of this name; None where there is none."""
        number: int | None = self._tokenizer.token_to_id(token)
        return number

    @property
    def control_tokens(self) -> tuple[str, ...]:
        """The names of the tokens that are no text, such as `<|im_start|>`."""
        return tuple(self._tokenizer.id_to_token(number) or "" for number in sorted(self._special))

    def encode_prompt(self, prompt: Prompt) -> tuple[int, ...]:
        """Token ids of a rendered conversation, without tokens of the tokenizer's own: control tokens exactly where the
        template wrote them. A user's text that spells one gives the tokens of its letters."""
        whole = self._tokenizer.encode(prompt.text, add_special_tokens=False)
        made = [place for number, place in zip(whole.ids, whole.offsets, strict=True) if number in self._special]
        if made == list(prompt.control):
            return tuple(whole.ids)
        token_ids: list[int] = []
        end = 0
        for start, stop in prompt.control:
            token_ids += self._text(prompt.text[end:start])
            number = self._tokenizer.token_to_id(prompt.text[start:stop])
            token_ids += self._text(prompt.text[start:stop]) if number is None else [number]
            end = stop
        return tuple(token_ids + self._text(prompt.text[end:]))

    def _text(self, text: str) -> list[int]:
        return list(self._plain.encode(text, add_special_tokens=False).ids)

    def decode(self, token_ids: tuple[int, ...]) -> str:
        """Text of all tokens but special ones; bytes that are no UTF-8 become U+FFFD."""
        stream = self.detokenizer()
        return "".join(map(stream.feed, token_ids)) + stream.finish()

    def detokenizer(self) -> Detokenizer:
        if self._bytes is not None:
            return _ByteDetokenizer(self._bytes)
        return _StreamDetokenizer(self._tokenizer)

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes of one token; a special token gives its name."""
        if self._bytes is not None and token_id not in self._special:
            return self._bytes.get(token_id, b"")
        token = self._tokenizer.id_to_token(token_id)
        if token_id in self._special:
            return (token or "").encode()
        return self._tokenizer.decode([token_id]).encode()

    def _byte_table(self) -> dict[int, bytes]:
        added = self._tokenizer.get_added_tokens_decoder()
        bytes_of = _bytes_of_characters()
        table: dict[int, bytes] = {}
        for token, index in self._tokenizer.get_vocab(with_added_tokens=True).items():
            if index in self._special:
                table[index] = b""
            elif index in added:
                table[index] = added[index].content.encode()
            else:
                table[index] = b"".join(bytes_of.get(character) or character.encode() for character in token)
        return table


class _ByteDetokenizer:
    """For byte-level tokenizers: an incremental UTF-8 decoder, which holds back an unfinished character exactly."""

    def __init__(self, table: dict[int, bytes]) -> None:
        self._table = table
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token_id: int) -> str:
        return self._decoder.decode(self._table.get(token_id, b""))

    def finish(self) -> str:
        return self._decoder.decode(b"", final=True)


class _StreamDetokenizer:
    """For every other tokenizer: the tokenizers library's own stream."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer, self._stream = tokenizer, DecodeStream(skip_special_tokens=True)

    def feed(self, token_id: int) -> str:
        return self._stream.step(self._tokenizer, token_id) or ""

    def finish(self) -> str:
        return ""


def _is_byte_level(tokenizer: bytes) -> bool:
    decoder = json.loads(tokenizer).get("decoder") or {}
    kinds = [decoder.get("type")] + [part.get("type") for part in decoder.get("decoders", [])]
    return kinds[0] == "ByteLevel" or kinds == ["Sequence", "ByteLevel"]


def _bytes_of_characters() -> dict[str, bytes]:
    """The printable stand-ins that byte-level BPE writes its 256 bytes with (GPT-2's `bytes_to_unicode`): a byte that
    is a visible Latin-1 character stands for itself, the others follow from U+0100 on in order."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in visible]
    table = {chr(byte): bytes([byte]) for byte in visible}
    return table | {chr(0x100 + place): bytes([byte]) for place, byte in enumerate(hidden)}
