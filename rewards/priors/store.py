"""Weight files of priors: safetensors in half precision, with the network's shape and a checksum, never pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from musicenv.files import write_atomic
from musicenv.task import METRES, STYLES, TUNE_MODES
from rewards.priors.features import CARDINALITY
from rewards.priors.shape import Shape

Arrays = dict[str, npt.NDArray[np.float32]]

SHIPPED: Final = Path(__file__).parent / "weights"
_FORMAT: Final = "musicenv prior 1"
_WORDS: Final = json.dumps({"metres": METRES, "modes": TUNE_MODES, "styles": STYLES, "features": CARDINALITY})
"""What the numbers in a feature vector mean; a prior is of use only where they mean what they meant in training."""


def _checksum(shape: str, tensors: Mapping[str, npt.NDArray[np.float16]]) -> str:
    digest = hashlib.sha256(shape.encode())
    for name in sorted(tensors):
        digest.update(f"{name}{tensors[name].shape}".encode() + np.ascontiguousarray(tensors[name]).tobytes())
    return digest.hexdigest()


def write_weights(path: Path, shape: Shape, arrays: Mapping[str, npt.NDArray[np.float32]]) -> Path:
    """Write a prior's arrays (named as in ``PriorNet.state_dict``) to ``path`` as float16, atomically."""
    tensors = {name: np.ascontiguousarray(array, dtype=np.float16) for name, array in arrays.items()}
    described = json.dumps(shape.to_json())
    metadata = {"format": _FORMAT, "words": _WORDS, "shape": described, "sha256": _checksum(described, tensors)}
    return write_atomic(path, save(tensors, metadata))


def weights_path(name_or_path: str | Path) -> Path:
    """The file of a shipped prior's name, or the path itself."""
    shipped = SHIPPED / f"{name_or_path}.safetensors"
    path = shipped if shipped.parent == SHIPPED and shipped.exists() else Path(name_or_path)
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.safetensors")))
        raise FileNotFoundError(
            f"prior {str(name_or_path)!r} is neither a shipped one ({names}) nor a file; "
            "`python -m experiments.pretrain` makes such files"
        )
    return path


def read_weights(name_or_path: str | Path) -> tuple[Shape, Arrays]:
    """Shape and float32 arrays of a prior, after its checksum has been verified.

    Raises FileNotFoundError where there is no such prior, ValueError where the file is not sound.
    """
    path = weights_path(name_or_path)
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except SafetensorError as error:
        raise ValueError(f"{path} is not a safetensors file, or is cut short; fetch or train it again") from error
    if metadata.get("format") != _FORMAT:
        raise ValueError(f"{path} is not a prior that this version reads; train it again by experiments.pretrain")
    if metadata.get("words") != _WORDS:
        raise ValueError(f"{path} was trained with other features, metres, modes or styles; train it again")
    if metadata.get("sha256") != _checksum(metadata["shape"], tensors):
        raise ValueError(f"{path} is damaged: its checksum does not match; fetch or train it again")
    arrays = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
    return Shape.from_json(json.loads(metadata["shape"])), arrays
