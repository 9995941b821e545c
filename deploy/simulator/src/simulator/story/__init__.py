"""One patient's way through the running system, in words, with the real events as they pass."""
