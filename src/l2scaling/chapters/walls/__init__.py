"""λ as a wall: where weights end under AdamW, Lion and Muon, and how far from it trained networks stay."""

__all__ = ["cautious", "figures", "networks", "regressions", "spectral", "steps"]
