# SPDX-License-Identifier: GPL-2.0-or-later
"""Errors of the bench, as opposed to those of the product."""


class BenchError(Exception):
    """The bench could not do its part: the failure tells nothing about the product."""


class HostDied(BenchError):
    """Xen, dom0 or QEMU is gone: always a finding."""


class CommandTimeout(BenchError):
    """A command did not end in time."""
