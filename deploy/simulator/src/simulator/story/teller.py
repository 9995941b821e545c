"""What the reader of the story sees: steps in words, what is asked of the API, and events as they pass. Never who a patient is."""

import time
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from simulator.story.watch import Passing
from simulator.story.words import facts_of


class Teller:
    """Writes to the terminal, each line as it happens."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._step = 0
        self._began = time.monotonic()

    def title(self, words: str, *lines: str) -> None:
        """What this is."""
        self._console.print(Text(words, style="bold"))
        for line in lines:
            self._console.print(Text(line, style="dim"))

    def step(self, words: str, call: str | None = None) -> None:
        """Somebody does something, by this call; what passes next is counted from this moment."""
        self._step += 1
        self._console.print()
        self._console.print(Text(f"{self._step}. {words}", style="bold cyan"))
        if call is not None:
            self._console.print(Text(f"   {call}", style="dim"))
        self._began = time.monotonic()

    def say(self, words: str) -> None:
        """Something about this step."""
        self._console.print(Text(f"   {words}"))

    def passing(self, passing: Passing) -> None:
        """An event passed."""
        milliseconds = (passing.at - self._began) * 1000
        line = Text(f"   +{milliseconds:5.0f} ms  ", style="green")
        line.append(f"{passing.topic:<24}", style="dim")
        line.append(f"{passing.fact:<20}", style="bold")
        line.append(facts_of(passing.fact, passing.body))
        self._console.print(line)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Several things side by side."""
        lines = [columns, *(tuple(map(str, row)) for row in rows)]
        widths = [max(len(line[number]) for line in lines) for number in range(len(columns))]
        for line in lines:
            cells = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            self._console.print(Text(f"   {cells}".rstrip(), style="dim" if line is columns else ""))
