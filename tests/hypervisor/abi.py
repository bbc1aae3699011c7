# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers of Xen's public interface, by the names that xen/include/public/grant_table.h and xen.h give them."""

from enum import IntEnum, IntFlag

DOMID_SELF, DOMID_IO, DOMID_XEN, DOMID_INVALID = 0x7ff0, 0x7ff1, 0x7ff2, 0x7ff4


class GNTST(IntEnum):
    """Statuses of a grant-table operation.  They print as GNTST_bad_page, not as a number."""

    okay = 0
    general_error = -1
    bad_domain = -2
    bad_gntref = -3
    bad_handle = -4
    bad_virt_addr = -5
    bad_dev_addr = -6
    no_device_space = -7
    permission_denied = -8
    bad_page = -9
    bad_copy_arg = -10
    address_too_big = -11
    eagain = -12
    no_space = -13

    def __repr__(self):
        return f"GNTST_{self.name}"

    __str__ = __repr__


class GNTMAP(IntFlag):
    """Flags of a map operation."""

    device_map = 1
    host_map = 2
    readonly = 4
    iomem_map = 32


class GTF(IntFlag):
    """Flags of an entry of the grant table; the two lowest bits are its type."""

    invalid = 0
    permit_access = 1
    accept_transfer = 2
    transitive = 3
    readonly = 4
    reading = 8
    writing = 16
    sub_page = 256


class GNTCOPY(IntFlag):
    """Which side of a copy is a grant reference; the other is a frame."""

    source_gref = 1
    dest_gref = 2


def map_order(order):
    """The bits of a map operation's flags that hold the order."""
    return order << 16


def entry_order(order):
    """The bits of an entry's flags that hold the order."""
    return order << 9


def named(expected, seen):
    """Returns `seen` with its statuses named, where `expected` has statuses."""
    if isinstance(expected, GNTST) and seen in GNTST.__members__.values():
        return GNTST(seen)
    if isinstance(expected, (tuple, list)) and type(seen) is type(expected) and len(seen) == len(expected):
        return type(expected)(map(named, expected, seen))
    return seen
