"""Strict runs of notebooks, one or many, and what each is made from."""

__all__ = [
    "executed",
    "kernels",
    "many",
    "parameters",
    "private",
    "provenance",
    "request",
    "run",
    "scheduler",
    "sources",
    "warm",
]
