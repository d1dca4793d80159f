"""Wait for one Ray task as for a call of one's own: it raises its own errors, and ends where the caller is stopped."""

from typing import Any

from cluster.errors import HanlinError


def result_of(task: Any) -> Any:
    """What the task returns. Raises its own HanlinError, without Ray's traceback around it."""
    import ray
    from ray.exceptions import RayTaskError

    try:
        return ray.get(task)
    except RayTaskError as error:
        if isinstance(error.cause, HanlinError):
            raise error.cause from None
        raise
    except BaseException:
        ray.cancel(task, force=True)
        raise
