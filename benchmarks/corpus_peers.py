"""The whole way from raw text to tokens beside the peers, in one run: on the same input, with the same settings.

    python benchmarks/corpus_peers.py [INPUT.jsonl.gz] --peers SCRIPTS --environments VENVS [--only ours,datatrove] [--repeat 4]

SCRIPTS holds one bench_PEER.py for each peer and make_tokenizer.py, VENVS one virtual environment for each peer, named like
it; a peer that is absent is skipped with a line. Work: read, clean, filter by length, Han share and repetition, remove near
duplicates by MinHash of character 5-grams (14 bands of 8), tokenise with a byte-level BPE of 16,000 tokens learned before.
Ours starts Ray within its time. `--repeat N`: the input N times, with 30 % of the characters of every later copy changed, so
that copies are no duplicates of each other. Memory: proportional set size of all processes together, sampled.
"""

import argparse
import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

PEERS: dict[str, tuple[str, list[str]]] = {
    "datatrove": ("datatrove", []),
    "datajuicer": ("datajuicer", []),
    "rensa": ("rensa", []),
}
SAMPLE_EVERY = 0.5  # seconds
VOCABULARY = 16_000
LEARN_FROM = 20_000_000  # characters of the input
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "corpus" / "zh_large.jsonl.gz"
CHANGED = 0.3  # of the characters of a later copy: char-5 Jaccard similarity with the first under .1
OURS = Path(__file__).with_name("peers") / "corpus.py"


@dataclass(frozen=True)
class Measured:
    """One system's run: wall-clock and processor seconds, MB (10^6 bytes) of peak memory, and what it says of itself."""

    system: str
    megabytes: float
    seconds: float
    processor_seconds: float
    peak_memory: float
    facts: dict[str, object]

    @property
    def speed(self) -> float:
        return self.megabytes / self.seconds

    def line(self) -> str:
        return (
            f"{self.system:<12} {self.megabytes:8.1f} MB {self.seconds:8.1f} s {self.speed:7.2f} MB/s "
            f"{self.processor_seconds:8.1f} processor-s {self.peak_memory:8.0f} MB peak  {json.dumps(self.facts, ensure_ascii=False)}"
        )


def main() -> None:
    options = _arguments()
    if not Path(options.input).exists():
        print(f"skipped: no {options.input}; name a file of JSON lines")
        return
    only = options.only.split(",") if options.only else ["ours", *PEERS]
    with tempfile.TemporaryDirectory(prefix="hl-", dir=options.scratch) as folder:
        work = Path(folder)
        plain = prepared(Path(options.input), options.repeat, Path(options.prepared or folder))
        megabytes = plain.stat().st_size / 1e6
        results = []
        for system in only:
            command = _command(system, options, plain, work)
            if command:
                results.append(run(system, megabytes, command, work))
                print(results[-1].line(), flush=True)
    ours = next((each for each in results if each.system == "ours"), None)
    for each in results:
        if ours and each is not ours:
            print(f"ours is {ours.speed / each.speed:.2f} times as fast as {each.system}")


def _command(system: str, options: argparse.Namespace, plain: Path, work: Path) -> list[str]:
    """How a system is started; nothing, and a line that says why, where it is absent."""
    if system == "ours":
        return [sys.executable, str(OURS), str(plain), str(work / "ours"), options.tokenizer or str(work / "tokenizer")]
    name, extra = PEERS[system]
    script, python = Path(options.peers) / f"bench_{name}.py", Path(options.environments) / name / "bin" / "python"
    if not options.peers or not options.environments or not script.exists() or not python.exists():
        print(f"{system:<12} skipped: no {script} or no {python}")
        return []
    tokenizer = peer_tokenizer(python, Path(options.peers), plain, Path(options.prepared or work))
    return [str(python), str(script), str(plain), str(work / system), "--workers", "2", "--tokenizer", str(tokenizer), *extra]


def peer_tokenizer(python: Path, peers: Path, plain: Path, work: Path) -> Path:
    """The peers' common tokenizer, learned once from the beginning of the input; not timed."""
    folder = work / "peer-tokenizer"
    if not folder.exists():
        sample = work / "sample.jsonl"
        with plain.open(encoding="utf-8") as lines, sample.open("w", encoding="utf-8") as out:
            left = LEARN_FROM
            for line in lines:
                out.write(line)
                left -= len(line)
                if left <= 0:
                    break
        command = [str(python), str(peers / "make_tokenizer.py"), str(sample), str(folder), str(VOCABULARY)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "tokenizer.json"


def run(system: str, megabytes: float, command: list[str], work: Path) -> Measured:
    """Start it in a process group of its own and watch all its processes until it ends."""
    begun = time.perf_counter()
    log = work / f"{system}.log"
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=_environment(), cwd=work)
    watch = Watch(process.pid)
    while process.poll() is None:
        watch.sample()
        time.sleep(SAMPLE_EVERY)
    seconds = time.perf_counter() - begun
    said = (process.stdout.read() if process.stdout else "").strip().splitlines()
    if process.returncode:
        raise SystemExit(f"{system} failed: {' '.join(command)}\n{log.read_text()[-2000:]}")
    facts = json.loads(said[-1])
    kept = {key: facts[key] for key in ("after_filter", "after_dedup", "tokens", "stages_s") if key in facts}
    seconds = float(facts.get("wall_s", seconds))  # without the start of the interpreter, as every peer counts
    shutil.rmtree(work / system, ignore_errors=True)
    return Measured(system, megabytes, seconds, watch.processor_seconds, watch.peak / 1e6, kept)


class Watch:
    """The memory and processor time of a process and all that it starts."""

    def __init__(self, root: int) -> None:
        self._root = psutil.Process(root)
        self._times: dict[tuple[int, float], float] = {}
        self.peak = 0

    @property
    def processor_seconds(self) -> float:
        return sum(self._times.values())

    def sample(self) -> None:
        total = 0
        for process in self._processes():
            try:
                times = process.cpu_times()
                self._times[process.pid, process.create_time()] = times.user + times.system
                total += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError, ProcessLookupError):
                continue
        self.peak = max(self.peak, total)

    def _processes(self) -> list[psutil.Process]:
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _environment() -> dict[str, str]:
    """Without what another Ray or interpreter left, and able to import this project."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "PYTHON"))}
    return kept | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}


def prepared(source: Path, repeat: int, folder: Path) -> Path:
    """The input as all read it, made in this folder unless it is there."""
    plain = folder / f"{source.name.partition('.')[0]}-{repeat}.jsonl"
    if not plain.exists():
        folder.mkdir(parents=True, exist_ok=True)
        begun = plain.with_suffix(".part")
        write_copies(source, begun, repeat)
        begun.rename(plain)
    return plain


def write_copies(source: Path, target: Path, repeat: int) -> None:
    """The documents of a .jsonl or .jsonl.gz, `repeat` times, as plain JSON lines."""
    with target.open("w", encoding="utf-8") as out:
        for copy in range(repeat):
            rng = random.Random(copy)
            with _open(source) as lines:
                for line in lines:
                    record = json.loads(line)
                    if copy:
                        record["text"] = edited(record["text"], rng)
                        record["id"] = f"{record['id']}-{copy}"
                    out.write(json.dumps(record, ensure_ascii=False) + "\n")


def _open(source: Path) -> IO[str]:
    return gzip.open(source, "rt", encoding="utf-8") if source.suffix == ".gz" else source.open(encoding="utf-8")


def edited(text: str, rng: random.Random) -> str:
    """Every third or so character replaced by the one before or after it in code, lines left as they are."""
    share = int(1 / CHANGED)
    start = rng.randrange(share)
    changed = [chr(ord(c) ^ 1 << rng.randrange(3)) if "\u4e00" < c < "\u9f00" else c for c in text[start::share]]
    letters = list(text)
    letters[start::share] = changed
    return "".join(letters)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("input", nargs="?", default=str(SHARED), help="JSON lines with id, text and source, plain or .gz")
    parser.add_argument("--peers", default="", help="folder of the peers' scripts")
    parser.add_argument("--environments", default="", help="folder of the peers' virtual environments")
    parser.add_argument("--only", default="", help="systems to run, by commas: ours, datatrove, datajuicer, rensa")
    parser.add_argument("--repeat", type=int, default=1, help="edited copies of the input that are read")
    parser.add_argument("--prepared", default="", help="folder that keeps copies and the peers' tokenizer from run to run")
    parser.add_argument("--tokenizer", default="", help="folder of a tokenizer artifact store made by an earlier run")
    parser.add_argument("--scratch", default=None, help="where to work; needs ten times the input")
    return parser.parse_args()


if __name__ == "__main__":
    main()
