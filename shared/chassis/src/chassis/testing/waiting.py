"""Waiting for what must become true, instead of sleeping and hoping."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(condition: Callable[[], Awaitable[T]], *, timeout: float = ..., every: float = ..., what: str = ...) -> T: ...  # noqa: ASYNC109 - as below


@overload
async def eventually(condition: Callable[[], T], *, timeout: float = ..., every: float = ..., what: str = ...) -> T: ...  # noqa: ASYNC109 - as below


async def eventually(
    condition: Callable[[], T | Awaitable[T]],
    *,
    timeout: float = 10.0,  # noqa: ASYNC109 - the caller says how long it waits, as with any wait in a test
    every: float = 0.02,
    what: str = "",
) -> T:
    """Ask until the answer is true, and give it. A condition that is still failing an assertion at the end fails with that assertion.

    Args:
        condition: a function or coroutine function; its answer counts when it is truthy. An AssertionError counts as "not yet".
        timeout: seconds until TimeoutError.
        every: seconds between two questions.
        what: what was waited for, for the message.
    """
    end = time.monotonic() + timeout
    while True:
        try:
            answer = condition()
            value: T = await answer if inspect.isawaitable(answer) else answer
        except AssertionError:
            if time.monotonic() > end:
                raise
        else:
            if value:
                return value
            if time.monotonic() > end:
                raise TimeoutError(f"{what or 'the condition'} did not come true within {timeout} s")
        await asyncio.sleep(every)
