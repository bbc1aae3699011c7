/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The layout of the uapi header, as every caller relies on it.  Compiled as C for
 * 64 and 32 bit and as C++; compiling is the test.
 */
#include <stddef.h>
#include <xen/iomemgrant.h>

#ifdef __cplusplus
#define CHECK(what) static_assert(what, #what)
#else
#define CHECK(what) _Static_assert(what, #what)
#endif
#define SIZE(type, n) CHECK(sizeof(struct type) == (n))
#define AT(type, field, n) CHECK(offsetof(struct type, field) == (n))

SIZE(iomemgrant_info, 56);
AT(iomemgrant_info, api_version, 4);
AT(iomemgrant_info, caps, 8);
AT(iomemgrant_info, gnttab_version, 12);
AT(iomemgrant_info, max_pages, 16);
AT(iomemgrant_info, max_refs, 20);
AT(iomemgrant_info, nr_refs, 24);
AT(iomemgrant_info, nr_grants, 28);
/* The first published structure ended here. */
AT(iomemgrant_info, frames, IOMEMGRANT_INFO_SIZE_1);
AT(iomemgrant_info, max_frames, 36);
AT(iomemgrant_info, headroom, 40);
AT(iomemgrant_info, refs_per_frame, 44);
AT(iomemgrant_info, refs_left, 48);
AT(iomemgrant_info, reserved, 52);
CHECK(IOMEMGRANT_INFO_SIZE_1 == 32);

SIZE(iomemgrant_grant, 144);
AT(iomemgrant_grant, flags, 4);
AT(iomemgrant_grant, segment, 8);
AT(iomemgrant_grant, bus, 10);
AT(iomemgrant_grant, devfn, 11);
AT(iomemgrant_grant, bar, 12);
AT(iomemgrant_grant, reserved, 13);
AT(iomemgrant_grant, domid, 14);
AT(iomemgrant_grant, offset, 16);
AT(iomemgrant_grant, length, 24);
AT(iomemgrant_grant, refs, 32);
AT(iomemgrant_grant, nr_refs, 40);
AT(iomemgrant_grant, first_ref, 44);
AT(iomemgrant_grant, id, 48);
AT(iomemgrant_grant, allow, 56);
AT(iomemgrant_grant, order, 60);
AT(iomemgrant_grant, min_id, IOMEMGRANT_GRANT_SIZE_1);
AT(iomemgrant_grant, cache, 72);
AT(iomemgrant_grant, reserved2, 76);
AT(iomemgrant_grant, label, 80);
CHECK(IOMEMGRANT_GRANT_SIZE_1 == 64);

SIZE(iomemgrant_label, 80);
AT(iomemgrant_label, reserved, 4);
AT(iomemgrant_label, id, 8);
AT(iomemgrant_label, label, 16);

SIZE(iomemgrant_end, 16);
AT(iomemgrant_end, flags, 4);
AT(iomemgrant_end, state, 6);
AT(iomemgrant_end, id, 8);

SIZE(iomemgrant_list, 24);
AT(iomemgrant_list, nr, 4);
AT(iomemgrant_list, entries, 8);
AT(iomemgrant_list, entry_size, 16);
AT(iomemgrant_list, reserved, 20);

SIZE(iomemgrant_entry, 192);
AT(iomemgrant_entry, created, 32);
AT(iomemgrant_entry, first_ref, 40);
AT(iomemgrant_entry, nr_mapped, 48);
AT(iomemgrant_entry, state, 52);
AT(iomemgrant_entry, uid, 68);
AT(iomemgrant_entry, segment, 72);
AT(iomemgrant_entry, bar, 76);
AT(iomemgrant_entry, domid, 78);
AT(iomemgrant_entry, vendor, 80);
AT(iomemgrant_entry, uuid, 88);
AT(iomemgrant_entry, age, IOMEMGRANT_ENTRY_SIZE_1);
AT(iomemgrant_entry, lost_reason, 112);
AT(iomemgrant_entry, changes, 116);
AT(iomemgrant_entry, cache, 120);
AT(iomemgrant_entry, reserved2, 124);
AT(iomemgrant_entry, label, 128);
CHECK(IOMEMGRANT_ENTRY_SIZE_1 == 104);

SIZE(iomemgrant_map, 56);
AT(iomemgrant_map, domid, 8);
AT(iomemgrant_map, nr_refs, 12);
AT(iomemgrant_map, refs, 16);
AT(iomemgrant_map, gfn, 24);
AT(iomemgrant_map, id, 32);
AT(iomemgrant_map, mmap_offset, 40);
AT(iomemgrant_map, length, 48);

CHECK(IOMEMGRANT_IOC_INFO == 0xc0204900);
CHECK(IOMEMGRANT_IOC_LIST == 0xc0184901);
CHECK(IOMEMGRANT_IOC_GRANT == 0xc0404910);
CHECK(IOMEMGRANT_IOC_END == 0xc0104911);
CHECK(IOMEMGRANT_IOC_LABEL == 0xc0504912);
CHECK(IOMEMGRANT_IOC_MAP == 0xc0384920);
CHECK(IOMEMGRANT_IOC_UNMAP == 0xc0104921);
