"""Networks widened by balanced copies, the paths of their training, and the best λ of wider networks."""

__all__ = ["copies", "figures", "optimizers", "sweep"]
