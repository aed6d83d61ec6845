"""When a penalty makes gradient descent leave its minimum, and how fast weights forget."""

__all__ = ["descent", "factors", "figures", "growth"]
