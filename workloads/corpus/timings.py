"""timings.json of a corpus: what each step of the stage took. Apart from report.json, which is the same in every run."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from cluster.draft import Draft
from cluster.observe.usage import StepUsage
from workloads.corpus.page_timings import PAGE, timings_page

FILE = "timings.json"
FILES = (FILE, PAGE)
"""The only files of a corpus whose bytes differ from run to run."""


def write_timings(draft: Draft, name: str, steps: Sequence[StepUsage]) -> None:
    """The file and its page, of a draft whose counts are there already."""
    draft.write(FILE, (json.dumps({"name": name, "steps": [asdict(step) for step in steps]}, indent=1) + "\n").encode())
    draft.write(PAGE, timings_page(name, steps, draft.counts["characters_read"]).encode())
