"""The glue to the contract. `componentize-py` makes the modules `wit_world` and `componentize_py_types`; plain Python has neither."""

from __future__ import annotations

import json
import sys
from math import isfinite
from typing import Any, Optional

from . import books, model
from .plugin import Plugin

try:
    from componentize_py_types import Err
    from wit_world.exports import analysis as wit
    from wit_world.imports import book as wit_book
    from wit_world.imports import log as wit_log
    from wit_world.imports import report, types

    IN_COMPONENT = True
except ImportError:
    IN_COMPONENT = False


def log(message: str, level: str = "info") -> None:
    """One line for the host's log (`debug`, `info`, `warn` or `error`); to standard error outside a component."""
    if IN_COMPONENT:
        wit_log.write(wit_log.Level[level.upper()], message)
    else:
        print(f"{level}: {message}", file=sys.stderr)


def export(plugin: type[Plugin]) -> tuple[type, type]:
    """The two classes of the contract for a plugin; assign them to `Analysis` and `State`, under which they are looked for."""
    if not IN_COMPONENT:
        return (plugin, plugin)
    opened: list[Plugin] = []

    def current() -> Plugin:
        if not opened:
            raise Err("called before open")
        return opened[0]

    class Analysis:
        def describe(self) -> Any:
            outputs = [wit.Output(o.name, wit.OutputKind[o.kind.name], o.unit, o.low, o.high, o.summary) for o in plugin.outputs]
            lane = wit.Lane[plugin.lane.name]
            return wit.Descriptor(plugin.name, plugin.version, plugin.summary, lane, outputs, plugin.parameters_schema())

        def open(self, instrument: Any, parameters: str) -> None:
            try:
                opened[:] = [plugin(_instrument(instrument), json.loads(parameters))]
            except (ValueError, KeyError, TypeError) as error:
                raise Err(str(error)) from error

        def analyze(self, book: Any) -> Any:
            return _answer(current(), _book(book))

    class State:
        def save(self) -> bytes:
            state = current().state()
            return b"" if state is None else json.dumps(state).encode()

        def restore(self, from_version: str, from_parameters: str, state: bytes) -> None:
            if not state:
                return
            try:
                current().resume(json.loads(state))
            except (ValueError, KeyError, TypeError) as error:
                raise Err(str(error)) from error

    return (Analysis, State)


def answer(plugin: Plugin, book: model.Book) -> model.Reading:
    """The reading of one book: `unknown` for one that can't be judged, else what the plugin says."""
    problem = books.problem(book, plugin.accept_unverified)
    return model.unknown(*problem) if problem else plugin.analyze(book)


def _instrument(given: Any) -> model.Instrument:
    return model.Instrument(
        given.id,
        model.Kind[given.kind.name],
        given.base,
        given.quote,
        given.settle,
        given.tick_size,
        given.lot_size,
        given.contract_value,
    )


def _book(given: Any) -> model.Book:
    bids, asks = given.bids, given.asks
    return model.Book(
        given.time_ms,
        given.sequence,
        model.Trust[given.trust.name],
        given.continuity is wit_book.Continuity.RESTARTED,
        given.skipped,
        model.Side(bids.prices, bids.sizes, bids.orders),
        model.Side(asks.prices, asks.sizes, asks.orders),
    )


def _answer(plugin: Plugin, book: model.Book) -> Any:
    reading = answer(plugin, book)
    notices = [report.Notice(report.Severity[n.severity.name], n.code, n.message, _fields(n.fields)) for n in reading.notices]
    return report.Reading(_outcome(reading), _fields(reading.fields), notices)


def _outcome(reading: model.Reading) -> Any:
    if reading.outcome == "ok":
        return report.Outcome_Ok()
    reason = report.Reason(reading.code, reading.detail, reading.remaining_ms)
    kinds = {
        "provisional": report.Outcome_Provisional,
        "warming": report.Outcome_Warming,
        "unknown": report.Outcome_Unknown,
    }
    return kinds[reading.outcome](reason)


def _fields(fields: dict[str, model.Value]) -> list[Any]:
    return [types.Field(name, _value(value)) for name, value in fields.items()]


def _value(value: Optional[model.Value]) -> Any:
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return types.Value_None_()
    # A bool is an int to Python, so it comes first.
    if isinstance(value, bool):
        return types.Value_Flag(value)
    if isinstance(value, int):
        return types.Value_Integer(value)
    if isinstance(value, float):
        return types.Value_Number(value)
    if isinstance(value, str):
        return types.Value_Text(value)
    if isinstance(value, model.Json):
        return types.Value_Json(value.text)
    return types.Value_Numbers([float(number) for number in value])
