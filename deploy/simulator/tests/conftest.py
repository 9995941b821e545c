"""Hypothesis without deadlines: the machines that run these tests do other things too."""

from hypothesis import settings

settings.register_profile("simulator", deadline=None)
settings.load_profile("simulator")
