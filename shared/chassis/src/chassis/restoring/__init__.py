"""What happens once after a database was restored to an earlier point while Kafka kept everything."""
