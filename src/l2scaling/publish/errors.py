"""What may go wrong with a request or a computation."""


class RequestError(Exception):
    """A request that cannot be met as worded: one line, exit status 2, nothing done."""


class RunError(Exception):
    """A computation or a build that failed: exit status 1, what was good is untouched."""
