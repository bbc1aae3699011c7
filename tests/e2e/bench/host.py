# SPDX-License-Identifier: GPL-2.0-or-later
"""One machine: QEMU, Xen and dom0, from power-on to power-off."""

import ctypes
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from . import images
from .channel import Channel
from .errors import BenchError, HostDied
from .guest import SAME_ADDRESSES, Guest

DOM0_PORTS = 4
GUEST_PORTS = 12
# The C daemon, and the OCaml one, which Debian starts unless told otherwise.
XENSTOREDS = ("xenstored", "oxenstored")

# The host is gone, or as good as gone.
DEATH = re.compile(
    r"Panic on CPU|FATAL TRAP|Xen BUG at|Assertion '.*' failed|Fatal page fault|DOUBLE FAULT"
    r"|Kernel panic|Domain 0 crashed|Hardware Dom0 (crashed|halted|shutdown)|Reboot in|rebooting machine"
)
# The end of one guest.
TRIPLE_FAULT = re.compile(r"\(XEN\) d(\d+)v\d+ Triple fault - invoking HVM shutdown action")
# Something that no test may pass over.
ALARM = re.compile(
    TRIPLE_FAULT.pattern + r"|Xen WARN at|domain_crash called from|Domain \d+ \(vcpu#\d+\) crashed|BUG:|kernel BUG at|Oops"
    r"|WARNING: CPU:|general protection fault|Call Trace|UBSAN:|possible deadlock|leaked"
)


def device_edu(address="10.0"):
    return ["-device", f"edu,addr={address}"]


class Bench:
    """Boots on construction; use as a context manager, or call close().

    Limits of time are for machines that are busy with other work; nothing waits that long on an idle one.
    `xen` is a hypervisor image (None: Debian's own), `devices` further QEMU
    arguments, `ivshmem_size` the size of the shared memory device's BAR 2, `kernel`
    what dom0 and guests boot (None: see kernel.py), `xenstored` one of XENSTOREDS.
    """

    edu = "0000:00:10.0"
    shm = "0000:00:11.0"

    def __init__(self, xen=None, products=None, devices=(), ivshmem_size=1 << 20, hvm=False,
                 xen_options="", dom0_options="", memory="3G", cpus=2, cpu="qemu64,+svm,+npt", iommu=False,
                 accel="tcg,thread=multi", boot_timeout=300, life=3600, logs=None, kernel=None,
                 xenstored=XENSTOREDS[0]):
        self._images = images.Images(products, hvm, kernel)
        self.xenstored = xenstored
        self.logs = Path(logs or tempfile.mkdtemp(prefix="xen-iomemgrant-bench-"))
        self.logs.mkdir(parents=True, exist_ok=True)
        self._directory = Path(tempfile.mkdtemp(prefix="xen-iomemgrant-qemu-"))
        self._alarms = []
        self._died = set()      # domids of guests that triple-faulted
        # See README.md: on its first CPU QEMU now and then forgets that nested paging is on.
        self.svm_cpus = f"1-{cpus - 1}"
        self.guests = {}
        self._dead = None
        self._console = []
        self._qmp_socket = None
        self._qemu = None
        try:
            self._start(xen, devices, ivshmem_size, xen_options, dom0_options, memory, cpus, cpu, iommu, accel, life)
            self._wait_for_dom0(boot_timeout)
        except BaseException:
            self.close()
            raise

    def _start(self, xen, devices, ivshmem_size, xen_options, dom0_options, memory, cpus, cpu, iommu, accel, life):
        d = self._directory
        initrd = self._images.dom0(d)
        self.ivshmem_file = d / "ivshmem"
        with self.ivshmem_file.open("wb") as file:
            file.truncate(ivshmem_size)
        xen_line = ("console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all noreboot "
                    f"dom0_mem=1200M,max:1200M dom0_max_vcpus=1 {xen_options}")
        dom0_line = f"console=hvc0 loglevel=5 panic=-1 {SAME_ADDRESSES} bench.{self.xenstored} {dom0_options}"
        arguments = [
            "qemu-system-x86_64", "-machine", "q35", "-cpu", cpu, "-smp", str(cpus), "-m", memory,
            "-accel", accel, "-display", "none", "-vga", "none", "-nic", "none", "-no-reboot",
            "-monitor", "none", "-serial", "stdio",
            "-serial", f"unix:{d}/shell,server=on,wait=off",
            "-qmp", f"unix:{d}/qmp,server=on,wait=off",
            "-kernel", str(xen or images.stock_xen()), "-append", xen_line,
            "-initrd", f"{self._images.kernel.vmlinux()} {dom0_line},{initrd}",
            "-device", "virtio-serial-pci,addr=1e.0,max_ports=31",
        ]
        for port in range(1, DOM0_PORTS + GUEST_PORTS + 1):
            arguments += ["-chardev", f"socket,id=p{port},path={d}/port{port},server=on,wait=off",
                          "-device", f"virtserialport,chardev=p{port},nr={port},name=bench.{port}"]
        arguments += device_edu()
        arguments += ["-object", f"memory-backend-file,id=shm,share=on,mem-path={self.ivshmem_file},size={ivshmem_size}",
                      "-device", "ivshmem-plain,memdev=shm,addr=11.0"]
        if iommu:
            arguments += ["-device", "amd-iommu"]
        arguments += list(devices)
        self._qemu = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, preexec_fn=_die_with_parent)
        threading.Thread(target=self._read_console, daemon=True).start()
        self._deadline = threading.Timer(life, self._kill, [f"bench older than {life} s"])
        self._deadline.daemon = True
        self._deadline.start()

    def _wait_for_dom0(self, timeout):
        deadline = time.monotonic() + timeout
        self._ports = queue.Queue()
        for port in range(1, DOM0_PORTS + 1):
            channel = self._connect_to(self._directory / f"port{port}")
            if port == 1:
                channel.wait_ready(deadline - time.monotonic())
            self._ports.put(channel)
        self.free_ports = list(range(DOM0_PORTS + 1, DOM0_PORTS + GUEST_PORTS + 1))

    def _connect_to(self, path):
        """A channel as soon as QEMU, which makes its sockets one after the other, listens."""
        while True:
            try:
                return Channel(path, "dom0", self.alive)
            except (FileNotFoundError, ConnectionRefusedError):
                self.alive()
                time.sleep(0.01)

    # The console.

    def _read_console(self):
        with (self.logs / "console.log").open("w", encoding="utf-8", errors="replace") as log:
            for raw in self._qemu.stdout:
                line = raw.decode(errors="replace").replace("\r", "").rstrip("\n")
                log.write(line + "\n")
                log.flush()
                self._console.append(line)
                if fault := TRIPLE_FAULT.search(line):
                    self._died.add(int(fault[1]))
                if ALARM.search(line) or DEATH.search(line):
                    self._alarms.append(line)
                if DEATH.search(line) and not self._dead:
                    # Let the register dump follow, then report.
                    self._dead = f"host died: {line}"
        if not self._dead:
            self._dead = "QEMU ended"

    def console(self):
        """All lines Xen and dom0's kernel have printed so far."""
        return list(self._console)

    def alive(self):
        if self._dead:
            time.sleep(0.3)
            raise HostDied(f"{self._dead}\n" + "\n".join(self._console[-40:]))

    @property
    def alarms(self):
        """Lines of the console that no test may pass over."""
        return list(self._alarms)

    def met_its_end(self, guest):
        """Whether the console tells of this guest's end."""
        return guest.domid in self._died

    def guest_alive(self, guest):
        """Raise if the console tells of the end of this guest, or of the host."""
        self.alive()
        if self.met_its_end(guest):
            raise BenchError(f"{guest.name}: died by a triple fault")

    # Commands.

    def dom0(self, command, timeout=120):
        """Run a shell command in dom0; at most four at a time."""
        channel = self._ports.get()
        try:
            return channel.run(command, timeout)
        finally:
            self._ports.put(channel)

    def put(self, path, data, mode="644"):
        """Write a file in dom0."""
        import base64
        data = data if isinstance(data, bytes) else data.encode()
        for start in range(0, max(len(data), 1), 32768):
            text = base64.b64encode(data[start:start + 32768]).decode()
            self.dom0(f"echo {text} | base64 -d {'>>' if start else '>'} {path}").check()
        self.dom0(f"chmod {mode} {path}").check()

    def xenstore(self, path="/"):
        """A snapshot of XenStore with permissions, one line a node."""
        return self.dom0(f"xenstore-ls -fp {path}").check().out

    def qmp(self, command, **arguments):
        """A command to QEMU, for instance qmp("device_del", id="nic1")."""
        if not self._qmp_socket:
            self._qmp_socket = socket.socket(socket.AF_UNIX)
            self._qmp_socket.connect(str(self._directory / "qmp"))
            self._qmp_socket.settimeout(20)
            self._qmp_file = self._qmp_socket.makefile("rw")
            self._qmp_file.readline()
            self.qmp("qmp_capabilities")
        self._qmp_file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._qmp_file.flush()
        while True:
            answer = json.loads(self._qmp_file.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise BenchError(f"qmp {command}: {answer['error']['desc']}")

    def shell_socket(self):
        """dom0's root shell on its second serial port, as a connected socket."""
        shell = socket.socket(socket.AF_UNIX)
        shell.connect(str(self._directory / "shell"))
        return shell

    # The host's view of the shared memory device.

    def shm_read(self, offset, length):
        with self.ivshmem_file.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def shm_write(self, offset, data):
        with self.ivshmem_file.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    # Guests.

    def start_guest(self, name, type="pv", **settings):
        """Create a guest and wait until it runs commands; see Guest for the settings."""
        return Guest(self, name, type, **settings)

    def named(self, guest):
        """Called by a guest that knows its domid."""
        self.guests[guest.name] = guest

    def forget(self, name):
        """Destroy a guest, dead or alive, even if its start failed half-way."""
        self.dom0(f"xl destroy {name} 2>/dev/null; for i in $(seq 200); do xl domid {name} 2>/dev/null || break; "
                  "usleep 100000; done", timeout=90)
        if name in self.guests:
            self.guests[name].gone()

    # The end.

    def close(self):
        """Power off hard, after the guests' logs are in the directory of logs."""
        if self._qemu:
            self._save_guest_logs()
            self._deadline.cancel()
            self._kill("closed")
            self._qemu.wait()
            if self._qemu.stdin:
                self._qemu.stdin.close()
            self._qemu = None
        shutil.rmtree(self._directory, ignore_errors=True)

    def guest_log(self, name):
        """The text a guest has printed on its console."""
        return self.dom0(f"cat /var/log/xen/console/guest-{name}.log 2>/dev/null").out

    def _save_guest_logs(self):
        if self._dead or not hasattr(self, "free_ports"):
            return
        try:
            for line in self.dom0("cd /var/log/xen/console && ls", timeout=5).out.split():
                text = self.dom0(f"cat /var/log/xen/console/{line}", timeout=20).out
                (self.logs / line).write_text(text)
        except BenchError:
            pass

    def _kill(self, why):
        if not self._dead:
            self._dead = why
        if self._qemu and self._qemu.poll() is None:
            self._qemu.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _die_with_parent():
    """QEMU must not outlive us, however we end."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    os.setpgid(0, 0)
