"""Patients who find a place: callers, coordinators and providers, each through the public API with a token of their own."""
