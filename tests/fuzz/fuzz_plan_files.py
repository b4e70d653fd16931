"""Fuzz target for plan files, guided by coverage: `make fuzz`, or run it with any of libFuzzer's options.

    python tests/fuzz/fuzz_plan_files.py -max_total_time=600 CORPUS

What must hold is in tests/unit/planfile/plan_properties.py: a plan or a `PlanError` with places, in bounded time and
memory (libFuzzer's -timeout and -rss_limit_mb), never a traceback. A finding is left as a file `crash-…`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "unit/planfile")]

with atheris.instrument_imports(include=["orchharness"]):
    import plan_properties

    from orchharness.planfile import reading, schema  # noqa: F401 - imported here to be watched
    from orchharness.planfile.shapes import Table


def main() -> None:
    """Run libFuzzer over the plans of this project, with the words of the language as its dictionary."""
    plan_properties.check(
        plan_properties.FEAT.read_bytes()
    )  # what is imported late is not charged to an input
    with TemporaryDirectory() as folder:
        words = Path(folder, "words.dict")
        words.write_text("".join(f'"{word}"\n' for word in _words()), "utf-8")
        seeds = Path(folder, "seeds")
        seeds.mkdir()
        for number, plan in enumerate([*plan_properties.PLANS, *plan_properties.BROKEN]):
            (seeds / f"{number}.yaml").write_bytes(plan.read_bytes())
        own = sys.argv[1:]
        options = ["-max_len=20000", "-timeout=25", "-rss_limit_mb=2048", f"-dict={words}", *own, str(seeds)]
        if not any(not word.startswith("-") for word in own):
            found = Path(folder, "found")
            found.mkdir()
            options.insert(-1, str(found))
        atheris.Setup([sys.argv[0], *options], lambda data: plan_properties.check(data) and None)
        atheris.Fuzz()


def _words() -> list[str]:
    tables = [value for value in vars(schema).values() if isinstance(value, Table)]
    keys = {f"{key}: " for table in tables for key in table.keys}
    return sorted({*keys, "{{ vars.", " }}", "*a", "&a ", "<<: ", "- ", "run:", "true", "0.9", "30m"})


if __name__ == "__main__":
    main()
