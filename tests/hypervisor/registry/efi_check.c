// SPDX-License-Identifier: GPL-2.0-only
/* Which frames EFI's memory map keeps from being granted: efi_uses_frames() of the patches. */
#include "harness.h"

typedef unsigned long UINTN;

typedef struct {
	uint32_t Type, Pad;
	uint64_t PhysicalStart, VirtualStart, NumberOfPages, Attribute;
} EFI_MEMORY_DESCRIPTOR;

#define EFI_PAGE_SHIFT 12
#define EFI_MEMORY_RUNTIME 0x8000000000000000ull

/* As in the UEFI specification; persistent memory is 14. */
enum { EfiReservedMemoryType, EfiLoaderCode, EfiLoaderData, EfiBootServicesCode, EfiBootServicesData,
       EfiRuntimeServicesCode, EfiRuntimeServicesData, EfiConventionalMemory, EfiUnusableMemory, EfiACPIReclaimMemory,
       EfiACPIMemoryNVS, EfiMemoryMappedIO, EfiMemoryMappedIOPortSpace, EfiPalCode, EfiPersistentMemory };

/* Firmware's descriptors are larger than the structure. */
static struct { EFI_MEMORY_DESCRIPTOR desc; uint64_t more; } map[3];
static UINTN efi_memmap_size, efi_mdesc_size = sizeof(map[0]);
static void *efi_memmap = map;

#include "source/efi.c"

int check_efi(void)
{
	static const bool usable[] = { [EfiReservedMemoryType] = true, [EfiMemoryMappedIO] = true,
				       [EfiMemoryMappedIOPortSpace] = true, [EfiPersistentMemory] = false };
	int bad = 0;

	/* Booted without EFI. */
	bad += efi_uses_frames(0, ~0ul);
	for (unsigned int type = 0; type <= EfiPersistentMemory; type++) {
		map[0].desc = (EFI_MEMORY_DESCRIPTOR){ .Type = EfiMemoryMappedIO, .PhysicalStart = 0x80000000, .NumberOfPages = 1 };
		map[1].desc = (EFI_MEMORY_DESCRIPTOR){ .Type = type, .PhysicalStart = 0xfea00000, .NumberOfPages = 4 };
		map[2].desc = (EFI_MEMORY_DESCRIPTOR){ .Type = EfiRuntimeServicesCode, .PhysicalStart = 0xfea08000 };
		efi_memmap_size = 3 * efi_mdesc_size;
		/* First, last, across either end, around all of it; then both neighbours, and what has no pages. */
		bad += efi_uses_frames(0xfea00, 0xfea00) == usable[type];
		bad += efi_uses_frames(0xfea03, 0xfea03) == usable[type];
		bad += efi_uses_frames(0xfe9ff, 0xfea00) == usable[type];
		bad += efi_uses_frames(0xfea03, 0xfea04) == usable[type];
		bad += efi_uses_frames(0, ~0ul) == usable[type];
		bad += efi_uses_frames(0xfe9ff, 0xfe9ff);
		bad += efi_uses_frames(0xfea04, 0xfeaff);
		/* What runtime services use is theirs, whatever it is. */
		map[1].desc.Attribute = EFI_MEMORY_RUNTIME;
		bad += !efi_uses_frames(0xfea02, 0xfea02);
	}
	if (bad)
		printf("registry: efi_uses_frames() is wrong %d times\n", bad);
	return bad;
}
