"""Who reads the total: clipping, few digits, schedulers and stopping rules."""

__all__ = ["clipping", "figures", "loss_readers", "precision"]
