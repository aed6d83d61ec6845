"""Probes: a file a library that measures its arguments by real calls, in an environment of the library's own.

A probe needs its library and numpy alone, never this package. Its ``measure(name, value, setting)`` makes a
call with ``value`` under the quantities of ``setting`` and returns the coefficient that the call turned out
to have as ``coefficient``, and those of a ``bias`` and a ``gain`` where there are any. Quantities that only
the call shows, such as a fitted scale, are returned beside them, by their names.
"""
