"""Forecast quality beside published tables and beside other libraries on the same windows; one file a protocol."""
