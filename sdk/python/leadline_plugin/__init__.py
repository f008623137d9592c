"""Write an analysis plugin for Leadline in Python.

Layout:

- `model`: what a plugin reads and answers, as typed dataclasses.
- `books`: which books can't be judged, and why; the same codes as the Rust SDK.
- `plugin`: the class `Plugin` that an author derives from.
- `component`: `export`, the glue to the contract `wit/v1/plugin.wit`; only inside a component does it do anything.
- `testing`: generated books and a small harness for plain Python tests.

Nothing here needs more than the standard library, and an algorithm is tested with plain Python: a component is only
made of it in the end, by `leadline plugin build`.
"""

from .books import problem
from .component import export, log
from .model import (
    Book,
    Instrument,
    Json,
    Kind,
    Lane,
    Notice,
    Output,
    OutputKind,
    Reading,
    Severity,
    Side,
    Trust,
    ok,
    provisional,
    unknown,
    warming,
)
from .plugin import Plugin

__all__ = [
    "Book",
    "Instrument",
    "Json",
    "Kind",
    "Lane",
    "Notice",
    "Output",
    "OutputKind",
    "Plugin",
    "Reading",
    "Severity",
    "Side",
    "Trust",
    "export",
    "log",
    "ok",
    "problem",
    "provisional",
    "unknown",
    "warming",
]
