"""What a stationary point asks of the weights, before and after training, and in nats."""

__all__ = ["figures", "nats", "polishing", "tasks"]
