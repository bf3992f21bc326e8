"""The corpus, read once for all tests."""

import pytest

from musicenv.corpus import Corpus, load


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return load(progress=False)
