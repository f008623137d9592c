"""The class that an author derives from."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Sequence

from .model import Book, Instrument, Lane, Output, Reading


class Plugin:
    """One analysis of one instrument. Derive from it, name the class attributes, write `analyze`, and export it once:

    `Analysis, State = export(MyPlugin)`
    """

    name: ClassVar[str]
    """1 to 64 of a-z, 0-9 and _; the prefix of its published fields."""
    version: ClassVar[str] = "0.1.0"
    summary: ClassVar[str] = ""
    lane: ClassVar[Lane] = Lane.MEMORY
    outputs: ClassVar[Sequence[Output]] = ()
    schema: ClassVar[dict[str, Any]] = {}
    """JSON Schema of the parameters."""
    accept_unverified: ClassVar[bool] = False
    """Whether `analyze` also gets books that neither a chain nor a checksum vouches for."""

    def __init__(self, instrument: Instrument, parameters: dict[str, Any]) -> None:
        """Opens the analysis. Raise `ValueError` for an instrument or parameters that can't be used; its words are shown."""
        self.instrument = instrument
        self.parameters = parameters

    def analyze(self, book: Book) -> Reading:
        """One book in, one reading out. Only sound books come here; for others the answer is `unknown` with the reason."""
        raise NotImplementedError

    def state(self) -> Any:
        """What `resume` goes on from, as JSON can hold it; `None`: the plugin keeps no state."""
        return None

    def resume(self, state: Any) -> None:
        """Goes on from what `state` of an earlier instance gave. Raise `ValueError` if it doesn't fit."""
        raise ValueError("this plugin keeps no state")

    @classmethod
    def parameters_schema(cls) -> str:
        """The schema as text."""
        return json.dumps(cls.schema)
