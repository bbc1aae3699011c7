// SPDX-License-Identifier: GPL-2.0-or-later
// kernel/decode.h, the guest's reading of XenStore values, beside the library's.
#ifndef FUZZ_KERNEL_DECODE_H
#define FUZZ_KERNEL_DECODE_H

// What it includes must not end up in the namespace.
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

namespace kernel
{
#include <decode.h>
}

using kernel::u32;
using kernel::u64;

#endif
