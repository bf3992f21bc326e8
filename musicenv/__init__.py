"""Composing music as reinforcement learning: ``gym.make("musicenv:Melody-v0")``."""

from gymnasium.envs.registration import register

IDS = {
    "Melody-v0": ("musicenv.env:MelodyEnv", "musicenv.vector:MelodyVectorEnv"),
    "Counterpoint-v0": ("musicenv.counterpoint.env:CounterpointEnv", "musicenv.counterpoint.env:CounterpointVectorEnv"),
}
"""Registered ids, their environments and vector environments."""

for _id, (_env, _vector) in IDS.items():
    register(id=_id, entry_point=_env, vector_entry_point=_vector)
