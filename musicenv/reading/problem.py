"""What can be wrong with a file that someone brings, and how much of one is read."""

from __future__ import annotations

from typing import Final

MAX_BYTES: Final = 100_000_000
"""Five minutes of stereo at 48 kHz and 24 bits are 86 MB; scores and MIDI files are far smaller."""
MAX_UNPACKED_BYTES: Final = 20_000_000
"""Of the score inside an .mxl file; a symphony has some 10 MB."""
MAX_SECONDS: Final = 300.0
"""Of a recording: a song of five minutes."""
MAX_NOTES: Final = 100_000
"""In all voices of a file; a piano concerto has some 40,000."""
MAX_TICKS: Final = 600_000.0
"""50,000 quarters, seven hours: whatever lasts longer has a broken clock."""
MAX_WORK_SECONDS: Final = 60.0
"""To read one file; large scores take music21 half of it."""
MAX_WORK_BYTES: Final = 6_000_000_000
"""Address space of the process that reads."""


class ImportProblem(ValueError):  # noqa: N818
    """A file cannot be read as a melody: which file, why, and what to do."""

    def __init__(self, file: str, reason: str, remedy: str) -> None:
        super().__init__(f"{file}: {reason}; {remedy}")
        self.file = file
        self.reason = reason
        self.remedy = remedy


class Unreadable(Exception):  # noqa: N818
    """Raised by the readers, who see the content alone: ``reason`` and ``remedy``; becomes an ImportProblem."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason, remedy)
        self.reason = reason
        self.remedy = remedy
