"""Ways of choosing λ, or of doing without, each by its regret."""

__all__ = ["dropout", "figures", "grids", "network_race", "ridge_race"]
