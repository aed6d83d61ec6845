"""A small language model: what decays in it, copies of it, its best λ by width and batch, and its walls."""

__all__ = ["copies", "figures", "groups", "judging", "model", "side_by_side", "sweep", "wall"]
