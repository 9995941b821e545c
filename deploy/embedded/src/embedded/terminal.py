"""What the person at the terminal sees: steps with the time they take, and a line for everything that happens to a process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Terminal:
    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        try:
            self._console.print(line, markup=False)
        except OSError:
            # The terminal was closed; stopping in order matters more than telling nobody.
            self._console.quiet = True

    @contextmanager
    def step(self, what: str, *, when: bool = True) -> Iterator[None]:
        """Show that a step has begun, and how long it took when it succeeded."""
        if not when:
            yield
            return
        began = time.monotonic()
        self.say(f"  · {what} …")
        yield
        self.say(f"  ✓ {what} ({time.monotonic() - began:.1f} s)")
