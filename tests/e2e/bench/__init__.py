# SPDX-License-Identifier: GPL-2.0-or-later
"""The test bench: real Xen, a real dom0 and real guests inside QEMU."""

from .channel import Channel, Result
from .errors import BenchError, CommandTimeout, HostDied
from .guest import Guest
from .host import XENSTOREDS, Bench
from .images import Images, Products

__all__ = [
    "Bench",
    "BenchError",
    "Channel",
    "CommandTimeout",
    "Guest",
    "HostDied",
    "Images",
    "Products",
    "Result",
    "XENSTOREDS",
]
