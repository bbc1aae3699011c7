# SPDX-License-Identifier: GPL-2.0-or-later
"""One guest, from xl create to its end."""

import time

from .channel import Channel
from .errors import BenchError, CommandTimeout, HostDied

# Programs at the same addresses in each process let QEMU reuse its translations: a command takes half as long.
SAME_ADDRESSES = "norandmaps"
KERNEL_LINE = f"loglevel=4 panic=1 oops=panic {SAME_ADDRESSES}"


class Job:
    """A command that runs on in a guest after start() has returned."""

    def __init__(self, guest, number, command):
        self.guest = guest
        self.command = command
        self._file = f"/run/bench-job.{number}"

    def output(self):
        return self.guest.run(f"cat {self._file}.out").out

    def status(self):
        """Exit status, None while it runs."""
        text = self.guest.run(f"cat {self._file}.rc 2>/dev/null").out.strip()
        return int(text) if text else None

    def wait(self, timeout=90):
        deadline = time.monotonic() + timeout
        while (status := self.status()) is None:
            if time.monotonic() > deadline:
                raise CommandTimeout(f"{self.guest.name}: still running: {self.command}")
        return status

    def wait_for_output(self, text, timeout=90):
        deadline = time.monotonic() + timeout
        while text not in (seen := self.output()):
            if time.monotonic() > deadline or self.status() is not None:
                raise AssertionError(f"{self.guest.name}: '{text}' not printed by {self.command}:\n{seen}")
        return seen


class Guest:
    """A Linux guest with one vCPU; `run()` needs no network.

    type is pv, pvh or hvm; extra goes into xl's configuration literally; options
    go to its kernel.  With module=False the guest knows nothing of the product.
    """

    def __init__(self, bench, name, type="pv", memory=192, vcpus=1, module=True, extra="", options="",
                 timeout=300, wait=True):
        self.bench = bench
        self.name = name
        self.type = type
        self._jobs = 0
        self._channel = None
        if not bench.free_ports:
            raise BenchError("no console port is free: too many guests")
        self._port = bench.free_ports.pop(0)
        line = (f"console=hvc0 {KERNEL_LINE} bench.hostname={name} {'' if module else 'bench.nomodule '}{options}")
        config = [f'name="{name}"', f'type="{type}"', f"memory={memory}", f"vcpus={vcpus}",
                  'on_crash="preserve"', 'on_reboot="destroy"', extra]
        if type == "hvm":
            config += self._disks(line)
        else:
            config += ['kernel="/boot/vmlinux"', 'ramdisk="/boot/guest.cpio"', f'extra="{line}"']
        if type != "pv":
            config.append(f'cpus="{bench.svm_cpus}"')
        bench.put(f"/etc/xen/{name}.cfg", "\n".join(config) + "\n")
        created = bench.dom0(f"xl create /etc/xen/{name}.cfg", timeout=timeout)
        if created.rc:
            bench.free_ports.append(self._port)
            raise BenchError(f"xl create {name}: {created.text}")
        domid = bench.dom0(f"xl domid {name}")
        if domid.rc:
            bench.free_ports.append(self._port)
            raise BenchError(f"{name} ended at once: {domid.text}")
        self.domid = int(domid.out)
        bench.named(self)
        if wait:
            self._connect(timeout)

    def _disks(self, line):
        """The lines of the configuration that name the disks an HVM guest boots from.

        QEMU's direct kernel boot is no alternative: under Xen it hands kernel and image over byte by byte, through an
        I/O port, which takes minutes here.
        """
        archive = f"/boot/{self.name}.img"
        self.bench.put("/boot/grub.cfg", f"linux /vmlinuz {line}\ninitrd /guest.cpio\nboot\n")
        self.bench.dom0("cd /boot && printf 'grub.cfg\nvmlinuz\nguest.cpio\n' | "
                        f"cpio -o -H newc > {archive} 2>/dev/null").check()
        disks = ", ".join(f'"backendtype=qdisk, format=raw, access=rw, vdev={vdev}, target={target}"'
                          for vdev, target in (("hda", "/boot/grub.img"), ("hdb", archive)))
        return [f"disk=[{disks}]", 'hdtype="ahci"', 'vnc=0', 'vkb_device=0', 'vga="none"',
                'device_model_version="qemu-xen"', 'device_model_override="/usr/libexec/xen-qemu-system-i386"']

    def _relay(self, timeout):
        """Copy between the guest's console and its virtio port, with a fresh copier."""
        node = f"/local/domain/{self.domid}/console/tty"
        tty = self.bench.dom0(f"until xenstore-read {node} 2>/dev/null; do usleep 50000; done",
                              timeout=timeout).check().out.strip()
        # The relay to an earlier console on this port has to be gone: a port has one reader.
        pid = f"/run/bench-relay.{self._port}"
        self.bench.dom0(f"kill $(cat {pid}) 2>/dev/null; while kill -0 $(cat {pid}) 2>/dev/null; do usleep 20000; done;"
                        f"setsid bench-agent relay /dev/vport*p{self._port} {tty} >/dev/null 2>&1 & echo $! > {pid}"
                        ).check()

    def _connect(self, timeout, sequence=0):
        self._relay(timeout)
        self._channel = Channel(self.bench._directory / f"port{self._port}", self.name,
                                lambda: self.bench.guest_alive(self), sequence)
        deadline = time.monotonic() + timeout
        while True:
            try:
                return self._channel.wait_ready(min(15, deadline - time.monotonic()))
            except CommandTimeout as error:
                if self._crashed() or time.monotonic() > deadline:
                    raise CommandTimeout(f"{error}\n{self.bench.guest_log(self.name)[-4000:]}") from None
                # The console of a domain that has just been made may not have been the last word.
                self._relay(timeout)

    def _crashed(self):
        """Whether the domain stands still for good, or is no more."""
        state = self.bench.dom0(f"xl list {self.domid} | awk 'NR == 2 {{ print $5 }}'").out.strip()
        return not state or "c" in state or "s" in state

    def reconnect(self, timeout=300):
        """After a restore or a reboot: the same name under another domid, with another console."""
        known = f"n=$(xl domid {self.name} 2>/dev/null) && [ $n != {self.domid} ]"
        self.domid = int(self.bench.dom0(f"until {known}; do usleep 100000; done; echo $n", timeout).check().out)
        self.bench.named(self)
        sequence = self._channel.close()
        self._connect(timeout, sequence)

    def run(self, command, timeout=120):
        """Run a shell command in the guest."""
        return self._channel.run(command, timeout)

    def start(self, command):
        """Start a shell command in the guest and leave it running."""
        self._jobs += 1
        file = f"/run/bench-job.{self._jobs}"
        self.run(f"( ( {command} ) > {file}.out 2>&1; echo $? > {file}.rc ) </dev/null >/dev/null 2>&1 &").check()
        return Job(self, self._jobs, command)

    def log(self):
        return self.bench.guest_log(self.name)

    def ended(self):
        """Whether the guest has ended, by itself or because it was destroyed."""
        if self.bench.guests.get(self.name) is not self or self.bench.met_its_end(self):
            return True
        try:
            return self.run("true", timeout=30).rc != 0
        except HostDied:
            raise
        except BenchError:
            return True

    @property
    def uuid(self):
        path = self.bench.dom0(f"xenstore-read /local/domain/{self.domid}/vm").check().out.strip()
        return path.rsplit("/", 1)[1]

    def save(self, file, options="", timeout=300):
        """xl save: afterwards the domain is gone, unless the options say otherwise."""
        return self.bench.dom0(f"xl save {options} {self.name} {file}", timeout)

    def restore(self, file, timeout=300):
        self.bench.dom0(f"xl restore {file}", timeout).check()
        self.reconnect(timeout)

    def freeze(self):
        """Save a guest that is up and forget it; thaw() has it again, as often as wanted, sooner than it boots."""
        self._image = f"/root/{self.name}.frozen"
        self.save(self._image).check()
        self._sequence = self._channel.close()
        self._channel = None
        self.gone()

    def thaw(self):
        """A new domain from what freeze() kept; the one before it must have ended."""
        self._port = self.bench.free_ports.pop(0)
        self.bench.dom0(f"xl restore {self._image}", timeout=300).check()
        self.domid = int(self.bench.dom0(f"xl domid {self.name}").check().out)
        self.bench.named(self)
        self._connect(300, self._sequence)

    def melt(self):
        """Drop what freeze() kept."""
        self.bench.dom0(f"rm -f {self._image}").check()

    def destroy(self):
        """xl destroy: the guest gets no chance to tidy up."""
        self.bench.dom0(f"xl destroy {self.name}", timeout=120).check()
        self.gone()

    def gone(self):
        """Forget a guest that has ended by itself."""
        if self.bench.guests.pop(self.name, None) is None:
            return
        if self._channel:
            self._channel.close()
            self._channel = None
        self.bench.free_ports.append(self._port)
