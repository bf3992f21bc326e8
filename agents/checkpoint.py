"""A training run on disk: everything that it needs to go on as if it had never stopped."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents.policy import PriorPolicy
from agents.ppo import Notes, PriorPPO
from agents.vec_env import MelodyVecEnv

VERSION = 2


def save(model: PriorPPO, env: MelodyVecEnv, path: Path) -> None:
    """Write the whole state of training atomically; call it between two rollouts."""
    state = {
        "policy": model.policy.state_dict(),
        "optimizer": model.policy.optimizer.state_dict(),
        "timesteps": model.num_timesteps,
        "updates": model._n_updates,
        "episodes": [[float(piece["r"]), int(piece["l"])] for piece in model.ep_info_buffer or ()],
        "window": [[tensor.clone() for tensor in notes] for notes in _still_needed(model)],
        "controller": [model.controller.coefficient, model.controller.last_error],
        "torch_rng": torch.get_rng_state(),
        "numpy_rng": plain(np.random.get_state(legacy=False)),  # noqa: NPY002 - SB3 and callbacks may draw from it
        "env": plain(env.get_state()),
        "episode_starts": torch.from_numpy(np.asarray(model._last_episode_starts)),
    }
    write(state, path)


def _still_needed(model: PriorPPO) -> list[Notes]:
    """The rollouts that the next update learns from beside its own."""
    kept = list(model.rollout_buffer.window)
    return kept[max(len(kept) - model.window + 1, 0) :]


def write(state: dict[str, Any], path: Path) -> None:
    """Write a state of tensors and plain values (see ``plain``) atomically."""
    temporary = path.with_suffix(".tmp")
    torch.save({"version": VERSION, **state}, temporary)
    os.replace(temporary, path)


def read(path: Path) -> dict[str, Any]:
    """The state in ``path``; ValueError, naming the file, where it can't be one."""
    try:
        # weights_only: tensors and plain values; nothing in the file is executed.
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist: the run has not reached its first checkpoint") from None
    except Exception as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__}); start the run anew") from error
    if state.get("version") != VERSION:
        raise ValueError(f"{path} is of another version of this program; start the run anew")
    return state


def restore(model: PriorPPO, env: MelodyVecEnv, path: Path) -> None:
    """Put ``model`` and ``env`` into the state that ``save`` wrote."""
    state = read(path)
    restore_policy(model.policy, state, path)
    model.num_timesteps = state["timesteps"]
    model._n_updates = state["updates"]
    model.ep_success_buffer = deque(maxlen=model._stats_window_size)
    model.ep_info_buffer = deque(
        ({"r": r, "l": length} for r, length in state["episodes"]), maxlen=model._stats_window_size
    )
    model.rollout_buffer.window.extend(Notes(*tensors) for tensors in state["window"])
    model.controller.coefficient, model.controller.last_error = state["controller"]
    torch.set_rng_state(state["torch_rng"])
    np.random.set_state(arrays(state["numpy_rng"]))  # noqa: NPY002
    env.set_state(arrays(state["env"]))
    model._last_obs = env.batch.observations
    model._last_episode_starts = state["episode_starts"].numpy()


def restore_policy(policy: PriorPolicy, state: dict[str, Any], path: Path) -> None:
    """Put the weights in the ``state`` that was read from ``path``, and the optimiser's own, into ``policy``."""
    try:
        policy.load_state_dict(state["policy"])
    except RuntimeError as error:
        raise ValueError(f"{path} belongs to another environment or reward; resume with the same rules") from error
    policy.optimizer.load_state_dict(state["optimizer"])


def plain(value: Any) -> Any:
    """Arrays as tensors and big integers as text, since a file read with weights_only holds nothing else."""
    if isinstance(value, np.ndarray):
        return (
            {"uint32": torch.from_numpy(value.astype(np.int64))}
            if value.dtype == np.uint32
            else torch.from_numpy(value)
        )
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 62:
        return {"integer": str(value)}
    return value


def arrays(value: Any) -> Any:
    """What ``plain`` was given."""
    if isinstance(value, torch.Tensor):
        return value.numpy()
    if isinstance(value, dict):
        if value.keys() == {"uint32"}:
            return value["uint32"].numpy().astype(np.uint32)
        if value.keys() == {"integer"}:
            return int(value["integer"])
        return {name: arrays(item) for name, item in value.items()}
    if isinstance(value, list):
        return [arrays(item) for item in value]
    return value
