# SPDX-License-Identifier: GPL-2.0-or-later
"""Which kernel the bench boots, on made-up machines with several; modules for another one are refused."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from bench import BenchError, Images, Products  # noqa: E402
from bench.kernel import Kernel, choose, keep  # noqa: E402


class Machine:
    """A root directory with kernels in it, and the record of a tree."""

    def __init__(self, root):
        self.root, self.record = root / "root", root / "build" / "bench-kernel"

    def install(self, release, headers=True):
        for directory in ("boot", f"lib/modules/{release}/kernel", f"usr/src/linux-headers-{release}"):
            (self.root / directory).mkdir(parents=True, exist_ok=True)
        (self.root / f"boot/vmlinuz-{release}").write_bytes(b"kernel")
        if headers:
            (self.root / f"lib/modules/{release}/build").symlink_to(self.root / f"usr/src/linux-headers-{release}")
        return Kernel(release, self.root)

    def remove(self, release):
        (self.root / f"boot/vmlinuz-{release}").unlink()

    def choose(self, asked=None, headers=True):
        return choose(self.root, self.record, {"XEN_IOMEMGRANT_KERNEL": asked} if asked else {}, headers)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def module_for(path, version):
    """A file that modinfo takes for a kernel module."""
    attribute = f'__attribute__((section(".modinfo"), used)) const char text[] = "{version}";'
    subprocess.run(["gcc", "-xc", "-c", "-o", path, "-"], input=attribute, text=True, check=True)
    return path


def test_the_newest_kernel_with_headers_is_chosen(machine):
    machine.install("6.1.0-9-amd64")
    newest = machine.install("6.1.0-56-amd64")
    machine.install("6.12.117+deb12-amd64", headers=False)
    assert machine.choose() == newest
    assert machine.choose(headers=False) == newest


def test_a_kernel_without_headers_boots_where_nothing_is_built(machine):
    only = machine.install("6.1.0-56-amd64", headers=False)
    assert machine.choose(headers=False) == only
    with pytest.raises(BenchError, match="^no kernel in .*/boot to boot: install linux-image-amd64 and linux-headers-amd64$"):
        machine.choose()


def test_a_kernel_installed_later_is_not_booted(machine):
    old = machine.install("6.1.0-56-amd64")
    keep(machine.choose(), machine.record)
    machine.install("6.12.117+deb12-amd64")
    assert machine.choose() == old
    assert machine.choose(headers=False) == old


def test_the_record_gives_way_when_its_kernel_is_gone(machine):
    machine.install("6.1.0-56-amd64")
    keep(machine.choose(), machine.record)
    new = machine.install("6.1.0-57-amd64")
    machine.remove("6.1.0-56-amd64")
    assert machine.choose() == new


def test_the_environment_outweighs_the_record(machine):
    machine.install("6.1.0-56-amd64")
    keep(machine.choose(), machine.record)
    other = machine.install("6.12.117+deb12-amd64")
    assert machine.choose("6.12.117+deb12-amd64") == other


def test_a_chosen_kernel_that_is_not_installed_is_an_error(machine):
    machine.install("6.1.0-56-amd64")
    with pytest.raises(BenchError, match=r"^XEN_IOMEMGRANT_KERNEL=6\.9: there is no .*/boot/vmlinuz-6\.9$"):
        machine.choose("6.9")


def test_an_equal_record_keeps_its_age(machine):
    """Otherwise make would build every module again in each run."""
    kernel = machine.install("6.1.0-56-amd64")
    keep(kernel, machine.record)
    before = machine.record.stat().st_mtime_ns
    keep(kernel, machine.record)
    assert machine.record.stat().st_mtime_ns == before


def test_a_module_for_another_kernel_is_refused_before_a_boot(machine, tmp_path):
    kernel = machine.install("6.12.117+deb12-amd64")
    module = module_for(tmp_path / "xen_iomemgrant.ko", "vermagic=6.1.0-56-amd64 SMP preempt mod_unload modversions ")
    message = (f"{module} is built for kernel 6.1.0-56-amd64, the bench boots 6.12.117+deb12-amd64: "
               "run scripts/build, or choose with XEN_IOMEMGRANT_KERNEL=6.1.0-56-amd64")
    for products in (Products(module=module), Products(files=[(module, "/root/iomem_driver.ko")])):
        with pytest.raises(BenchError) as refusal:
            Images(products, kernel=kernel)
        assert str(refusal.value) == message


def test_a_module_for_the_kernel_is_taken(machine, tmp_path):
    kernel = machine.install("6.12.117+deb12-amd64")
    kernel.check(module_for(tmp_path / "any.ko", "vermagic=6.12.117+deb12-amd64 SMP preempt "))


def test_a_file_that_is_no_module_is_refused(machine, tmp_path):
    kernel = machine.install("6.1.0-56-amd64")
    with pytest.raises(BenchError, match="names no kernel it is built for: no vermagic$"):
        kernel.check(module_for(tmp_path / "any.ko", "license=GPL"))
