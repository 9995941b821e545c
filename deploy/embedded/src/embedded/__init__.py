"""Kafka, PostgreSQL and the services on one machine without Docker.

Knows no service and nothing of their plumbing: it starts processes by their commands and waits for their health routes.
"""
