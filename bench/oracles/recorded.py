"""Recorded OKX v5 frames as books, by a decoder of its own: dicts by price, decimals as text. Nothing of the Rust code is used."""

import gzip
import json
import os
from pathlib import Path

import numpy as np

SHARED = Path(os.environ.get("LEADLINE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
FOLDER = SHARED / "data" / "okx"
FILES = ("okx_v5_books_20220513", "okx_v5_books-l2-tbt_20220227", "okx_v5_books_20260824")
DEPTH = 400


class Book:
    """One book: a dict of exchange time and two sides of (price, size, orders) columns, best first."""

    def __init__(self, time_ms, bids, asks):
        self.time_ms, self.bids, self.asks = time_ms, bids, asks


def columns(side, sign):
    levels = sorted(((float(p), float(q), int(n)) for p, (q, n) in side.items()), key=lambda level: sign * level[0])
    return tuple(np.array(column) for column in zip(*levels[:DEPTH])) if levels else (np.array([]),) * 3


def books(file):
    """Every book of a recording, in order: (instrument, Book)."""
    held = {}
    with open(FOLDER / f"{file}.ndjson") as lines:
        for line in lines:
            message = json.loads(line)
            if "data" not in message or not message["arg"]["channel"].startswith("books"):
                continue
            name = message["arg"]["instId"]
            for data in message["data"]:
                if message.get("action") == "snapshot":
                    held[name] = ({}, {})
                sides = held[name]
                for side, changes in zip(sides, (data["bids"], data["asks"])):
                    for price, size, _, orders in changes:
                        if float(size) == 0:
                            side.pop(price, None)
                        else:
                            side[price] = (size, orders)
                yield name, Book(int(data["ts"]), columns(sides[0], -1), columns(sides[1], 1))


def instruments():
    """Kind, contract value and tick of every listed instrument."""
    listed = {}
    for path in sorted((FOLDER / "instruments").glob("*.json.gz")):
        with gzip.open(path) as text:
            for row in json.load(text)["data"]:
                if row["instType"] == "SPOT":
                    kind, value = "spot", 1.0
                elif row["instType"] == "OPTION":
                    kind, value = "options", float(row["ctVal"] or 1) * float(row.get("ctMult") or 1)
                else:
                    kind, value = row["ctType"], float(row["ctVal"] or 1) * float(row.get("ctMult") or 1)
                listed[row["instId"]] = (kind, value, float(row["tickSz"]))
    return listed
