"""Which laws survive under Adam, AdamW and normalised layers."""

__all__ = ["equilibrium", "figures", "noise", "rescaling", "survival"]
