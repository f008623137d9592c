"""What a plugin reads and answers; the names are those of the contract `wit/v1/plugin.wit`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Optional, Sequence, Union


class Trust(Enum):
    """What vouches for a book."""

    CHAIN = "chain"
    CHECKSUM = "checksum"
    UNVERIFIED = "unverified"


class Kind(Enum):
    """What an instrument is."""

    SPOT = "spot"
    LINEAR = "linear"
    INVERSE = "inverse"
    OPTIONS = "options"


class Lane(Enum):
    """Which books a plugin sees."""

    MEMORY = "memory"
    """The newest book only, on arrival; books that pile up are skipped."""
    BUFFERED = "buffered"
    """Every book, in order."""


class OutputKind(Enum):
    """How an output is formatted and drawn."""

    PRICE = "price"
    SIZE = "size"
    NOTIONAL = "notional"
    BPS = "bps"
    SCORE = "score"
    RATIO = "ratio"
    STATE = "state"
    COUNT = "count"
    TIME = "time"
    OTHER = "other"


class Severity(Enum):
    """How much a notice matters."""

    NORMAL = "normal"
    WARNING = "warning"
    ALERT = "alert"


@dataclass
class Side:
    """One side of a book, best price first; the three columns have one length."""

    prices: Sequence[float]
    sizes: Sequence[float]
    orders: Sequence[int]

    def __len__(self) -> int:
        return len(self.prices)


@dataclass
class Book:
    """One order book at one moment."""

    time_ms: int
    """Exchange time, milliseconds since 1970: the only clock a plugin has."""
    sequence: Optional[int]
    trust: Trust
    restarted: bool
    """First book, or first after a jump: differences to the one before mean nothing."""
    skipped: int
    bids: Side
    asks: Side


@dataclass
class Instrument:
    """The pair that a plugin is opened for."""

    id: str
    kind: Kind
    base: str
    quote: str
    settle: str
    tick_size: float
    lot_size: float
    contract_value: float


@dataclass
class Output:
    """One output of a plugin."""

    name: str
    kind: OutputKind = OutputKind.OTHER
    unit: str = ""
    low: Optional[float] = None
    high: Optional[float] = None
    summary: str = ""


@dataclass
class Json:
    """A JSON document as the value of an output."""

    text: str


Value = Union[None, bool, int, float, str, Sequence[float], Json]
"""A value of an output; `None` where no number can be given. A float that isn't finite is given as `None`."""


@dataclass
class Notice:
    """A change of state worth telling somebody about."""

    severity: Severity
    code: str
    message: str
    fields: dict[str, Value] = field(default_factory=dict)


@dataclass
class Reading:
    """The answer to one book. Made by `ok`, `provisional`, `warming` and `unknown`."""

    outcome: str
    fields: dict[str, Value] = field(default_factory=dict)
    code: str = ""
    detail: str = ""
    remaining_ms: Optional[int] = None
    notices: list[Notice] = field(default_factory=list)


def ok(**fields: Value) -> Reading:
    """Numbers."""
    return Reading("ok", fields)


def provisional(code: str, detail: str = "", remaining_ms: Optional[int] = None, **fields: Value) -> Reading:
    """Numbers, without the evidence they will have."""
    return Reading("provisional", fields, code, detail, remaining_ms)


def warming(code: str, detail: str = "", remaining_ms: Optional[int] = None) -> Reading:
    """No number yet: history is still being gathered."""
    return Reading("warming", {}, code, detail, remaining_ms)


def unknown(code: str, detail: str = "") -> Reading:
    """This book can't be judged."""
    return Reading("unknown", {}, code, detail)
