"""Placement: who is asked to take a patient, and which places are held; a place is never given twice."""
