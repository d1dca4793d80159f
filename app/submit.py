"""Send a recipe to a running cluster through Ray's Jobs API and follow its log.

The code travels with the job, so that the cluster needs only the dependencies. Data does not travel: inputs and store
must be places that the cluster's machines can reach.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import yaml

import app
import cluster
import workloads
from app.recipe import Recipe
from cluster import environment
from cluster.config import RecipeFile
from cluster.environment import has_token
from cluster.errors import AddressError, Interrupted, TokenError, TrainingError, UnavailableError
from cluster.session import use_token
from cluster.stage import resolve_path

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

_PACKAGES = (app, cluster, workloads)
# Places the job's driver off the head, so that it outlives it, and holds no processor: on a machine with one, training would wait
# for ever behind its own driver. A single-machine session has the memory too.
_DRIVER_MEMORY = 500 << 20
_GIVEN = "RAY_API_SERVER_ADDRESS"  # Ray's client takes RAY_ADDRESS before the address that it is given, and this before both


def submit(file: RecipeFile, recipe: Recipe, address: str, on_text: Callable[[str], None], wait: bool = True) -> str:
    """Submit `hanlin run` of this recipe to the dashboard at `address` (http://host:8265); the job's id.

    With `wait`, passes the log on as it grows and returns when the job has succeeded. Raises AddressError or TokenError
    where the cluster does not take the job, TrainingError where the job failed, UnavailableError where its log breaks off.
    Ctrl-C stops the job cleanly.
    """
    if has_token():
        use_token()
    client = _connect(address)
    with tempfile.TemporaryDirectory(prefix="hanlin-job-") as folder:
        _pack(Path(folder), file, recipe)
        with _plain_errors(address):
            job = client.submit_job(
                entrypoint="python -m app run recipe.yaml",
                runtime_env={"working_dir": folder, "excludes": ["__pycache__"]},
                entrypoint_memory=_DRIVER_MEMORY,
                metadata={"recipe": recipe.name},
            )
    if wait:
        _follow(client, job, on_text)
    return job


def _connect(address: str) -> "JobSubmissionClient":
    from ray.job_submission import JobSubmissionClient

    if not address.startswith(("http://", "https://")):
        raise _no_dashboard(address)
    with _plain_errors(address), environment.variable(_GIVEN, address):
        return JobSubmissionClient(address)


def _pack(folder: Path, file: RecipeFile, recipe: Recipe) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc")
    for package in _PACKAGES:
        source = Path(cast(str, package.__file__)).parent
        shutil.copytree(source, folder / source.name, ignore=ignore)
    values = travelling(file, recipe).to_json()
    (folder / "recipe.yaml").write_text(yaml.safe_dump(values, allow_unicode=True, sort_keys=False), encoding="utf-8")


def travelling(file: RecipeFile, recipe: Recipe) -> Recipe:
    """The recipe with every local path made absolute, since it will be read from another folder."""
    corpus = recipe.corpus.with_paths(partial(resolve_path, file.folder))
    return recipe.model_copy(update={"store": resolve_path(file.folder, recipe.store), "corpus": corpus})


def _follow(jobs: "JobSubmissionClient", job: str, on_text: Callable[[str], None]) -> None:
    from aiohttp import ClientError
    from ray.job_submission import JobStatus

    async def follow() -> None:
        async for text in jobs.tail_job_logs(job):
            on_text(text)

    try:
        asyncio.run(follow())
        status = jobs.get_job_status(job)
    except (KeyboardInterrupt, Interrupted):
        jobs.stop_job(job)
        raise
    except (OSError, RuntimeError, ClientError) as error:
        raise _lost(job) from error
    if not status.is_terminal():
        raise _lost(job)
    if status != JobStatus.SUCCEEDED:
        raise TrainingError(
            f"job {job} ended as {status}", "", "read the log above; the same command goes on from what is committed"
        )


@contextmanager
def _plain_errors(address: str) -> Iterator[None]:
    """What Ray's client and what it stands on raise, as one line."""
    from ray.exceptions import AuthenticationError

    try:
        yield
    except AuthenticationError as error:
        raise TokenError(
            f"the cluster at {address} refused the authentication token",
            "RAY_AUTH_TOKEN, or the file that RAY_AUTH_TOKEN_PATH names, holds the cluster's token",
            "fetch the token again from the cluster's head",
        ) from error
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:  # the last three: an answer that is not Ray's
        raise _no_dashboard(address) from error


def _no_dashboard(address: str) -> AddressError:
    return AddressError(
        f"no Ray dashboard answers at {address}",
        "an address like http://host:8265",
        "check that the head is up and the port is forwarded",
    )


def _lost(job: str) -> UnavailableError:
    return UnavailableError(
        f"the log of job {job} broke off before the job ended",
        "it goes on where the cluster does",
        "see how it ends with `ray job status`, or submit again: what is done is not done again",
    )
