"""How fast planners search with the prior: beside the prior alone, and beside ``nn.LSTM`` asked note by note."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import torch

from agents.compose import draw as draw_notes
from agents.named import named
from experiments.speed_figures import Figure, Preset
from experiments.timing import rates
from mcts import planners
from mcts.algorithms import GUMBEL
from mcts.evaluation import EVALUATIONS
from mcts.game import Incumbents, Ints
from mcts.melodies import Melodies
from mcts.regeneration import Regeneration
from mcts.search import OutOfTimeError, Search, Watch
from musicenv.batch import Batch
from musicenv.hearing import prior_inputs
from rewards.priors.features import N_FEATURES
from rewards.priors.lstm import PriorNet
from rewards.priors.stepping import SMALL_BATCH
from rewards.priors.store import read_weights, weights_path

SIMULATIONS, CHILDREN = 32, 16


class Timed(Melodies):
    """Notes how long it listens."""

    listening = 0.0
    """Seconds of processor time."""

    def listen(self, places: int | Ints) -> None:
        began = time.process_time()
        super().listen(places)
        self.listening += time.process_time() - began


class NoteByNote(Melodies):
    """Its prior is ``nn.LSTM``, called for one note of one piece at a time, which is what one would write first."""

    def __init__(self, batch: Batch) -> None:
        plays = named("prior").agent
        super().__init__(batch, lambda seen: plays(seen))  # not the prior itself, of which notes are drawn as it speaks
        shape, arrays = read_weights(weights_path("lstm"))
        self.net = PriorNet(shape).eval()
        self.net.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})

    @torch.no_grad()
    def listen(self, places: int | Ints) -> None:
        state = self.batch.get_state()
        features = np.empty((1, N_FEATURES), dtype=np.int16)
        for i in range(places) if isinstance(places, int) else places:
            self.heard += 1
            prior_inputs(self.batch.block, np.array([i]), features)
            seen = torch.from_numpy(features)[None]
            memory = torch.from_numpy(state["memory"][i])[:, :, None, None]
            head, _, after = self.net.outputs(self.net.inputs(seen), [(h, c) for h, c in memory])
            log_probs = self.net.log_probs(seen, head)[0, 0]
            state["memory"][i] = np.stack([torch.stack(each)[:, 0, 0].numpy() for each in after])
            state["log_probs"][i] = log_probs.numpy()
            state["entropy"][i] = -(log_probs.exp() * log_probs).sum().item()


def searching(game: Melodies, notes: int) -> Callable[[], int]:
    """Searches a melody in each place by completions, under the default rules, until the prior has heard so many
    notes: how many it heard."""

    def search() -> int:
        before = game.heard

        def watch() -> None:
            if game.heard - before >= notes:
                raise OutOfTimeError

        _search(game, "sampled", watch)
        return game.heard - before

    return search


def _search(game: Melodies, value: str, watch: Watch) -> None:
    rows, incumbents, rng = np.arange(game.n), Incumbents(game, game.n), np.random.default_rng(0)
    game.begin(rng)
    game.reserve(2 * game.n)
    game.store(rows, incumbents.beginnings)
    with suppress(OutOfTimeError):
        Search(game, incumbents, GUMBEL, EVALUATIONS[value], SIMULATIONS, CHILDREN, 1, rng).run(watch)


def regenerating(game: Melodies, rounds: int) -> Callable[[], int]:
    """So many rounds of regeneration, which is no tree search: how many notes the prior heard."""
    incumbents, rng = Incumbents(game, max(game.n // 8, 1)), np.random.default_rng(0)
    planners.run(planners.greedy, game, incumbents, planners.Budget(), rng)
    regeneration = Regeneration(game, incumbents, rng)

    def regenerate() -> int:
        before = game.heard
        regeneration.run(rounds)
        return game.heard - before

    return regenerate


def listening(places: int, notes: int) -> Callable[[], int]:
    """The prior alone, in the middle of so many pieces."""
    found = named("prior")
    batch, rows = found.batch(places), np.arange(places)
    generators = [np.random.default_rng(0)] * places
    batch.reset(generators)
    for _ in range(16):  # into the piece, where its inputs are no zeros
        batch.advance(draw_notes(found.agent(batch), generators[0]), generators)

    def bare() -> int:
        for _ in range(notes // places):
            batch.listen(rows, watched=False)
        return notes // places * places

    return bare


def simulating(game: Melodies, simulations: int) -> Callable[[], int]:
    """So many simulations whose leaves are worth what has been paid, a melody in each place: how many were made."""

    def search() -> int:
        made = 0

        def watch() -> None:
            nonlocal made
            made += game.n
            if made >= simulations:
                raise OutOfTimeError

        _search(game, "rules", watch)
        return made

    return search


def measure(preset: Preset, seed: int) -> list[Figure]:
    """Notes heard beside those that the prior alone hears, and what is not listening."""
    found, repeats, notes = named("prior"), preset.slices, 1600 * preset.repeats
    out: list[Figure] = []
    hear: list[Figure] = []
    for trees, goal in ((1, 0.9), (4, 0.9), (16, 0.7), (64, 0.7), (256, 0.7)):
        game, what = Timed(found.batch(trees), found.agent), f"{trees} tree{'s' * (trees > 1)}"
        rate = rates({"bare": listening(trees, notes), "search": searching(game, notes)}, repeats)
        out.append(Figure(f"{what}: search / the prior alone", rate["search"] / rate["bare"], "", goal))
        hear.append(Figure(f"{what}: search", rate["search"], "notes heard/s"))
        if trees > SMALL_BATCH:  # of fewer, listening is part of what is compiled, and the ratio has to tell it
            game.listening, began = 0.0, time.process_time()
            searching(game, 4 * notes)()
            share = 1 - game.listening / (time.process_time() - began)
            out.append(Figure(f"{what}: share of tree, rules and choices", share, "", 0.15, True))
    slow = rates({"search": searching(NoteByNote(found.batch(1)), notes // 40)}, repeats=3)["search"]
    best = max(figure.value for figure in hear)
    out.append(Figure("search / that whose prior is nn.LSTM, note by note", best / slow, "", 20.0))
    lengths = {bars: Melodies(found.batch(64, options={"bars": bars}), found.agent) for bars in (4, 32)}
    rate = rates({str(bars): simulating(short, 160 * 64) for bars, short in lengths.items()}, repeats)
    growth = rate["4"] / rate["32"]
    out.append(Figure("a simulation, pieces of 256 notes (32 bars) / of 32 (4 bars)", growth, "", 1.3, True))
    wide = Melodies(found.batch(128), found.agent)
    rate = rates({"bare": listening(128, notes), "search": regenerating(wide, notes // 100)}, repeats)
    out.append(Figure("regeneration, 128 places / the prior alone", rate["search"] / rate["bare"]))
    hear.append(Figure("regeneration, 128 places", rate["search"], "notes heard/s"))
    hear.append(Figure("search, nn.LSTM note by note", slow, "notes heard/s"))
    return [*out, *hear, Figure("a stored melody of 8 bars", wide.bytes_per_position, "B")]
