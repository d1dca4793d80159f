"""What a format finds: records, good or bad, each with its position."""

from dataclasses import dataclass

SAMPLE_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Record:
    """A text (and the record's own source, date and score, as written) at a position, or a problem with a sample or an explanation as its text."""

    position: int
    text: str
    source: str = ""
    problem: str = ""
    date: object = None
    score: object = None


class BadData(Exception):
    """The bytes end here: damaged, or more than allowed; what came before was good. `rest`: the line that it cut."""

    def __init__(self, problem: str, why: str, rest: bytes = b"") -> None:
        super().__init__(problem, why, rest)
        self.problem, self.why, self.rest = problem, why, rest

    def record(self, position: int) -> Record:
        return Record(position, readable(self.rest) or self.why, problem=self.problem)


def readable(data: bytes) -> str:
    """The beginning of bad data as a person can look at it."""
    return data[: 4 * SAMPLE_CHARACTERS].decode("utf-8", "backslashreplace")[:SAMPLE_CHARACTERS]
