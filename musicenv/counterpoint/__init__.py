"""Counterpoint as an environment and as an exactly solved problem: one line against a given one."""
