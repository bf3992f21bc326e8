"""Those who compose: SB3 algorithms over the batch, and the baselines they are compared with."""
