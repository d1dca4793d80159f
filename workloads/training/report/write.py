"""Write the report of a run, whole or as far as it came. A report never fails a run."""

from cluster.errors import HanlinError
from workloads.training.checkpoint import Checkpoint
from workloads.training.job import Job
from workloads.training.report.facts import gather
from workloads.training.report.page import page

FILE = "report.html"


def write_report(job: Job, checkpoint: Checkpoint) -> bytes | None:
    """The page, also into the run's folder; None where the facts cannot be had."""
    try:
        data = page(gather(job, checkpoint)).encode()
        job.folder().write(FILE, data)
    except (HanlinError, ValueError, KeyError, TypeError, OSError):
        return None
    return data
