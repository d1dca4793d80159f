"""Who gets a place, in which order, and who is told to come back."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from app.gateway.limits.forecast import AnswerTimes
from app.gateway.limits.gate import Gate, Size
from app.gateway.limits.tenant import Tenant
from cluster.errors import OverloadedError
from workloads.serving.gateway_spec import TenantSpec

ONE = Size(1, 10)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Guests:
    """Requests that hold a place until they are told to go; `order` is who got one, in turn."""

    def __init__(self, gate: Gate) -> None:
        self.gate, self.order = gate, list[str]()
        self._leave: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._names: Iterator[int] = iter(range(10**6))

    async def come(self, tenant: Tenant, size: Size = ONE) -> str:
        name = f"{tenant.name}{next(self._names)}"
        self._leave[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._stay(name, tenant, size))
        await settle()
        return name

    async def go(self, *names: str) -> None:
        for name in names:
            self._leave[name].set()
            await self.tasks[name]
        await settle()

    async def _stay(self, name: str, tenant: Tenant, size: Size) -> None:
        async with self.gate.place(size, tenant):
            self.order.append(name)
            await self._leave[name].wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def tenant(name: str, **limits: int) -> Tenant:
    return Tenant(name, TenantSpec(**limits))


def refusal(guests: Guests, name: str) -> OverloadedError:
    error = guests.tasks[name].exception()
    assert isinstance(error, OverloadedError)
    return error


def test_slots_and_tokens_both_bound_what_runs() -> None:
    async def run() -> None:
        guests, one = Guests(Gate(Size(3, 50), 100)), tenant("a")
        names = [await guests.come(one, Size(1, 25)) for _ in range(3)]
        assert guests.order == names[:2]
        await guests.go(names[0])
        assert guests.order == names

    asyncio.run(run())


def test_a_request_larger_than_all_the_room_runs_alone() -> None:
    async def run() -> None:
        guests, one = Guests(Gate(Size(2, 20), 100)), tenant("a")
        first = await guests.come(one)
        large = await guests.come(one, Size(9, 900))
        small = await guests.come(one)
        assert guests.order == [first]
        await guests.go(first)
        assert guests.order == [first, large]
        await guests.go(large)
        assert guests.order == [first, large, small]

    asyncio.run(run())


def test_beyond_the_longest_wait_it_is_refused_at_once_with_the_time_until_a_place_is_free() -> None:
    async def run() -> None:
        clock = Clock()
        guests, one = Guests(Gate(Size(4, 1000), 0.5, clock)), tenant("a")
        warm = await guests.come(one)
        clock.now = 8.0
        await guests.go(warm)
        for clock.now in (8.0, 10.0, 12.0, 14.0):
            await guests.come(one)
        names = [await guests.come(one) for _ in range(3)]
        assert len(guests.order) == 1 + 4
        assert guests.gate.waiting == 2  # half of the places
        assert refusal(guests, names[2]).retry_seconds == 3 * 8.0 / 4

    asyncio.run(run())


def test_answers_that_began_together_end_together_and_just_after_nobody_waits_for_them() -> None:
    async def run() -> None:
        clock = Clock()
        guests, one = Guests(Gate(Size(4, 1000), 0.25, clock)), tenant("a")
        warm = await guests.come(one)
        clock.now = 8.0
        await guests.go(warm)
        for _ in range(4):
            await guests.come(one)
        clock.now = 13.9
        early = await guests.come(one)
        assert refusal(guests, early).retry_seconds == pytest.approx(2.1)
        clock.now = 14.1
        late = [await guests.come(one) for _ in range(2)]
        assert guests.gate.waiting == 1, "a quarter of an answer is left, and a quarter of the places may wait"
        assert refusal(guests, late[1]).retry_seconds == pytest.approx(2 * 8.0 / 4)

    asyncio.run(run())


async def warmed(guests: Guests, clock: Clock, one: Tenant) -> None:
    """An answer has taken 8 seconds, and it is 8 o'clock."""
    name = await guests.come(one)
    clock.now = 8.0
    await guests.go(name)


def test_a_request_for_more_than_the_room_waits_for_all_that_run_and_others_for_it_alone() -> None:
    async def run() -> None:
        clock = Clock()
        guests, one = Guests(Gate(Size(4, 1000), 0.25, clock)), tenant("a")
        await warmed(guests, clock, one)
        running = [await guests.come(one) for _ in range(4)]
        clock.now = 15.9
        large = await guests.come(one, Size(8, 80))
        assert guests.gate.waiting == 1
        await guests.go(*running)
        assert guests.order[-1] == large
        clock.now = 23.8
        await guests.come(one)
        assert guests.gate.waiting == 1, "the large one is about to end"

    asyncio.run(run())


def test_answers_beyond_a_room_that_became_smaller_are_waited_for_as_long_as_they_take() -> None:
    async def run() -> None:
        clock = Clock()
        guests, one = Guests(Gate(Size(8, 1000), 0.25, clock)), tenant("a")
        await warmed(guests, clock, one)
        for _ in range(8):
            await guests.come(one)
        guests.gate.resize(Size(4, 1000))
        clock.now = 15.9
        await guests.come(one)
        assert guests.gate.waiting == 1

    asyncio.run(run())


def test_a_tenant_of_one_place_may_have_one_request_wait_for_it() -> None:
    async def run() -> None:
        clock = Clock()
        guests, one, other = Guests(Gate(Size(8, 1000), 0.25, clock)), tenant("a", concurrency=1), tenant("b")
        await warmed(guests, clock, one)
        await guests.come(other)
        clock.now = 12.0
        await guests.come(one)
        await guests.come(one)
        assert guests.gate.waiting == 1
        refused = await guests.come(one)
        assert refusal(guests, refused).retry_seconds == pytest.approx(16.0), "the one that runs, and the one that waits"

    asyncio.run(run())


def test_a_tenant_waits_for_its_own_answers_where_its_limit_is_less_than_the_room() -> None:
    async def run() -> None:
        clock = Clock()
        guests, one, other = Guests(Gate(Size(8, 1000), 0.25, clock)), tenant("a", concurrency=4), tenant("b")
        await warmed(guests, clock, other)
        for _ in range(4):
            await guests.come(other)
        clock.now = 15.9  # theirs are about to end
        for _ in range(4):
            await guests.come(one)
        refused = await guests.come(one)
        assert refusal(guests, refused).retry_seconds == pytest.approx(8.0)
        assert guests.gate.waiting == 0

    asyncio.run(run())


def test_others_that_wait_do_not_count_against_a_tenants_own_limit() -> None:
    async def run() -> None:
        clock = Clock()
        guests, one, other = Guests(Gate(Size(8, 1000), 0.25, clock)), tenant("a", concurrency=1), tenant("b")
        await warmed(guests, clock, other)
        await guests.come(one)
        for _ in range(7):
            await guests.come(other)
        clock.now = 15.9
        await guests.come(other)
        await guests.come(one)
        assert guests.gate.waiting == 2

    asyncio.run(run())


def test_one_answer_that_waited_for_a_replica_to_start_says_nothing_of_the_next() -> None:
    times = AnswerTimes()
    assert (times.mean, times.usual) == (0, 0)
    for seconds in (9.0, 0.1, 0.1):
        times.note(seconds)
    assert times.usual == 0.1


def test_where_there_is_one_place_one_may_wait_for_it() -> None:
    async def run() -> None:
        clock = Clock()
        guests, one = Guests(Gate(Size(1, 1000), 0, clock)), tenant("a")
        warm = await guests.come(one)
        clock.now = 8.0
        await guests.go(warm)
        names = [await guests.come(one) for _ in range(3)]
        assert guests.gate.waiting == 1
        assert refusal(guests, names[2]).retry_seconds == pytest.approx(16.0)

    asyncio.run(run())


def test_a_wait_beyond_the_deadline_is_refused_at_once() -> None:
    async def run() -> None:
        clock = Clock()
        gate, one = Gate(Size(1, 1000), 100, clock), tenant("a")
        guests = Guests(gate)
        warm = await guests.come(one)
        clock.now = 10.0
        await guests.go(warm)
        await guests.come(one)
        with pytest.raises(OverloadedError, match="deadline"):
            async with gate.place(ONE, one, seconds_left=5):
                pass

    asyncio.run(run())


def test_a_tenants_queue_is_bounded() -> None:
    async def run() -> None:
        guests, one = Guests(Gate(Size(1, 1000), 100)), tenant("a", queue=3)
        names = [await guests.come(one) for _ in range(10)]
        assert guests.gate.waiting == 3
        assert "3 requests of this tenant wait" in str(refusal(guests, names[-1]))

    asyncio.run(run())


def test_a_flood_waits_behind_itself_alone() -> None:
    async def run() -> None:
        guests = Guests(Gate(Size(2, 1000), 100))
        flood, quiet = tenant("flood"), tenant("quiet")
        loud = [await guests.come(flood) for _ in range(20)]
        name = await guests.come(quiet)
        await guests.go(loud[0])
        assert guests.order[-1] == name

    asyncio.run(run())


def test_tenants_share_by_tokens_not_by_requests() -> None:
    async def run() -> None:
        guests = Guests(Gate(Size(1, 1000), 1000))
        short, long = tenant("s"), tenant("l")
        for _ in range(40):
            await guests.come(short, Size(1, 10))
            await guests.come(long, Size(1, 40))
        for _ in range(40):
            await guests.go(guests.order[-1])
        got = Counter(name[0] for name in guests.order[:40])
        assert 3 <= got["s"] / got["l"] <= 5

    asyncio.run(run())


def test_a_better_priority_goes_first() -> None:
    async def run() -> None:
        guests = Guests(Gate(Size(1, 1000), 100))
        batch, person = tenant("b", priority=5), tenant("p", priority=-5)
        first = await guests.come(batch)
        await guests.come(batch)
        urgent = await guests.come(person)
        await guests.go(first)
        assert guests.order[-1] == urgent

    asyncio.run(run())


def test_a_tenants_concurrency_holds_it_and_nobody_else() -> None:
    async def run() -> None:
        guests = Guests(Gate(Size(8, 1000), 100))
        narrow, other = tenant("n", concurrency=2), tenant("o")
        names = [await guests.come(narrow) for _ in range(4)]
        free = await guests.come(other)
        assert guests.order == [*names[:2], free]
        await guests.go(names[0])
        assert guests.order[-1] == names[2]

    asyncio.run(run())


def test_more_room_lets_in_who_waits() -> None:
    async def run() -> None:
        guests, one = Guests(Gate(Size(1, 10), 100)), tenant("a")
        names = [await guests.come(one) for _ in range(3)]
        guests.gate.resize(Size(3, 30))
        await settle()
        assert guests.order == names

    asyncio.run(run())


def test_whatever_comes_leaves_or_gives_up_no_place_is_lost() -> None:
    async def run(seed: int) -> None:
        numbers = random.Random(seed)
        gate = Gate(Size(5, 80), 100)
        guests = Guests(gate)
        tenants = [tenant("a", concurrency=2), tenant("b", priority=1), tenant("c", queue=5)]
        for _ in range(300):
            open_ones = [name for name, task in guests.tasks.items() if not task.done()]
            if open_ones and numbers.random() < 0.5:
                name = numbers.choice(open_ones)
                if name in guests.order and numbers.random() < 0.5:
                    await guests.go(name)
                else:
                    guests.tasks[name].cancel()
                    await settle()
            else:
                await guests.come(numbers.choice(tenants), Size(numbers.randint(1, 3), numbers.randint(1, 50)))
        for task in guests.tasks.values():
            task.cancel()
        await asyncio.gather(*guests.tasks.values(), return_exceptions=True)
        assert gate.idle
        assert (gate._slots, gate._tokens) == (0, 0)
        assert gate._running == gate._held == gate._got == gate._waiting == {}

    for seed in range(10):
        asyncio.run(run(seed))
