"""A roll in this process, and runs of peers as threads with real gloo between them; a thread that ends breaks with the others."""

import threading
from dataclasses import dataclass, field

import torch

from workloads.training.job import Job, run_job
from workloads.training.listener import Listener
from workloads.training.peers import Peers
from workloads.training.rollcall import Ended, Ending, Leave, Meeting, Member, News, RollCall


class LocalRoll:
    """The roll without Ray."""

    def __init__(self, expected: int) -> None:
        self._call, self._condition = RollCall(expected), threading.Condition()
        self._meetings: list[Meeting] = []
        self._leaving: dict[int, Leave] = {}
        self._ended: Ending | None = None

    def meet(self, member: Member, progress: int) -> Meeting:
        with self._condition:
            seen = len(self._meetings)
            self._call.arrive(member, progress)
            self._look()
            assert self._condition.wait_for(lambda: self._ended or len(self._meetings) > seen, timeout=120)
            if self._ended:
                raise Ended(self._ended)
            return self._meetings[seen]

    def news(self, member: Member) -> News:
        with self._condition:
            return News(self._call.waiting, self._leaving.get(member.place, ""))

    def leave(self, member: Member) -> None:
        with self._condition:
            self._call.lose(member)
            self._look()

    def end(self, how: Ending) -> None:
        with self._condition:
            self._ended = how
            self._condition.notify_all()

    def send_away(self, place: int, leave: Leave) -> None:
        with self._condition:
            self._leaving[place] = leave

    def until_someone_waits(self) -> None:
        with self._condition:
            assert self._condition.wait_for(lambda: self._call.waiting, timeout=120)

    def _look(self) -> None:
        if (meeting := self._call.meet()) is not None:
            self._meetings.append(meeting)
        self._condition.notify_all()


@dataclass
class Workers:
    """The members of one run, each a thread, by place."""

    job: Job
    roll: LocalRoll
    endings: dict[str, Ending | BaseException] = field(default_factory=dict)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, place: int, name: str, listener: Listener) -> None:
        def work() -> None:
            peers = Peers(self.roll, place, name, "127.0.0.1")
            try:
                self.endings[name] = run_job(self.job, peers, torch.device("cpu"), listener)
            except BaseException as error:  # noqa: BLE001  # the test looks at it
                self.endings[name] = error
            finally:
                peers.leave()

        self._threads.append(threading.Thread(target=work, name=name))
        self._threads[-1].start()

    def until_someone_waits(self) -> None:
        self.roll.until_someone_waits()

    def join(self) -> dict[str, Ending | BaseException]:
        for thread in self._threads:
            thread.join(250)
            assert not thread.is_alive()
        return self.endings
