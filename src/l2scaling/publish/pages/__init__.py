"""What readers see: pages, references, the explorer, the print and the release."""

__all__ = [
    "api", "atlas_page", "bounds", "chapter_page", "citation", "explorer", "kept_pages", "layout", "ledger",
    "pdf", "plain", "release", "reproduced", "site",
]  # fmt: skip
