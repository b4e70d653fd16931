"""Price lists: `prices.py read LIST.csv ITEMS.json`, and `prices.py merge CATALOGUE.json`.

What is merged stands in the environment: ORCH_INPUT_LISTS holds one path on each line.
"""

import csv
import json
import os
import sys
from pathlib import Path


def read(source: str, target: str) -> None:
    """Brings one supplier's list, whatever its dialect, into one form: article -> cents."""
    lines = Path(source).read_text().splitlines()
    delimiter = ";" if ";" in lines[0] else ","
    unit = lines[0].partition(delimiter)[2]
    items = {}
    for row in csv.DictReader(lines, delimiter=delimiter):
        price = float(row[unit].replace(",", "."))
        items[row["article"]] = round(price * (100 if unit == "euro" else 1))
    Path(target).write_text(json.dumps(items, indent=2))


def merge(target: str) -> None:
    """One catalogue with the lowest price of each article."""
    catalogue: dict[str, int] = {}
    for source in os.environ["ORCH_INPUT_LISTS"].splitlines():
        for article, cents in json.loads(Path(source).read_text()).items():
            catalogue[article] = min(cents, catalogue.get(article, cents))
    Path(target).write_text(json.dumps(dict(sorted(catalogue.items())), indent=2))


if __name__ == "__main__":
    {"read": read, "merge": merge}[sys.argv[1]](*sys.argv[2:])
