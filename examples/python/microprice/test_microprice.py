"""Run with: python3 -m unittest discover -s tests -t . (with the SDK on PYTHONPATH)"""

import unittest

from leadline_plugin import Book, Side, Trust
from leadline_plugin.testing import bad_books, books, run
from microprice import Microprice


def book(bid_size: float, ask_size: float) -> Book:
    return Book(0, 1, Trust.CHAIN, True, 0, Side([99.0], [bid_size], [1]), Side([101.0], [ask_size], [1]))


class TestMicroprice(unittest.TestCase):
    def test_it_leans_towards_the_smaller_side(self) -> None:
        (reading,) = run(Microprice, [book(3.0, 1.0)])
        self.assertEqual(reading.fields, {"price": 100.5, "offset_bps": 50.0, "imbalance": 0.5})

    def test_it_is_the_mid_when_both_sides_are_equal(self) -> None:
        (reading,) = run(Microprice, [book(2.0, 2.0)])
        self.assertEqual(reading.fields, {"price": 100.0, "offset_bps": 0.0, "imbalance": 0.0})

    def test_it_lies_between_the_best_prices_on_any_book(self) -> None:
        for one, reading in zip(books(200), run(Microprice, books(200))):
            self.assertEqual(reading.outcome, "ok")
            self.assertTrue(one.bids.prices[0] < reading.fields["price"] < one.asks.prices[0])
            self.assertTrue(-1.0 < reading.fields["imbalance"] < 1.0)

    def test_a_book_that_cannot_be_judged_is_unknown_with_its_code(self) -> None:
        good = next(books(1))
        for code, bad in bad_books(good):
            (reading,) = run(Microprice, [bad])
            self.assertEqual((reading.outcome, reading.code, reading.fields), ("unknown", code, {}))


if __name__ == "__main__":
    unittest.main()
