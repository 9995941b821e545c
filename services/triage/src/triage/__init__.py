"""Triage: who calls, how urgent it is, and what the patient needs."""
