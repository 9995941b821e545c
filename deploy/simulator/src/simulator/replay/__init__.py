"""The LCPS replay: national figures go in at 75 bedsides, and the national feed must say the same."""
