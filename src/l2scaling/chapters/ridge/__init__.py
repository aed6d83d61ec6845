"""The exactly best λ of ridge against the number of weights, and what each rule costs."""

__all__ = ["figures", "random_matrix", "risk"]
