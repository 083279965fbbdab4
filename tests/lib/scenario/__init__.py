"""Runs scenarios: a whole Weir between scripted origins and clients (tests/scenario/README.md)."""
