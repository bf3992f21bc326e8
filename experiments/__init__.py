"""The commands: each is ``python -m experiments.NAME`` and writes a run folder."""
