"""What a recipe can say about the tokenizer and the token rows (sections `tokenizer` and `tokens`)."""

from typing import Literal

from pydantic import Field, field_validator

from cluster.config import Spec
from workloads.tokenizer.mix import MixSpec

ChatTemplate = Literal["chatml", "qa"]

END_OF_TEXT = "<|endoftext|>"  # ends every document, and pads
END_TOKEN = 0  # its id
SPECIAL_TOKENS = (END_OF_TEXT, "<|im_start|>", "<|im_end|>")
SMALLEST_VOCABULARY = 256 + len(SPECIAL_TOKENS)  # a token for every byte, so that any text can be written


class TokenizerSpec(Spec):
    """How the tokenizer is trained.

    Measured on 8.0 M characters of mixed Chinese text, vocabulary 16,000, held-out characters per token by longest piece
    of Han: 2: 1.486, 4: 1.546, 8: 1.596, 16: 1.620, no limit: 1.628. Training time flattens from 6 on; a limit keeps a
    text without punctuation from costing more than that. Samples of 1, 2, 4, 8 M characters (longest piece 8): 1.534,
    1.562, 1.583, 1.596, at about 0.1 GB of memory per million characters. By longest token, on the demo's narrow world with
    4,000 tokens: 12 bytes 1.765, 18 bytes 1.944, 24 bytes 1.998, no limit 2.012, which is then whole sentences: no prompt
    would be cut into those.
    """

    vocab_size: int = Field(16_000, le=1_000_000, description="tokens in the vocabulary, special tokens and bytes included")
    sample_characters: int = Field(5_000_000, ge=1_000, description="characters of the training split to learn from, at most")
    han_run: int = Field(16, ge=1, le=64, description="longest run of Han characters that a token can come from")
    longest_token: int = Field(18, ge=1, le=256, description="longest token in bytes; a Han character takes three")
    chat_template: ChatTemplate = Field("chatml", description="form of a conversation: chatml, or qa (plain 问：/答： lines)")

    @field_validator("vocab_size")
    @classmethod
    def _room_for_bytes(cls, value: int) -> int:
        if value < SMALLEST_VOCABULARY:
            raise ValueError(
                f"at least {SMALLEST_VOCABULARY} are needed (256 bytes and {len(SPECIAL_TOKENS)} special tokens); "
                "4000 suits a few million characters, 16000 and more a large corpus"
            )
        return value


class TokensSpec(Spec):
    """How the corpus is packed into rows."""

    sequence_length: int = Field(512, ge=8, le=1 << 20, description="tokens in a row, which is what a training step reads")
    mix: MixSpec = Field(default=MixSpec(), description="how much of each source the training rows hold")
