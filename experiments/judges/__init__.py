"""Judges that are not the reward: what is said of a set of pieces by measures that no agent was paid by."""
