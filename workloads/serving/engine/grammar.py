"""Answers that keep to a grammar: which tokens may come next, by llguidance, for any vocabulary of bytes.

Chosen over xgrammar on a Chinese vocabulary (benchmarks/RESULTS.md, docs/decisions/0022-what-the-torch-engine-keeps.md).
What compiles one and in which bounds is in grammar_rules.py. Not for what a client may send (app/gateway).
"""

import importlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from cluster.errors import DependencyError, RequestError
from workloads.serving.engine.base import Grammar, Request
from workloads.serving.engine.grammar_trial import Trials

TOKENIZER = "tokenizer.json"
_END = "<|end of grammar|>"
_PARAM = "response_format"


class Constraint:
    """The state of one answer. Used by the engine's thread alone once it runs."""

    def __init__(self, matcher: Any, tokenizer: Any, stop_token_ids: frozenset[int]) -> None:
        self._matcher, self._ends = matcher, tokenizer.eos_tokens
        self._stops = [token for token in stop_token_ids if 0 <= token < tokenizer.vocab_size]
        self._words = (tokenizer.vocab_size + 31) // 32
        self.over = False

    def allowed(self, vocabulary: int) -> NDArray[np.bool_]:
        """The tokens that may come next, [vocabulary]; stop tokens where the answer may end. If none may, it is `over`."""
        bits = np.zeros(self._words, dtype=np.uint32)
        self._matcher.unsafe_compute_mask_ptr(bits.ctypes.data, bits.nbytes)
        found = np.unpackbits(bits.view(np.uint8), bitorder="little").view(np.bool_)
        found[self._ends] = False
        found[self._stops] = self._matcher.is_accepting()
        self.over = not found[:vocabulary].any()
        return found[:vocabulary]

    def fault(self, vocabulary: int) -> str:
        """What the first step, tried on a copy, says against the grammar: most that are too large show there."""
        first = int(self.allowed(vocabulary).argmax())
        trial = self._matcher.deep_copy()
        return "" if self.over or first in self._stops or trial.consume_token(first) else str(trial.get_error())

    def take(self, token: int) -> bool:
        """Go on with a token; whether the answer is whole and nothing can follow. Raises RequestError for a grammar that
        turned out too large."""
        if not self._matcher.consume_token(token):
            raise RequestError(f"the grammar failed ({_line(self._matcher.get_error())})", "", "simplify it", param=_PARAM)
        return bool(self._matcher.is_stopped())


class Grammars:
    """Grammars over one model's tokens. The tokenizer is read when the first one is asked for (0.1 s for 16,000 tokens)."""

    def __init__(self, folder: Path, vocabulary: int) -> None:
        self._file, self._vocabulary = folder / TOKENIZER, vocabulary
        self._lock, self._trials = threading.Lock(), Trials()
        self._tokenizer: Any = None

    def start(self, request: Request) -> Constraint | None:
        """What holds this request's answer to its grammar, past its `resume_tokens`; None where it asks for none. Slow: keep
        it off event loops. Raises RequestError for a grammar that is none, DependencyError without the package."""
        if request.grammar is None:
            return None
        tokenizer = self._tokens(_library())
        if reason := self._trials.fault(request.grammar):
            raise _refusal(request.grammar, reason)
        matcher = _compiled(request.grammar, tokenizer)
        constraint = Constraint(matcher, tokenizer, request.stop_token_ids)
        if reason := constraint.fault(self._vocabulary):
            raise _refusal(request.grammar, reason)
        if not matcher.consume_tokens(list(request.resume_tokens)):
            raise RequestError("tokens to resume from that break the grammar", "the answer's own beginning", "", param=_PARAM)
        return constraint

    def _tokens(self, library: Any) -> Any:
        with self._lock:
            if self._tokenizer is None:
                self._tokenizer = _read_tokenizer(library, self._file, self._vocabulary)
            return self._tokenizer


def _library() -> Any:
    try:
        return importlib.import_module("llguidance")
    except ImportError as error:
        raise DependencyError(
            "a grammar needs llguidance", "", 'install it where the model runs: pip install "hanlin[structured]"'
        ) from error


def _read_tokenizer(library: Any, file: Path, vocabulary: int) -> Any:
    """With an end token of the library's own beside the model's tokens: which of these end an answer, a request says."""
    try:
        tokenizer = Tokenizer.from_str(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"a grammar for a model without a tokenizer ({error})", "", "leave it out", param=_PARAM) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.add_special_tokens([_END])
    end = int(tokenizer.get_vocab()[_END])
    return library.LLTokenizer(tokenizer.to_str(), n_vocab=max(vocabulary, end + 1), eos_token=end)


def _compiled(grammar: Grammar, tokenizer: Any) -> Any:
    from workloads.serving.engine.grammar_rules import compiled  # needs the package that this one may lack

    try:
        return compiled(grammar.kind, grammar.text, tokenizer)
    except ValueError as error:
        raise _refusal(grammar, str(error)) from error


def _refusal(grammar: Grammar, reason: str) -> RequestError:
    allowed = (
        "a regular expression without lookaround, of moderate size" if grammar.kind == "regex" else "a JSON schema, an object"
    )
    return RequestError(f"this {grammar.kind} cannot be used: {_line(reason)}", allowed, "change it", param=_PARAM)


def _line(reason: str) -> str:
    """The last line that says what is wrong, of a message that may draw where."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith("error:")]
    return (told or lines or ["no reason given"])[0].removeprefix("error: ")[:200]
