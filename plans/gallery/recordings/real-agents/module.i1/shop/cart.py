"""The shop's cart."""


def total(prices):
    """The sum of the prices, to the cent."""
    return round(sum(prices), 2)


def discounted(price, percent):
    """The price after a discount, to the cent."""
    return round(price * (100 - percent) / 100, 2)
