"""How `orchharness simulate` grows: wide plans, chains and layers of 1,000, 10,000 and 100,000 tasks.

    python tests/benchmarks/simulate_scale.py [SIZES]        # e.g. 1000 10000

Each plan is read from its file and simulated by a process of its own, report included. CPU and memory are what the
system says of that process when it has ended; elapsed time depends on what else the machine does.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
HEAD = f"{'plan':<8} {'tasks':>8} {'elapsed s':>10} {'cpu s':>7} {'µs a task':>10} {'MB':>5}\n"


def name(number: int) -> str:
    """A short id: a plan file may have 5 MiB."""
    text = DIGITS[number % 36]
    while number := number // 36:
        text = DIGITS[number % 36] + text
    return f"t{text}"


def needs(shape: str, number: int, size: int, random: Random) -> list[str]:
    """What the task needs: nothing, the one before, or one or two of the layer before."""
    layer = int(size**0.5)
    if shape == "chain" and number:
        return [name(number - 1)]
    if shape == "layers" and number >= layer:
        first = (number // layer - 1) * layer
        return [
            name(n) for n in sorted({random.randrange(first, first + layer) for _ in range(1 + number % 2)})
        ]
    return []


def lines(shape: str, size: int) -> Iterator[str]:
    """The plan file."""
    random = Random(1)
    yield "orchharness: 1\ntasks:\n"
    for number in range(size):
        wanted = needs(shape, number, size, random)
        more = f", needs: [{', '.join(wanted)}]" if wanted else ""
        yield f" {name(number)}: {{run: a, estimate: {random.randint(1, 9)}h{more}}}\n"


def measure(folder: Path, shape: str, size: int) -> str:
    """One row of the table."""
    plan = folder / f"{shape}{size}.plan.yaml"
    plan.write_text("".join(lines(shape, size)))
    words = [sys.executable, "-m", "orchharness", "simulate", str(plan), "--parallel", "8"]
    begin = time.perf_counter()
    pid = os.posix_spawn(
        sys.executable,
        [*words, "--report", str(folder / f"{shape}{size}.html")],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"{shape} {size}: it ended with {os.waitstatus_to_exitcode(status)}")
    elapsed, cpu = time.perf_counter() - begin, usage.ru_utime + usage.ru_stime
    each, memory = cpu / size * 1e6, usage.ru_maxrss / 1024
    return f"{shape:<8} {size:>8,} {elapsed:>10.1f} {cpu:>7.1f} {each:>10.0f} {memory:>5.0f}\n"


def main(sizes: list[int]) -> None:
    """Print the table."""
    sys.stdout.write(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        for shape in ("wide", "chain", "layers"):
            for size in sizes:
                sys.stdout.write(measure(Path(folder), shape, size))
                sys.stdout.flush()


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1_000, 10_000, 100_000])
