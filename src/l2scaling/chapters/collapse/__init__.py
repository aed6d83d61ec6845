"""From which λ on the minimum is a network of zeros."""

__all__ = ["figures", "linear_networks", "thresholds"]
