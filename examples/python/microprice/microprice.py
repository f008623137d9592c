"""Microprice and queue imbalance: which way the best level leans."""

from leadline_plugin import Book, Output, OutputKind, Plugin, Reading, export, ok


class Microprice(Plugin):
    name = "microprice"
    summary = "Mid weighted by the sizes at the best level, and their imbalance"
    outputs = [
        Output("price", OutputKind.OTHER, "quote", 0.0, None, "Best bid and ask, each weighted by the other side's size"),
        Output("offset_bps", OutputKind.BPS, "bps", None, None, "Microprice minus mid, over mid"),
        Output("imbalance", OutputKind.SCORE, "", -1.0, 1.0, "Bid size minus ask size, over both; best level"),
    ]

    def analyze(self, book: Book) -> Reading:
        bid, ask = book.bids.prices[0], book.asks.prices[0]
        bid_size, ask_size = book.bids.sizes[0], book.asks.sizes[0]
        both = bid_size + ask_size
        mid = 0.5 * bid + 0.5 * ask
        price = bid * (ask_size / both) + ask * (bid_size / both)
        return ok(price=price, offset_bps=(price - mid) * (1e4 / mid), imbalance=(bid_size - ask_size) / both)


Analysis, State = export(Microprice)
