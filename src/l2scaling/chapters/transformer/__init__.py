"""A small language model: what decays in it, copies of it, and its best λ by width, batch and what decays."""

__all__ = ["copies", "figures", "groups", "judging", "model", "side_by_side", "sweep"]
