# SPDX-License-Identifier: GPL-2.0-or-later
"""This terminal as dom0's."""

import os
import select
import termios
import tty

LEAVE = b"\x1d"     # Ctrl-]


def interact(bench):
    """Connect standard input and output with dom0's shell until Ctrl-] or end of file."""
    shell = bench.shell_socket()
    print("dom0's shell: Ctrl-] leaves it and ends the machine.")
    saved = termios.tcgetattr(0) if os.isatty(0) else None
    if saved:
        tty.setraw(0)
    shell.sendall(b"\n")
    try:
        while True:
            ready, _, _ = select.select([0, shell], [], [], 1)
            bench.alive()
            if shell in ready:
                os.write(1, shell.recv(65536))
            if 0 in ready:
                data = os.read(0, 4096)
                if not data or LEAVE in data:
                    return
                shell.sendall(data)
    finally:
        if saved:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)
        print()
