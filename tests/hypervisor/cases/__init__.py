# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases, in the order they run.  Their numbers are those of the list the suite was written from.

Each is a function (machine, endpoint, check); the decorator says which domains run it.
check(what, expected, seen) prints and records one line.
"""

from . import validation, interrupts, orders, live, ordinary, races, limits  # noqa: F401
