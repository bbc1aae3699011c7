# SPDX-License-Identifier: GPL-2.0-or-later
"""Importing this registers every attack, in the order they run in: the last ones end the guests."""

from . import entries, tables, physmap, arguments, onwards, others, storm, deaths  # noqa: F401
