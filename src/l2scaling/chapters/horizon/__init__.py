"""What is left of the start after a training, for schedules, optimisers, number formats and real recipes."""

__all__ = ["decay", "figures", "mixture", "recipes", "rounding", "training"]
