"""Measure how weight penalties and their gradients scale with the number of weights.

Everything uses one convention: the data loss is a mean over samples, and the
squared-L2 penalty is ``R(w) = c/2 * sum(w**2)``, so that its gradient is ``c * w``.
``c`` is called ``penalty_coefficient`` throughout.
"""

from importlib.metadata import version

__version__ = version("l2scaling")
