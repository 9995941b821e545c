"""Schakel's placement service: a workspace member with its place in the import rules; its code comes with its own issue."""
