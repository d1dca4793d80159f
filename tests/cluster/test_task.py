"""A Ray task that is waited for: its result, and its own error as it was raised."""

import pytest
import ray

from cluster.errors import UserError
from cluster.session import Session
from cluster.task import result_of


def double(value: int) -> int:
    if value < 0:
        raise UserError(f"{value}", "0 and more")
    return 2 * value


def test_a_task_gives_its_result_or_its_own_error(ray_session: Session) -> None:
    task = ray.remote(double)
    assert result_of(task.remote(3)) == 6
    with pytest.raises(UserError, match="-1"):
        result_of(task.remote(-1))
