"""The export does what its specification says."""

import csv

from shop import export


def test_a_row_is_read_back_by_csv() -> None:
    """Quotes and commas included."""
    cells = ['He said "tea"', "1,5", "plain"]

    assert next(csv.reader([export.row(cells)])) == cells
