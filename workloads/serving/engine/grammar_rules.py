"""A grammar in llguidance's own form, and whether it compiles within bounds, tried in a process that can be killed.

    python -P workloads/serving/engine/grammar_rules.py < {"kind": "regex", "text": "[0-9]+"}

The process prints why the grammar cannot be used, or nothing. It imports nothing of this project, so that it starts in 0.1 s.
Not for holding answers to a grammar (grammar.py), nor for who starts the process (grammar_trial.py).
"""

import json
import resource
import sys
from typing import Any

import llguidance

PROCESSOR_SECONDS = 1
MEMORY = 128 << 20
"""What compiling one grammar may take. An enum of 5,500 words takes 13 ms, 1,200 fields with patterns 0.2 s and 20 MB; without a
bound `{"multipleOf": 999983}` takes 3 s and 220 MB, a hundred patterns in `allOf` more than 8 s (measured; llguidance 1.9 counts
neither among its own limits)."""

_SPACE = r"( |\n {0,12})?"
"""Between two signs of JSON: nothing, a space, or a line's beginning. A model that is unsure writes blanks until its tokens are
spent (seen with one of 2.7M parameters: three of three answers were cut)."""

_LIMITS: dict[str, Any] = {
    "max_lexer_states": 20_000,
    "initial_lexer_fuel": 100_000,
    "step_lexer_fuel": 50_000,
    "verbose_errors": False,
}
"""At most 40 MB and 50 ms of a processor for one answer's worst token, where llguidance allows 500 MB and a second (measured
with `(a{1000}){1000}`): everybody's step waits for it. An enum of 3,000 words and 150 fields with patterns stay far below."""


def compiled(kind: str, text: str, tokenizer: Any) -> Any:
    """llguidance's matcher. Raises ValueError with the library's own words for a grammar that is none."""
    matcher = llguidance.LLMatcher(tokenizer, _rules(kind, text), log_level=0, limits=llguidance.LLParserLimits(**_LIMITS))
    if matcher.is_error():
        raise ValueError(matcher.get_error())
    return matcher


def _rules(kind: str, text: str) -> str:
    if kind == "regex":
        return str(llguidance.LLMatcher.grammar_from_regex(text))
    schema = '{"type": "object"}' if kind == "json_object" else text
    return str(llguidance.LLMatcher.grammar_from_json_schema(schema, overrides={"whitespace_pattern": _SPACE}))


def main() -> None:
    asked = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    try:
        compiled(asked["kind"], asked["text"], llguidance.LLTokenizer("byte"))
    except ValueError as error:
        sys.stdout.write(str(error))


if __name__ == "__main__":
    main()
