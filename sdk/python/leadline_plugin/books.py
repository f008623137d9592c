"""Which books can't be judged, and why."""

from __future__ import annotations

from itertools import islice
from math import inf
from operator import gt, lt
from typing import Callable, Optional

from .model import Book, Side, Trust

Problem = tuple[str, str]
"""A code from `docs/reasons.md`, and words for a person."""


def problem(book: Book, accept_unverified: bool = False) -> Optional[Problem]:
    """Why this book can't be judged; none for a sound one. The codes are those of the Rust SDK's `Depth::read`."""
    found = _side(book.bids, "bid", gt) or _side(book.asks, "ask", lt)
    if found:
        return found
    if not book.bids.prices:
        return ("empty_bid", "the book has no bids")
    if not book.asks.prices:
        return ("empty_ask", "the book has no asks")
    bid, ask = book.bids.prices[0], book.asks.prices[0]
    if bid >= ask:
        return ("crossed", f"best bid {bid} is not below best ask {ask}")
    if book.trust is Trust.UNVERIFIED and not accept_unverified:
        return ("unverified", "neither a chain nor a checksum vouches for this book")
    return None


def _side(side: Side, name: str, in_order: Callable[[float, float], bool]) -> Optional[Problem]:
    prices, sizes, orders = side.prices, side.sizes, side.orders
    if not len(prices) == len(sizes) == len(orders):
        return ("bad_book", f"{name} columns differ in length: {len(prices)} prices, {len(sizes)} sizes, {len(orders)} orders")
    if not prices:
        return None
    # A NaN is in no order with anything, so the ends tell for all prices; a sum of positive, finite sizes is finite and
    # a NaN among them makes it NaN.
    if not all(map(in_order, prices, islice(prices, 1, None))):
        return ("bad_book", f"{name} prices aren't in order, best first")
    if not (0.0 < prices[0] < inf and 0.0 < prices[-1] < inf):
        return ("bad_book", f"a {name} price isn't a positive, finite number")
    if not (min(sizes) > 0.0 and sum(sizes) < inf):
        return ("bad_book", f"a {name} size isn't a positive, finite number")
    return None
