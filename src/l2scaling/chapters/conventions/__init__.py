"""What one nominal λ means in each library, measured by a step, an optimum and trained networks."""

__all__ = ["figures", "measured", "solved", "trained"]
