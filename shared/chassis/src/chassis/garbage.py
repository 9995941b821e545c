"""Python's collector of garbage, kept from going through what a process has loaded and will never let go."""

import gc

# New objects until it looks among the newest: a list of candidates alone makes thousands.
_LOOK_AFTER = 5_000


def spare_what_is_loaded() -> None:
    """Leave all that exists now out of every collection from here on; called once, when a process has started.

    Modules, routes and validators are some hundred thousand objects. Going through them stopped an API for 130 to 250 ms about every
    second under load, and found nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_LOOK_AFTER)
