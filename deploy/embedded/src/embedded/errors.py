class CannotStartError(Exception):
    """Something needed is missing or in the way; the message is one line that says what to do about it."""
