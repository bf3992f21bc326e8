"""Composing music as a reinforcement-learning environment."""
