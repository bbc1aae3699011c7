# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases, in the order they run.  Their numbers stand in the table of README.md.

Each is a function (machine, guest, check); the decorator names the domains that run it, dom0 among them.
check(sentence, expected, seen) prints and records one line.
"""

from . import validation, interrupts, orders, live, entries, ordinary, races, limits  # noqa: F401
