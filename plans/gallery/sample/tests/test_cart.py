"""The cart does what its specification says."""

import pytest
from shop import cart


def test_the_total_is_the_sum_to_the_cent() -> None:
    """Floats would say 0.30000000000000004."""
    assert cart.total([0.1, 0.2]) == 0.3
    assert cart.total([]) == 0


@pytest.mark.parametrize(("percent", "left"), [(0, 19.99), (10, 17.99), (100, 0)])
def test_a_discount_is_taken_off(percent: float, left: float) -> None:
    """To the cent."""
    assert cart.discounted(19.99, percent) == left
