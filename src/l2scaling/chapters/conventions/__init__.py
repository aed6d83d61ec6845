"""What one nominal λ means in each library, measured by a step, an optimum and trained networks."""

__all__ = ["counted", "figures", "measured", "solved", "trained"]
