"""Scales of the modes, and how well each pitch class fits a key."""

from __future__ import annotations

from typing import Final

SCALES: Final = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10, 9, 11),  # and, last, the raised sixth and seventh
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
"""Degrees of each mode in semitones above the tonic."""

KRUMHANSL_KESSLER: Final = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
"""How well each pitch class above the tonic was heard to fit the key.

Source: Krumhansl and Kessler (1982); Krumhansl, Cognitive Foundations of Musical Pitch (1990), ch. 4.
"""
