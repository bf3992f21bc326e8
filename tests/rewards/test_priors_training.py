"""Training the prior, and the simpler models that it is measured against."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
import torch

from musicenv.alphabet import N_ACTIONS, REST, action_of
from musicenv.corpus import Corpus
from musicenv.melody import melody_from_notes
from musicenv.task import STYLES, Task
from rewards.priors import hear, load_prior
from rewards.priors.dataset import UNKNOWN, Example, actions_of, batches, example_of, misheard
from rewards.priors.features import FEATURES, STYLE
from rewards.priors.hmm import HMM
from rewards.priors.lstm import PriorNet
from rewards.priors.ngrams import Cached, KneserNey
from rewards.priors.shape import Shape
from rewards.priors.store import read_weights
from rewards.priors.training import Recipe, Trainer, evaluate

TINY = Shape(width=16, hidden=16, layers=1, duration_width=8)


@pytest.fixture(scope="module")
def some(corpus: Corpus) -> list[Example]:
    return [example_of(melody) for melody in corpus.melodies(split="train", unit="parts", bars=8)[:60]]


def test_notes_become_actions_and_strange_ones_are_not_asked_for() -> None:
    melody = melody_from_notes([60, REST, 62, 99, 64], [12, 6, 7, 12, 24], Task())
    assert actions_of(melody).tolist() == [action_of(60, 12), action_of(REST, 6), UNKNOWN, UNKNOWN, action_of(64, 24)]


def test_a_batch_holds_pieces_of_about_one_length_and_every_note_once(some: list[Example]) -> None:
    plan = list(batches(some, 512, np.random.default_rng(0)))
    assert sum((batch.action != UNKNOWN).sum() for batch in plan) == sum(example.action.size for example in some)
    assert all(batch.action.size <= 1024 for batch in plan)
    assert np.mean([(batch.action == UNKNOWN).mean() for batch in plan]) < 0.2


def test_some_notes_are_misheard_but_none_is_asked_for_wrongly(some: list[Example]) -> None:
    rng = np.random.default_rng(0)
    noisy = misheard(some[0], 0.2, 0.2, rng)
    heard = noisy.features[1:, 0] == some[0].features[1:, 0]
    assert 0.6 < heard.mean() < 1.0
    assert (noisy.action == some[0].action).all()
    assert (noisy.features[:, 2:8] == some[0].features[:, 2:8]).all(), "the frame is as it was"
    assert (misheard(some[0], 0.0, 0.0, rng).features == some[0].features).all()


def test_training_learns(some: list[Example]) -> None:
    trainer = Trainer(TINY, Recipe(epochs=6, notes=512, lr=1e-2, dropout=0.0, average=0.9), some, seed=0)
    before = evaluate(trainer.net, some).nll
    for _ in range(6):
        trainer.train_epoch()
    assert before == pytest.approx(np.log(N_ACTIONS), abs=0.8)
    assert evaluate(trainer.averaged(), some).nll < before - 2.0


def test_training_that_was_killed_ends_as_if_it_had_not_been(some: list[Example]) -> None:
    recipe = Recipe(epochs=3, notes=512)
    whole, first, second = (Trainer(TINY, recipe, some[:20], seed=1) for _ in range(3))
    for _ in range(3):
        whole.train_epoch()
    first.train_epoch()
    torch.manual_seed(99)  # another process, another history
    second.restore(first.state())
    for _ in range(2):
        second.train_epoch()
    for name, value in whole.arrays().items():
        np.testing.assert_array_equal(second.arrays()[name], value, err_msg=name)


def test_a_hidden_style_trains_any_style_alone(some: list[Example]) -> None:
    trainer = Trainer(TINY, Recipe(epochs=4, decay=0.0, style_dropout=1.0), some[:20], seed=0)
    first = int(TINY.offsets[FEATURES.index("style")])
    before = trainer.net.table.detach()[first : first + len(STYLES)].clone()
    for _ in range(3):
        trainer.train_epoch()
    moved = (trainer.net.table.detach()[first : first + len(STYLES)] - before).abs().amax(dim=1)
    assert moved[0] > 0
    assert (moved[1:] == 0).all()
    assert (some[0].features[:, STYLE] != 0).all(), "the training data themselves are left as they are"


def nll(model: KneserNey | Cached | HMM, tune: Sequence[int]) -> npt.NDArray[np.float64]:
    given = list(model.probabilities(tune))
    np.testing.assert_allclose([p.sum() for p in given], 1, atol=1e-9)
    return np.array([-np.log(p[note]) for note, p in zip(tune, given, strict=True)])


def test_longer_contexts_tell_more_until_they_are_too_rare(corpus: Corpus) -> None:
    tunes = [actions_of(melody).tolist() for melody in corpus.melodies(split="train", unit="tunes")[:800]]
    held_out = [actions_of(melody).tolist() for melody in corpus.melodies(split="validation", unit="tunes")[:15]]
    unigram, bigram, trigram = (
        np.concatenate([nll(KneserNey(tunes, order), tune) for tune in held_out]).mean() for order in (1, 2, 3)
    )
    assert unigram > bigram + 0.5
    assert bigram > trigram
    seven = KneserNey(tunes, 7)
    plain, cached = (
        np.concatenate([nll(model, tune) for tune in held_out]).mean() for model in (seven, Cached(seven, 6, 0.6))
    )
    assert cached < plain - 0.2, "tunes repeat themselves"


def test_kneser_ney_on_a_known_example() -> None:
    """In 0 1 0 1 0 2: after 0 come 1 twice and 2 once; the rest of the mass follows how many notes each came after."""
    model = KneserNey([[0, 1, 0, 1, 0, 2]], 2)
    p = list(model.probabilities([0, 1]))[1]
    discount = model.discounts[1]
    kinds = {0: 2, 1: 1, 2: 1}  # 0 came after the beginning and after 1
    lower = {
        note: (count - model.discounts[0]) / 4 + model.discounts[0] * 3 / 4 / N_ACTIONS for note, count in kinds.items()
    }
    assert p[1] == pytest.approx((2 - discount) / 3 + discount * 2 / 3 * lower[1])
    assert p[0] == pytest.approx(discount * 2 / 3 * lower[0])


def test_an_hmm_finds_alternation() -> None:
    """Notes 0 or 1, then 2 or 3, in turn: with two states the next note is one of two."""
    rng = np.random.default_rng(0)
    tunes = [[int(rng.integers(2)) + 2 * (i % 2) for i in range(40)] for _ in range(60)]
    model = HMM(tunes, states=2, rounds=60, seed=1)
    assert nll(model, tunes[0]).mean() == pytest.approx(np.log(2), abs=0.05)


def test_the_shipped_prior_predicts_held_out_music(corpus: Corpus) -> None:
    shape, arrays = read_weights("lstm")
    assert sum(array.size for array in arrays.values()) <= 400_000
    net = PriorNet(shape)
    net.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    tunes = corpus.melodies(split="test", unit="tunes")[::3]
    assert evaluate(net, [example_of(melody) for melody in tunes]).nll <= 1.40


def test_a_return_is_expected_and_a_wrong_note_in_it_is_not() -> None:
    """Bars 1-4 again as bars 5-8: the second time surprises less, but for the note that was changed."""
    phrase = [67, 64, 60, 64, 67, 72, 71, 69, 67, 65, 62, 65, 67, 65, 64, 62] * 2
    changed = phrase.copy()
    changed[20] = 66
    melodies = [melody_from_notes(phrase + second, [12] * 64, Task(bars=16)) for second in (phrase, changed)]
    again, wrong = (melody.surprisal for melody in hear(load_prior(), melodies))
    assert again[32:].mean() < 0.5 * again[1:32].mean()
    assert wrong[52] > 5
    np.testing.assert_allclose(again[:52], wrong[:52], atol=1e-4)


@pytest.mark.parametrize("name", ["lstm", "judge"])
def test_an_ending_on_the_tonic_is_expected(name: str) -> None:
    tune = [60, 62, 64, 65, 67, 69, 67, 65, 64, 65, 67, 64, 62, 60, 62, 59] * 2
    lengths = [12] * 31 + [12]
    endings = [melody_from_notes([*tune[:31], last], lengths, Task(bars=8)) for last in (60, 62, 66)]
    tonic, second, chromatic = (melody.surprisal[-1] for melody in hear(load_prior(name), endings))
    assert tonic < second < chromatic
