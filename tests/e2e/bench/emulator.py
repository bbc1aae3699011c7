# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that QEMU's emulation of SVM loses, told apart from guests that die of their own.

Now and then QEMU 7.2 leaves a guest with *Xen's* registers: the state that belongs into the host save
area stands in the guest's control block, its instruction pointer just behind Xen's VMRUN.  The guest
then executes hypervisor addresses, cannot even fetch there, and Xen reports a triple fault.  Nothing
a guest or we do leads there: no guest can load a selector of Xen's into CS or put its stack into
memory which the ABI reserves for the hypervisor.

Only that is the emulator's fault.  A triple fault with any other registers, a domain_crash, a host
that dies stay what they are: failures.
"""

import re
import time
from dataclasses import dataclass, field

from .errors import BenchError, HostDied

TRIPLE_FAULT = re.compile(r"\(XEN\) d(\d+)v(\d+) Triple fault - invoking HVM shutdown action")
DUMP = re.compile(r"\(XEN\) \*\*\* Dumping Dom(\d+) vcpu#(\d+) state: \*\*\*")
LAST_LINE = re.compile(r"\bcs: ([0-9a-f]{4})$")
# Xen's own text and its code selector; the range of its stacks, where no guest may have anything.
XEN_TEXT = range(0xFFFF82D040000000, 0xFFFF82D080000000)
XEN_MEMORY = range(0xFFFF800000000000, 0xFFFF880000000000)
XEN_CODE = "e008"
# A dump that has not arrived by then will not come: the fault is the guest's own.
PATIENCE = 10
# How often something is done at most, if the emulator loses a guest each time.
ATTEMPTS = 3


class GuestLost(BenchError):
    """The emulator lost a guest: nothing is known about the product, the test may be run again."""


def explain(lost):
    """Why something is run again, for the line that says so."""
    names = " and ".join(dict.fromkeys(lost))
    return f"the emulator lost the guest {names} (Xen's own state in its registers)"


def persevere(bench, what, action, clean_up, say=print):
    """Do it; if that fails while the emulator loses a guest, say so, clean up and do it again."""
    for number in range(1, ATTEMPTS + 1):
        before = len(bench.lost)
        try:
            return action()
        except HostDied:
            raise
        except (BenchError, AssertionError, SystemExit):
            lost = bench.lost[before:]
            if not lost or number == ATTEMPTS:
                raise
        say(f"RETRIED {what}: {explain(lost)}")
        clean_up()
    raise AssertionError("not reached")


@dataclass
class Fault:
    """One triple fault and the register dump that follows it."""

    domid: int
    line: str
    since: float = field(default_factory=time.monotonic)
    dump: list = field(default_factory=list)

    def complete(self):
        return bool(self.dump) and bool(LAST_LINE.search(self.dump[-1]))

    def is_the_emulators(self):
        """True only if everything in the dump that could be Xen's is Xen's."""
        text = "\n".join(self.dump)
        context = re.search(r"CONTEXT: hvm guest \(d(\d+)v\d+\)", text)
        rip = re.search(r"RIP: +([0-9a-f]{4}):\[<([0-9a-f]{16})>\]", text)
        rsp = re.search(r"\brsp: ([0-9a-f]{16})", text)
        cs = LAST_LINE.search(text)
        return bool(context and rip and rsp and cs and int(context[1]) == self.domid
                    and rip[1] == cs[1] == XEN_CODE
                    and int(rip[2], 16) in XEN_TEXT and int(rsp[1], 16) in XEN_MEMORY)


class FaultWatch:
    """Reads the console line by line and judges each triple fault when its dump is complete."""

    def __init__(self, alarm):
        self.lost = []          # domids, in the order in which the emulator lost them
        self.died = set()       # domids of guests that faulted of their own
        self._alarm = alarm     # called with the line of a guest's own fault
        self._open = {}         # domid -> Fault without a complete dump
        self._dumping = None

    def feed(self, line):
        found = TRIPLE_FAULT.search(line)
        if found:
            self._dumping = None
            domid = int(found[1])
            if domid not in self._open:
                self._open[domid] = Fault(domid, line)
            return
        found = DUMP.search(line)
        if found:
            self._dumping = self._open.get(int(found[1]))
        elif self._dumping and line.startswith("(XEN)"):
            self._dumping.dump.append(line)
            if self._dumping.complete():
                self._judge(self._dumping)
                self._dumping = None

    def settle(self):
        """Wait until every fault seen so far has been judged."""
        while faults := list(self._open.values()):
            for fault in faults:
                if time.monotonic() - fault.since > PATIENCE:
                    self._judge(fault)
            time.sleep(0.02)

    def _judge(self, fault):
        if self._open.pop(fault.domid, None) is not fault:
            return
        if fault.complete() and fault.is_the_emulators():
            self.lost.append(fault.domid)
        else:
            self.died.add(fault.domid)
            self._alarm(fault.line)
