"""The total grows with the number of weights, and the pull on one weight does not."""

__all__ = ["figures"]
