"""The command line, with an application made of values."""
