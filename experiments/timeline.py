"""How a run learns, to be heard: the same seed composed every so often while it trains."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import torch
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat
from torch.utils.tensorboard import SummaryWriter

from agents.compose import compose
from agents.policy import PriorPolicy, policy_agent
from experiments.pieces import Piece, available, write_piece
from experiments.training_run import TrainingArgs
from musicenv import render
from musicenv.render.audio import MONO_RATE
from musicenv.render.score import engrave

FOLDER: Final = Path("pieces") / "timeline"
"""In a run folder; each piece is named by the notes that the agent had composed until then."""


class Timeline:
    """Composes one piece at the beginning of training and ``moments`` times until its end.

    It has a batch and a generator of its own, so that training goes on as if nothing had been composed.
    """

    def __init__(self, folder: Path, args: TrainingArgs, policy: PriorPolicy, notes: int) -> None:
        """``notes`` are those that ``policy`` has been trained with so far, in a run that is gone on with."""
        self.folder = folder / FOLDER
        self.policy, self.seed = policy, args.seed
        self.total, self.moments = args.steps, args.timeline
        self.batch = args.assignment.batch(1)
        # What is due at the notes of a checkpoint was composed before the checkpoint was written.
        self.next = self._number(notes) + 1 if notes else 0

    def _number(self, notes: int) -> int:
        return notes * self.moments // self.total

    def look(self, notes: int, logger: Logger) -> None:
        """Compose, write and log the piece that is due when ``notes`` notes are trained, if one is."""
        if self.moments == 0 or self._number(notes) < self.next:
            return
        self.next = self._number(notes) + 1
        composed = compose(self.batch, policy_agent(self.policy), 1, self.seed)
        piece = Piece(composed.melodies[0], {"notes": notes, "score": float(composed.returns[0])})
        write_piece(self.folder / f"{notes:010d}", piece, available("midi", "abc", "score", "mp3"))
        for output in logger.output_formats:
            if isinstance(output, TensorBoardOutputFormat):
                _show(output.writer, piece, notes)


def _show(writer: SummaryWriter, piece: Piece, notes: int) -> None:
    """The piece as TensorBoard audio and image: its score, or its piano roll where that extra is missing."""
    if find_spec("midirenderer") and find_spec("soundfile"):
        sound = torch.from_numpy(render.mono(render.samples(piece.melody)))
        writer.add_audio("timeline/sound", sound[None], notes, sample_rate=MONO_RATE)
    picture = engrave(piece.melody) if available("score") else render.piano_roll(piece.melody)
    writer.add_image("timeline/score", picture, notes, dataformats="HWC")
