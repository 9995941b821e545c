"""Real Kafka and PostgreSQL for tests, databases and namespaces of their own for each, and processes that can be killed."""
