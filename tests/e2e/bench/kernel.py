#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The one kernel of the bench: dom0 and guests boot it, and every module of the tree is built for it.

    kernel.py --headers     print the headers to build modules with, and record their kernel

XEN_IOMEMGRANT_KERNEL=RELEASE chooses it.  Without that it is the kernel recorded in build/bench-kernel, and without a
record the newest one installed, of those with headers if there are any.  The record keeps a kernel that is installed
later from being booted with modules built for the kernel before it.
"""

import argparse
import hashlib
import lzma
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

if __package__:
    from .errors import BenchError
else:
    BenchError = SystemExit     # run as a program, see the end

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xen-iomemgrant" / "bench"
RECORD = Path(__file__).resolve().parents[3] / "build" / "bench-kernel"
VARIABLE = "XEN_IOMEMGRANT_KERNEL"


@dataclass(frozen=True)
class Kernel:
    """An installed kernel; `root` is where it is installed."""

    release: str
    root: Path = Path("/")

    @property
    def image(self):
        return self.root / f"boot/vmlinuz-{self.release}"

    @property
    def modules(self):
        return self.root / f"lib/modules/{self.release}"

    @property
    def headers(self):
        return self.modules / "build"

    def missing(self, headers):
        """The first of its parts that is not installed, None if it is complete."""
        parts = [self.image, self.modules / "kernel"] + [self.headers] * headers
        return next((part for part in parts if not part.exists()), None)

    def order(self):
        """Sorts kernels by age: the numbers of the release, compared as numbers."""
        return [int(number) for number in re.findall(r"\d+", self.release)]

    def vmlinux(self):
        """The kernel unpacked, in the cache: unpacking it under emulation takes seconds a boot."""
        data = self.image.read_bytes()
        out = CACHE / f"vmlinux-{hashlib.sha256(data).hexdigest()[:16]}"
        if not out.exists():
            start = data.find(b"\xfd7zXZ\x00")
            if start < 0:
                return self.image
            write(out, lzma.LZMADecompressor().decompress(data[start:]))
        return out

    def module_files(self, names):
        """Files of the modules `names` and of those they depend on, in the order to load them."""
        files = []
        for name in names:
            found = subprocess.run(["/sbin/modprobe", "-d", self.root, "-S", self.release, "--show-depends",
                                    "--ignore-install", name], capture_output=True, text=True, check=False)
            if found.returncode:
                raise BenchError(f"no kernel module {name}: {found.stderr.strip()}")
            # With the root "/" modprobe prints "//lib".
            files += [Path("/") / line.split()[1].lstrip("/") for line in found.stdout.splitlines()
                      if line.startswith("insmod")]
        return list(dict.fromkeys(files))

    def installed_as(self, file):
        """The path in an image of a file of this kernel."""
        return Path("/") / Path(file).relative_to(self.root)

    def check(self, module):
        """Raise unless this kernel loads `module`, as the module's own version string tells."""
        built_for = _built_for(module)
        if built_for != self.release:
            raise BenchError(f"{module} is built for kernel {built_for}, the bench boots {self.release}: "
                             f"run scripts/build, or choose with {VARIABLE}={built_for}")


def choose(root="/", record=RECORD, environment=None, headers=False):
    """The kernel of the bench; with `headers` one that modules can be built for."""
    root, asked = Path(root), (os.environ if environment is None else environment).get(VARIABLE)
    if asked:
        kernel = Kernel(asked, root)
        if absent := kernel.missing(headers):
            raise BenchError(f"{VARIABLE}={asked}: there is no {absent}")
        return kernel
    if record.exists():
        kernel = Kernel(record.read_text().strip(), root)
        if not kernel.missing(headers):
            return kernel
    installed = [Kernel(image.name[len("vmlinuz-"):], root) for image in (root / "boot").glob("vmlinuz-*")]
    installed = [kernel for kernel in installed if not kernel.missing(headers)]
    if not installed:
        wanted = "linux-image-amd64 and linux-headers-amd64" if headers else "linux-image-amd64"
        raise BenchError(f"no kernel in {root / 'boot'} to boot: install {wanted}")
    return max(installed, key=lambda kernel: (not kernel.missing(headers=True), kernel.order()))


def keep(kernel, record=RECORD):
    """Record the kernel that modules are built for.  An equal record stays untouched: make compares its age."""
    if not record.exists() or record.read_text().strip() != kernel.release:
        write(record, f"{kernel.release}\n".encode())


def write(path, data):
    """Write a file as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    os.chmod(file.name, 0o644)
    os.rename(file.name, path)


def _built_for(module):
    found = subprocess.run(["/sbin/modinfo", "-F", "vermagic", module], capture_output=True, text=True, check=False)
    words = found.stdout.split()
    if found.returncode or not words:
        raise BenchError(f"{module} names no kernel it is built for: {found.stderr.strip() or 'no vermagic'}")
    return words[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--headers", action="store_true", required=True)
    parser.parse_args()
    kernel = choose(headers=True)
    keep(kernel)
    print(kernel.headers)


if __name__ == "__main__":
    sys.exit(main())
