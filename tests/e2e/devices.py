# SPDX-License-Identifier: GPL-2.0-or-later
"""The PCI devices of the bench besides those every Bench has, as QEMU arguments."""

NVME = "0000:00:12.0"           # a 16 KiB BAR with an MSI-X table in it, driver nvme
E1000E = "0000:00:13.0"         # two 128 KiB BARs, ports, and a 16 KiB BAR with MSI-X; driver e1000e
BIG = "0000:00:14.0"            # a 64-bit prefetchable BAR of 256 MiB
BIG_SIZE = 256 << 20
SMALL = "0000:00:17.0"          # a BAR of 256 bytes, no driver here
REMOVED = "0000:00:18.0"        # another edu, for what takes the device away
SLOT = "0000:01:00.0"           # what is plugged into the hot-plug slot
PF = "0000:02:00.0"             # an nvme controller that can make four virtual functions
VF = "0000:02:00.1"             # the first of them


def arguments(directory):
    """More devices; files behind them go into `directory`."""
    big = directory / "big-bar"
    with big.open("wb") as file:
        file.truncate(BIG_SIZE)
    return [
        "-drive", "driver=null-co,read-zeroes=on,size=16M,if=none,id=disk",
        "-device", "nvme,drive=disk,serial=bench,addr=12.0",
        "-device", "e1000e,addr=13.0,romfile=",
        "-object", f"memory-backend-file,id=big,share=on,mem-path={big},size={BIG_SIZE}",
        "-device", "ivshmem-plain,memdev=big,addr=14.0",
        "-device", "sdhci-pci,addr=17.0",
        "-device", "edu,addr=18.0",
        "-device", "pcie-root-port,id=plug,addr=16.0,chassis=1",
        "-device", "pcie-root-port,id=functions,addr=1a.0,chassis=2",
        "-device", "nvme-subsys,id=subsystem",
        "-device", "nvme,serial=functions,bus=functions,subsys=subsystem,sriov_max_vfs=4,"
                   "sriov_vq_flexible=8,sriov_vi_flexible=4,max_ioqpairs=12,msix_qsize=9",
    ]
