"""How far the corpus stage is: documents read over the whole stage, and the step it is at. Not for showing it: cluster.observe."""

from cluster.observe.metrics import CORPUS_READ
from cluster.observe.progress import Reporter, Value
from cluster.observe.usage import Meter


class Progress:
    """Told to a reporter under the stage's name, and to the meter, where a step begins."""

    def __init__(self, reporter: Reporter, stage: str, run: str, meter: Meter) -> None:
        self._reporter, self._stage, self._run, self._meter, self._read = reporter, stage, run, meter, 0

    @property
    def records(self) -> int:
        """How many have been read."""
        return self._read

    def read(self, records: int) -> None:
        CORPUS_READ.record(records - self._read, run=self._run)
        self._read = records
        self._reporter.advance(self._stage, records, step="reading")

    def cleaned(self, records: int) -> None:
        self._reporter.advance(self._stage, self._read, step=f"cleaning {100 * records // max(self._read, 1)} %")

    def at(self, step: str) -> None:
        self._meter.at(step)
        self._reporter.advance(self._stage, self._read, step=step)

    def note(self, event: str, **facts: Value) -> None:
        self._reporter.note(event, **facts)

    def done(self, documents: int) -> None:
        self._reporter.advance(self._stage, documents, documents, step="done")
