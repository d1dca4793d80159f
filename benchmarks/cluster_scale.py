"""What a cluster of many machines would do: time to 1,000 machines, and what its head needs at 100, 1,000 and 10,000.

    python benchmarks/cluster_scale.py [--part rounds|time|head] [--small]

rounds, time: Ray's own autoscaler (v2) over simulated machines; seconds of deciding are measured here, those of starting a
machine are given. head: constants measured on a real head of a local cluster (cluster/local), and a model that multiplies them.
"""

import argparse
from datetime import UTC, datetime

import psutil

from benchmarks.simulated.cloud import Ask, Demand
from benchmarks.simulated.head import measure_head, model_of
from benchmarks.simulated.rounds import OURS, WIDE, Course, Settings, scale_up

ASKS: tuple[Ask, ...] = ("tasks", "shapes", "gang", "spread", "bundle")
_CPUS = 16
_GIVE_UP = 400.0  # processor seconds of one simulated run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("rounds", "time", "head"), action="append", help="default: all three")
    parser.add_argument("--small", action="store_true", help="tens of machines instead of a thousand: to see that it runs")
    options = parser.parse_args()
    parts = options.part or ["rounds", "time", "head"]
    load = psutil.getloadavg()[0]
    print(f"# {datetime.now(UTC):%Y-%m-%d}, {psutil.cpu_count()} processors, load {load:.0f}")
    if "rounds" in parts:
        rounds_table((10, 30) if options.small else (10, 100, 300, 1000))
    if "time" in parts:
        time_table(30 if options.small else 1000)
    if "head" in parts:
        head_table(nodes=20 if options.small else 500)


def rounds_table(sizes: tuple[int, ...]) -> None:
    """How long the autoscaler thinks, by how much is asked for and how."""
    print("\nprocessor seconds of a round: the first one / the longest one until all machines are there\n")
    row("asked for as", *(f"{size:,} machines" for size in sizes))
    row(*["---"] * (1 + len(sizes)))
    for ask in ASKS:
        cells = []
        for size in sizes:
            course = scale_up(Demand(size, _CPUS, ask), WIDE, 30, give_up_cpu_seconds=_GIVE_UP)
            cells.append(f"{course.rounds[0]:.2f} / {course.longest_round:.2f}" + ("" if course.finished else " (given up)"))
        row(ask, *cells)


def time_table(machines: int) -> None:
    """Simulated seconds until the machines are there, for how fast a provider starts one."""
    print(f"\nseconds until half / all of what {machines * _CPUS:,} processors need has joined\n")
    row("machines", "asked for as", "settings", "start 30 s", "start 60 s", "start 120 s", "rounds", "longest round, s")
    row(*["---"] * 8)
    tasks, larger = Demand(machines, _CPUS), Demand(machines // 8, _CPUS * 8)
    for demand, settings in (
        *((larger, each) for each in (Settings(), OURS, WIDE)),
        (tasks, WIDE),
        (Demand(machines, _CPUS, "gang"), WIDE),
        (tasks, Settings()),
        (tasks, OURS),
    ):
        row(*time_row(demand, settings))


def time_row(demand: Demand, settings: Settings) -> list[str]:
    courses = [scale_up(demand, settings, start, give_up_cpu_seconds=_GIVE_UP) for start in (30, 60, 120)]
    machines = f"{demand.machines:,} x {demand.cpus} CPU"
    longest = max(course.longest_round for course in courses)
    return [machines, demand.ask, settings.name, *map(reached, courses), str(len(courses[0].rounds)), f"{longest:.2f}"]


def reached(course: Course) -> str:
    times = (course.reached.get(share) for share in (50, 100))
    return " / ".join("given up" if seconds is None else f"{seconds:,.0f}" for seconds in times)


def head_table(nodes: int) -> None:
    """What one machine more costs the head, and what that makes at three sizes."""
    constants = measure_head(nodes)
    print("\none machine more costs the head\n")
    row("what", "figure", "from")
    row("---", "---", "---")
    for each in constants:
        row(each.what, f"{each.figure:,.4g} {each.unit}", each.source)
    print("\nwhat a head needs\n")
    row("", "100 machines", "1,000 machines", "10,000 machines")
    row(*["---"] * 4)
    for name, figures in model_of(constants, (100, 1000, 10_000)):
        row(name, *figures)


def row(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
