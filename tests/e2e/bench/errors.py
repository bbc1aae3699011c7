# SPDX-License-Identifier: GPL-2.0-or-later
"""What can go wrong on the bench, as opposed to in the product."""


class BenchError(Exception):
    """The bench could not do what was asked: nothing is known about the product."""


class HostDied(BenchError):
    """Xen, dom0 or QEMU is gone: always a finding."""


class CommandTimeout(BenchError):
    """A command did not end in time."""
