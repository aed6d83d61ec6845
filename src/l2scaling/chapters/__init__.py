"""A room a chapter: what that chapter alone needs, its experiments and its figures.

A room has the name of its notebook and its page, with underscores. It imports the floors below
(``laws``, ``training``, ``measuring``, ``figures`` and the modules beside them) and no other room.
"""

__all__ = [
    "adaptive_optimizers",
    "backprop",
    "collapse",
    "conventions",
    "counting_and_cloning",
    "horizon",
    "initialization",
    "penalty_and_pull",
    "ridge",
    "scaling_rules",
    "side_effects",
    "stability",
    "stationary_point",
    "transformer",
    "tuning",
    "walls",
    "widening",
]
