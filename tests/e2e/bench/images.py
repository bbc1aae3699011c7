# SPDX-License-Identifier: GPL-2.0-or-later
"""Initramfs images of dom0 and the guests, made of Debian packages' files.

A base image holds only Debian's files; it is kept in the cache directory, keyed
by the versions of the packages, the kernel and this folder's sources.  What is under test
is laid over it as a second cpio archive, so that a new build of one program
costs well under a second.
"""

import glob
import gzip
import hashlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from .errors import BenchError
from .kernel import CACHE, choose, write

HERE = Path(__file__).resolve().parent

PACKAGES = ["busybox-static", "kmod", "udev", "xen-utils-4.17", "xenstore-utils"]

XEN_BIN = "/usr/lib/xen-4.17/bin/"
DOM0_TOOLS = [
    XEN_BIN + name
    for name in (
        "libxl-save-helper", "oxenstored", "xen-diag", "xen-init-dom0", "xenconsole",
        "xenconsoled", "xenctx", "xenperf", "xenstore-control", "xenstored", "xl",
    )
]
DOM0_MODULES = [
    "xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd", "xenfs",
    "virtio_pci", "virtio_console",
]
GUEST_MODULES = ["xen-evtchn", "xen-gntdev", "xen-gntalloc", "xen-privcmd", "xenfs"]
# Present for tests that ask for them, not loaded.
MORE_MODULES = ["xen-blkback", "xen-blkfront", "xen-netback", "xen-netfront", "xen-pciback",
                "nvme", "e1000e", "uio_pci_generic", "loop"]
# Files that depmod reads besides the modules.
MODULE_LISTS = ["modules.builtin", "modules.builtin.modinfo", "modules.order"]
HVM_FILES = [
    "/usr/lib/xen-4.17/boot/hvmloader",
    "/usr/libexec/xen-qemu-system-i386",
    "/usr/share/seabios/bios-256k.bin",
    "/usr/share/qemu/kvmvapic.bin", "/usr/share/qemu/keymaps/en-us",
]
UDEV_RULES = ["50-udev-default.rules", "80-drivers.rules"]


def stock_xen():
    """Debian's own hypervisor, unpacked: QEMU's loader wants the bare ELF file."""
    packed = max(glob.glob("/boot/xen-4.17-amd64.gz"), default=None)
    if not packed:
        raise BenchError("no hypervisor in /boot: install xen-hypervisor-4.17-amd64")
    data = Path(packed).read_bytes()
    out = CACHE / f"xen-stock-{hashlib.sha256(data).hexdigest()[:16]}"
    if not out.exists():
        write(out, gzip.decompress(data))
    return out


def boot_disk():
    """A disk of GRUB alone.  Where to go on is grub.cfg in the cpio archive that the second disk is."""
    modules, core = Path("/usr/lib/grub/i386-pc"), CACHE / f"grub-{os.getpid()}"
    with tempfile.NamedTemporaryFile("w") as config:
        print("configfile (hd1)/grub.cfg", file=config, flush=True)
        subprocess.run(["grub-mkimage", "-O", "i386-pc", "-d", modules, "-p", "(hd1)", "-c", config.name, "-o", core,
                        "biosdisk", "newc", "configfile", "linux", "boot"], check=True)
    disk = (modules / "boot.img").read_bytes() + core.read_bytes()
    core.unlink()
    return disk + b"\0" * (-len(disk) % (1 << 20))


class Archive:
    """A cpio archive in the making ("newc"), files owned by root.  Later entries win."""

    def __init__(self):
        self.entries = {}

    def _parents(self, name):
        parent = os.path.dirname(name)
        if parent and parent not in self.entries:
            self._parents(parent)
            self.entries[parent] = (stat.S_IFDIR | 0o755, b"")

    def put(self, path, mode, data):
        name = path.strip("/")
        self._parents(name)
        self.entries[name] = (mode, data)

    def directory(self, path, mode=0o755):
        self.put(path, stat.S_IFDIR | mode, b"")

    def text(self, path, text, mode=0o644):
        self.put(path, stat.S_IFREG | mode, text.encode())

    def link(self, path, target):
        self.put(path, stat.S_IFLNK | 0o777, target.encode())

    def file(self, source, path=None, mode=None):
        """Copy a file of this machine to `path`, by default the same place."""
        source = Path(source)
        if not source.is_file():
            raise BenchError(f"no file {source}")
        mode = mode or (0o755 if os.access(source, os.X_OK) else 0o644)
        data = _stripped(source) if source.suffix == ".ko" else source.read_bytes()
        self.put(str(path or source), stat.S_IFREG | mode, data)

    def program(self, source, path=None):
        """A file and the shared libraries it needs."""
        self.file(source, path, 0o755)
        for library in libraries(source):
            self.file(library, _canonical(library))

    def tree(self, source, path="/"):
        source = Path(source)
        for item in sorted(source.rglob("*")):
            to = os.path.join(path, item.relative_to(source))
            if item.is_symlink():
                self.link(_canonical(to), os.readlink(item))
            elif item.is_dir():
                continue
            elif os.access(item, os.X_OK):
                self.program(item, _canonical(to))
            else:
                self.file(item, _canonical(to))

    def bytes(self):
        out = bytearray()
        for number, name in enumerate(sorted(self.entries), 1):
            mode, data = self.entries[name]
            out += self._record(number, mode, name, data)
        out += self._record(0, 0, "TRAILER!!!", b"")
        return bytes(out) + b"\0" * (-len(out) % 512)

    @staticmethod
    def _record(number, mode, name, data):
        fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0"
        head += b"\0" * (-len(head) % 4)
        return head + data + b"\0" * (-len(data) % 4)


def _stripped(module):
    """A kernel module without debug information, which is most of it; symbols stay."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["strip", "--strip-debug", "-o", out.name, module], check=True)
        return Path(out.name).read_bytes()


def _canonical(path):
    """In the images /bin, /sbin and /lib are links to their places under /usr, as in Debian."""
    return re.sub(r"^/(bin|sbin|lib|lib64)/", r"/usr/\1/", str(path))


def libraries(program):
    found = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
    missing = re.findall(r"(\S+) => not found", found.stdout)
    if missing:
        raise BenchError(f"{program} needs {', '.join(missing)}, not on this machine")
    return re.findall(r"(/\S+) \(0x", found.stdout)


@dataclass
class Products:
    """The builds under test, by the places they were built in; the default is to have none."""

    stage: Path = None          # a directory `meson install --destdir` filled
    module: Path = None         # xen_iomemgrant.ko
    programs: list = field(default_factory=list)   # more programs, put into /usr/bin
    files: list = field(default_factory=list)      # (file, path in both images)

    def modules(self):
        """Every kernel module among them."""
        files = [self.module, *(file for file, _ in self.files)]
        return [file for file in files if file and str(file).endswith(".ko")]


class Images:
    """Makes and caches the image of dom0, which holds the guests' image.

    Raises if a module of `products` is built for another kernel than `kernel`, by default the bench's.
    """

    def __init__(self, products=None, hvm=False, kernel=None):
        self.products = products or Products()
        self.hvm = hvm
        self.kernel = kernel or choose()
        for module in self.products.modules():
            self.kernel.check(module)
        CACHE.mkdir(parents=True, exist_ok=True)

    def dom0(self, directory):
        """Write dom0's image, the guests' image inside it, into `directory`."""
        guest = Path(directory) / "guest.cpio"
        guest.write_bytes(self._base("guest").read_bytes() + self._overlay("guest"))
        inner = Archive()
        inner.file(self.kernel.vmlinux(), "/boot/vmlinux")
        if self.hvm:
            inner.file(self.kernel.image, "/boot/vmlinuz")
            inner.put("/boot/grub.img", stat.S_IFREG | 0o644, boot_disk())
        inner.file(guest, "/boot/guest.cpio")
        out = Path(directory) / "dom0.cpio"
        with out.open("wb") as file:
            file.write(self._base("dom0").read_bytes())
            file.write(self._overlay("dom0"))
            file.write(inner.bytes())
        return out

    # The base: Debian's files.

    def _base(self, role):
        hvm = self.hvm and role == "dom0"
        out = CACHE / f"{role}{'-hvm' if hvm else ''}-{self._key()}.cpio"
        if not out.exists():
            archive = self._dom0_base(hvm) if role == "dom0" else self._guest_base()
            write(out, archive.bytes())
        return out

    def _key(self):
        versions = subprocess.run(["dpkg-query", "-W", *PACKAGES], capture_output=True, text=True, check=False).stdout
        digest = hashlib.sha256(versions.encode())
        image = self.kernel.image.stat()
        digest.update(f"{self.kernel} {image.st_size} {image.st_mtime_ns}".encode())
        for source in sorted(HERE.glob("init.*")) + [HERE / "agent.c", HERE / "images.py"]:
            digest.update(source.read_bytes())
        return digest.hexdigest()[:16]

    def _common_base(self, role, modules):
        archive = Archive()
        for directory in ("/proc", "/sys", "/dev", "/root", "/etc", "/var/log", "/var/lib", "/run",
                          "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64"):
            archive.directory(directory)
        archive.directory("/tmp", 0o1777)
        for name in ("bin", "sbin", "lib", "lib64"):
            archive.link(f"/{name}", f"usr/{name}")
        archive.link("/var/run", "/run")
        archive.file("/bin/busybox", "/usr/bin/busybox")
        archive.link("/usr/bin/sh", "busybox")
        archive.file(HERE / f"init.{role}", "/init", 0o755)
        archive.text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        archive.text("/etc/group", "root:x:0:\n")
        archive.text("/etc/profile", "PS1='\\h:\\w# '\n")
        archive.text("/etc/bench-modules", "\n".join(modules) + "\n")
        agent = CACHE / f"agent-{os.getpid()}"
        subprocess.run(["gcc", "-O2", "-static", "-o", agent, HERE / "agent.c"], check=True)
        archive.file(agent, "/usr/bin/bench-agent")
        agent.unlink()
        # kmod's names; busybox's modprobe knows no aliases of built-in modules.
        archive.program("/bin/kmod", "/usr/bin/kmod")
        for name in ("modprobe", "insmod", "rmmod", "lsmod", "modinfo", "depmod"):
            archive.link(f"/usr/sbin/{name}", "../bin/kmod")
        archive.program("/bin/udevadm", "/usr/bin/udevadm")
        archive.link("/usr/lib/systemd/systemd-udevd", "../../bin/udevadm")
        for rule in UDEV_RULES:
            archive.file(f"/lib/udev/rules.d/{rule}", f"/usr/lib/udev/rules.d/{rule}")
        archive.directory("/etc/udev")
        for file in self.kernel.module_files(modules + MORE_MODULES):
            archive.file(file, _canonical(self.kernel.installed_as(file)))
        for name in MODULE_LISTS:
            archive.file(self.kernel.modules / name, f"/usr/lib/modules/{self.kernel.release}/{name}")
        return archive

    def _dom0_base(self, hvm):
        archive = self._common_base("dom0", DOM0_MODULES)
        for tool in DOM0_TOOLS:
            archive.program(tool)
            archive.link(f"/usr/sbin/{Path(tool).name}", tool)
        for name in ("xenstore", "xenstore-ls", "xenstore-read", "xenstore-write", "xenstore-rm",
                     "xenstore-list", "xenstore-exists", "xenstore-watch", "xenstore-chmod"):
            if os.path.islink(f"/usr/bin/{name}"):
                archive.link(f"/usr/bin/{name}", os.readlink(f"/usr/bin/{name}"))
            else:
                archive.program(f"/usr/bin/{name}")
        archive.program("/usr/bin/setpci")
        archive.file("/lib/x86_64-linux-gnu/libgcc_s.so.1", "/usr/lib/x86_64-linux-gnu/libgcc_s.so.1")
        archive.file("/etc/xen/oxenstored.conf")
        archive.text("/etc/xen/xl.conf", "autoballoon=\"off\"\n")
        for directory in ("/var/lib/xen", "/var/lib/xenstored", "/var/log/xen", "/etc/xen/scripts"):
            archive.directory(directory)
        if hvm:
            for file in HVM_FILES:
                (archive.program if os.access(file, os.X_OK) else archive.file)(file)
        return archive

    def _guest_base(self):
        return self._common_base("guest", GUEST_MODULES)

    # The overlay: what is under test.

    def _overlay(self, role):
        archive = Archive()
        products = self.products
        if products.stage:
            archive.tree(products.stage)
        for program in products.programs:
            archive.program(program, f"/usr/bin/{Path(program).name}")
        for file, path in products.files:
            (archive.program if os.access(file, os.X_OK) else archive.file)(file, _canonical(path))
        if products.module:
            archive.file(products.module, f"/usr/lib/modules/{self.kernel.release}/extra/xen_iomemgrant.ko")
            if role == "dom0":
                archive.text("/etc/bench.d/module", "modprobe xen_iomemgrant || echo 'bench: no xen_iomemgrant'\n")
        self._depmod(archive, role)
        return archive.bytes()

    def _depmod(self, archive, role):
        """Module lists for base and product modules together."""
        modules = DOM0_MODULES if role == "dom0" else GUEST_MODULES
        root = CACHE / f"depmod-{os.getpid()}"
        shutil.rmtree(root, ignore_errors=True)
        tree = root / "lib" / "modules" / self.kernel.release
        tree.mkdir(parents=True)
        for file in self.kernel.module_files(modules + MORE_MODULES):
            to = root / self.kernel.installed_as(file).relative_to("/")
            to.parent.mkdir(parents=True, exist_ok=True)
            to.symlink_to(file)
        for name in MODULE_LISTS:
            (tree / name).symlink_to(self.kernel.modules / name)
        prefix = f"usr/lib/modules/{self.kernel.release}/"
        for name, (mode, data) in archive.entries.items():
            if name.startswith(prefix) and stat.S_ISREG(mode):
                to = tree / name[len(prefix):]
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_bytes(data)
        subprocess.run(["/sbin/depmod", "-b", root, self.kernel.release], check=True)
        for file in tree.glob("modules.*"):
            if not file.is_symlink():
                archive.file(file, f"/{prefix}{file.name}")
        shutil.rmtree(root)

