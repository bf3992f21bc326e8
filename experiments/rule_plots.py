"""A rule's curve above what the statistic is in real parts and in fakes, drawn as SVG by hand.

Colours are of middle lightness and the ground is transparent, so that a plot reads on white and on black.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from rewards.rules import Curve

Floats = npt.NDArray[np.float64]

WIDTH: Final = 460
LEFT: Final = 40
RIGHT: Final = 450
"""Pixels; the plots lie between."""
CURVE: Final = (12, 112)
COUNTS: Final = (128, 188)
"""Top and bottom of the curve and of the histogram."""
HEIGHT: Final = 214
BINS: Final = 40

REAL: Final = "#3b8ed0"
FAKE: Final = "#e07020"
LINE: Final = "#888888"
STYLE: Final = f"<style>text{{font:11px sans-serif;fill:{LINE}}}path,line{{fill:none}}</style>"


def plot(curve: Curve, metre: int, real: Floats, fakes: Mapping[str, Floats]) -> str:
    """SVG of a curve in one metre over its values, and the histograms of ``real`` and ``fakes`` (values of each kind).

    The kinds of fakes count alike.  What lies beyond the grid is counted at its ends, as the curve reads it.
    """
    grid = curve.lo[metre] + curve.step[metre] * np.arange(curve.table.shape[1])
    low, high = float(grid[0]), float(grid[-1])
    scores, threshold = curve.table[metre], float(curve.threshold[metre])

    def x(value: Floats | float) -> Floats:
        return LEFT + (RIGHT - LEFT) * (np.asarray(value) - low) / (high - low)

    bottom, top = min(float(scores.min()), threshold, -1.0), max(float(scores.max()), 0.5)

    def y(score: Floats | float) -> Floats:
        return CURVE[0] + (CURVE[1] - CURVE[0]) * (top - np.asarray(score)) / (top - bottom)

    whole = np.all(grid == np.round(grid))
    edges = np.append(grid - 0.5, high + 0.5) if whole else np.linspace(low, high, BINS + 1)
    ours = _shares(real, edges, low, high)
    theirs = np.mean([_shares(values, edges, low, high) for values in fakes.values()], axis=0)
    tallest = max(float(ours.max()), 1e-9)
    # Fakes that are all alike would press the real parts flat.
    heights = [COUNTS[1] - (COUNTS[1] - COUNTS[0]) * np.minimum(share / tallest, 1.0) for share in (ours, theirs)]
    steps = [_stairs(np.clip(x(edges), LEFT, RIGHT), height) for height in heights]
    # Between two classes there is nothing.
    xs, ys = (np.repeat(edges, 2)[1:-1], np.repeat(scores, 2)) if whole else (grid, scores)
    line = _path(np.clip(x(xs), LEFT, RIGHT), y(ys))
    ticks = [*_round_numbers(low, high)]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">',
        STYLE,
        f'<line x1="{LEFT}" x2="{RIGHT}" y1="{y(threshold):.1f}" y2="{y(threshold):.1f}" stroke="{LINE}" '
        f'stroke-dasharray="4 3"/>',
        _label(RIGHT, _beside(float(y(threshold))), f"passes from {threshold:.2f}", "end"),
        f'<path d="{line}" stroke="{REAL}" stroke-width="2"/>',
        *(_label(LEFT - 5, float(y(score)) + 4, f"{score:g}", "end") for score in _round_numbers(bottom, top, 4)),
        f'<path d="{steps[0]}Z" style="fill:{REAL};fill-opacity:.55"/>',
        f'<path d="{steps[1]}" stroke="{FAKE}" stroke-width="1.5"/>',
        f'<line x1="{LEFT}" x2="{RIGHT}" y1="{COUNTS[1]}" y2="{COUNTS[1]}" stroke="{LINE}"/>',
        *(_label(float(x(tick)), COUNTS[1] + 14, f"{tick:g}") for tick in ticks),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _shares(values: Floats, edges: Floats, low: float, high: float) -> Floats:
    defined = values[np.isfinite(values)]
    counts = np.histogram(np.clip(defined, low, high), edges)[0]
    return counts / max(defined.size, 1)


def _stairs(edges: Floats, heights: Floats) -> str:
    """Outline of a histogram, from its base line to its base line."""
    xs = np.repeat(edges, 2)
    ys = np.concatenate([[COUNTS[1]], np.repeat(heights, 2), [COUNTS[1]]])
    return _path(xs, ys)


def _path(xs: Floats, ys: Floats) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(xs, ys, strict=True))


def _label(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _beside(y: float) -> float:
    """Base line of a text above the line at ``y``, or below where there is no room."""
    return y - 4 if y - 14 > CURVE[0] else y + 13


def _round_numbers(low: float, high: float, most: int = 7) -> Sequence[float]:
    """Up to ``most`` round numbers between two."""
    power = 10.0 ** np.floor(np.log10((high - low) / most))
    step = next(power * k for k in (1, 2, 5, 10) if (high - low) / (power * k) <= most)
    return [round(float(k * step), 6) + 0.0 for k in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]
