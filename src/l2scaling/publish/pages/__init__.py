"""What readers see: pages, references, the explorer, the print and the release."""

__all__ = [
    "api", "atlas_page", "bounds", "chapter_page", "citation", "cloned", "crate", "derived", "explorer",
    "kept_pages", "layout", "ledger", "live", "metadata", "pdf", "plain", "previews", "release",
    "reproduced", "search", "site", "versions",
]  # fmt: skip
