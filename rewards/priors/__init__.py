"""The learned models of what comes next in a tune, and their shipped weights."""

from rewards.priors.hearing import hear, likeliest_style
from rewards.priors.stepping import Prior, PriorState, load_prior

__all__ = ["Prior", "PriorState", "hear", "likeliest_style", "load_prior"]
