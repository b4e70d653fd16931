"""The shop's cart."""


def total(prices: list[float]) -> float:
    """The sum of the prices, to the cent."""
    return round(sum(prices), 2)


def discounted(price: float, percent: float) -> float:
    """The price after a discount, to the cent."""
    return round(price * (100 - percent) / 100, 2)
