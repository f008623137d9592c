"""Generated books and a small harness, for tests in plain Python."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any, Iterable, Iterator, Optional

from .component import answer
from .model import Book, Instrument, Kind, Reading, Side, Trust
from .plugin import Plugin

SPOT = Instrument("BTC-USDT", Kind.SPOT, "BTC", "USDT", "", 0.1, 0.00000001, 1.0)
"""An instrument for tests."""


def books(count: int, seed: int = 1, levels: int = 50) -> Iterator[Book]:
    """Books that move a little from one to the next; the same seed gives the same books."""
    dice = Random(seed)
    mid = 60_000.0
    for number in range(count):
        mid += dice.choice((-0.1, 0.0, 0.1))
        yield Book(
            time_ms=1_800_000_000_000 + 100 * number,
            sequence=number,
            trust=Trust.CHAIN,
            restarted=number == 0,
            skipped=0,
            bids=_side(dice, mid, -1, levels),
            asks=_side(dice, mid, 1, levels),
        )


def _side(dice: Random, mid: float, sign: int, levels: int) -> Side:
    prices = [round(mid + sign * 0.1 * (level + 0.5), 2) for level in range(levels)]
    sizes = [round(dice.expovariate(1.0) + 0.001, 4) for _ in range(levels)]
    return Side(prices, sizes, [dice.randint(1, 9) for _ in range(levels)])


def bad_books(good: Book) -> Iterator[tuple[str, Book]]:
    """Books that can't be judged, each with the code of the answer that is due."""
    nothing = Side([], [], [])
    yield "empty_bid", replace(good, bids=nothing, asks=nothing)
    yield "empty_bid", replace(good, bids=nothing)
    yield "empty_ask", replace(good, asks=nothing)
    yield "crossed", replace(good, bids=replace(good.bids, prices=[p + 1e6 for p in good.bids.prices]))
    yield "bad_book", replace(good, bids=replace(good.bids, prices=list(reversed(good.bids.prices))))
    yield "bad_book", replace(good, asks=replace(good.asks, sizes=[float("nan"), *good.asks.sizes[1:]]))
    yield "bad_book", replace(good, asks=replace(good.asks, sizes=good.asks.sizes[1:]))
    yield "unverified", replace(good, trust=Trust.UNVERIFIED)


def run(
    plugin: type[Plugin],
    given: Iterable[Book],
    instrument: Instrument = SPOT,
    parameters: Optional[dict[str, Any]] = None,
) -> list[Reading]:
    """The readings of a fresh instance, as the component would answer."""
    opened = plugin(instrument, parameters or {})
    return [answer(opened, book) for book in given]
