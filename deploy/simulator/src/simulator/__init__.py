"""A Dutch day of reports, and the replay of LCPS's own figures; both speak only the public API and topics."""
