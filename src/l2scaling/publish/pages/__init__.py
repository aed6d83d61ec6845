"""What readers see: pages, references, the explorer, the print and the release."""

__all__ = [
    "api", "atlas_page", "bounds", "chapter_page", "citation", "cloned", "explorer", "kept_pages", "layout",
    "ledger", "live", "pdf", "plain", "release", "reproduced", "site",
]  # fmt: skip
