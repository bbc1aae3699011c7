// SPDX-License-Identifier: GPL-2.0-only
/*
 * Class iomemgrant: one device grantN per grant (N is the grant's id) and one mapN
 * per mapping.  One value a file, numbers decimal, addresses 0x-hex, "-" for what
 * is absent.
 *
 * No file takes a lock of grant/grant.c or map/create.c: both remove these devices with their
 * locks held, and removal waits for readers.  So a value may be a moment old.
 */
#include <linux/pci.h>
#include <linux/sysfs.h>

#include "compat.h"
#include "decode.h"
#include "grant/grant.h"
#include "iomemgrant.h"
#include "map/map.h"

#define GRANT_ATTR(name, mode, format, ...)						\
static ssize_t grant_##name##_show(struct device *dev, struct device_attribute *attr,	\
				   char *buf)						\
{											\
	const struct grant *g __maybe_unused = to_grant(dev);				\
											\
	return sysfs_emit(buf, format "\n", __VA_ARGS__);				\
}											\
static struct device_attribute grant_attr_##name =					\
	__ATTR(name, mode, grant_##name##_show, NULL)

#define MAP_ATTR(name, mode, format, ...)						\
static ssize_t map_##name##_show(struct device *dev, struct device_attribute *attr,	\
				 char *buf)						\
{											\
	const struct iomem_map *map __maybe_unused = to_map(dev);			\
											\
	return sysfs_emit(buf, format "\n", __VA_ARGS__);				\
}											\
static struct device_attribute map_attr_##name =					\
	__ATTR(name, mode, map_##name##_show, NULL)

static const char *grant_state_name(u32 state)
{
	switch (state) {
	case IOMEMGRANT_ENDING:
		return "ending";
	case IOMEMGRANT_LOST:
		return "lost";
	default:
		return "live";
	}
}

static const char *grant_lost_reason_name(u32 reason)
{
	switch (reason) {
	case IOMEMGRANT_LOST_DEVICE_GONE:
		return "device-gone";
	case IOMEMGRANT_LOST_MOVED:
		return "moved";
	case IOMEMGRANT_LOST_DRIVER_LEFT:
		return "driver-left";
	case IOMEMGRANT_LOST_DRIVER_CAME:
		return "driver-came";
	case IOMEMGRANT_LOST_ASSIGNED:
		return "assigned";
	default:
		return "-";
	}
}

static ssize_t show_changes(char *buf, u32 changes)
{
	char text[DECODE_CHANGES_MAX + 1];

	decode_changes_text(changes, text);
	return sysfs_emit(buf, "%s\n", text[0] ? text : "-");
}

static ssize_t grant_changes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_changes(buf, READ_ONCE(to_grant(dev)->changes));
}
static struct device_attribute grant_attr_changes = __ATTR(changes, 0444, grant_changes_show, NULL);

GRANT_ATTR(state, 0444, "%s", grant_state_name(iomemgrant_grant_state(g)));
GRANT_ATTR(lost_reason, 0444, "%s", grant_lost_reason_name(READ_ONCE(g->lost_reason)));
GRANT_ATTR(domid, 0444, "%u", g->domid);
GRANT_ATTR(pci, 0444, "%04x:%02x:%02x.%u", g->segment, g->bus, PCI_SLOT(g->devfn),
	   PCI_FUNC(g->devfn));
GRANT_ATTR(bar, 0444, "%u", g->bar);
GRANT_ATTR(offset, 0444, "%#llx", g->offset);
GRANT_ATTR(length, 0444, "%llu", g->length);
GRANT_ATTR(first_ref, 0444, "%u", g->first_ref);
GRANT_ATTR(nr_refs, 0444, "%u", g->nr_refs);
GRANT_ATTR(readonly, 0444, "%u", !!(g->flags & IOMEMGRANT_READ_ONLY));
GRANT_ATTR(persistent, 0444, "%u", !!(g->flags & IOMEMGRANT_PERSIST));
GRANT_ATTR(order, 0444, "%u", 0);
GRANT_ATTR(uid, 0444, "%u", g->uid);
GRANT_ATTR(created, 0444, "%llu", g->created);
GRANT_ATTR(cache, 0444, "%s", g->cache == IOMEMGRANT_CACHE_WC ? "wc" : "uc");
GRANT_ATTR(address, 0400, "%#llx", g->use.pages.start);

static ssize_t show_uuid(char *buf, const uuid_t *uuid)
{
	return uuid_is_null(uuid) ? sysfs_emit(buf, "-\n") : sysfs_emit(buf, "%pUb\n", uuid);
}

static ssize_t grant_uuid_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_uuid(buf, &to_grant(dev)->uuid);
}
static struct device_attribute grant_attr_uuid = __ATTR(uuid, 0444, grant_uuid_show, NULL);

static ssize_t grant_label_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	char label[IOMEMGRANT_LABEL_SIZE];

	iomemgrant_grant_label_copy(to_grant(dev), label);
	return sysfs_emit(buf, "%s\n", label[0] ? label : "-");
}
static struct device_attribute grant_attr_label = __ATTR(label, 0444, grant_label_show, NULL);

static ssize_t grant_mapped_refs_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 nr = iomemgrant_grant_nr_mapped(to_grant(dev));

	return nr == U32_MAX ? sysfs_emit(buf, "-\n") : sysfs_emit(buf, "%u\n", nr);
}
static struct device_attribute grant_attr_mapped_refs =
	__ATTR(mapped_refs, 0444, grant_mapped_refs_show, NULL);

static ssize_t grant_bus_master_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct grant *g = to_grant(dev);
	u16 command;

	if (READ_ONCE(g->lost_reason) || pci_read_config_word(g->pdev, PCI_COMMAND, &command) ||
	    command == 0xffff)
		return sysfs_emit(buf, "-\n");
	return sysfs_emit(buf, "%u\n", !!(command & PCI_COMMAND_MASTER));
}
static struct device_attribute grant_attr_bus_master =
	__ATTR(bus_master, 0444, grant_bus_master_show, NULL);

static struct attribute *grant_attrs[] = {
	&grant_attr_address.attr,
	&grant_attr_bar.attr,
	&grant_attr_bus_master.attr,
	&grant_attr_cache.attr,
	&grant_attr_changes.attr,
	&grant_attr_created.attr,
	&grant_attr_domid.attr,
	&grant_attr_first_ref.attr,
	&grant_attr_label.attr,
	&grant_attr_length.attr,
	&grant_attr_lost_reason.attr,
	&grant_attr_mapped_refs.attr,
	&grant_attr_nr_refs.attr,
	&grant_attr_offset.attr,
	&grant_attr_order.attr,
	&grant_attr_pci.attr,
	&grant_attr_persistent.attr,
	&grant_attr_readonly.attr,
	&grant_attr_state.attr,
	&grant_attr_uid.attr,
	&grant_attr_uuid.attr,
	NULL
};

static const struct attribute_group grant_group = { .attrs = grant_attrs };
const struct attribute_group *iomemgrant_grant_groups[] = { &grant_group, NULL };

static const char *map_state_name(enum map_state state)
{
	switch (state) {
	case MAP_MAPPED:
		return "mapped";
	case MAP_ZOMBIE:
		return "zombie";
	case MAP_STALE:
		return "stale";
	case MAP_FROZEN:
	case MAP_REVOKED:
		break;
	}
	return "revoked";
}

MAP_ATTR(state, 0444, "%s", map_state_name(READ_ONCE(map->state)));
MAP_ATTR(devid, 0444, "%lld", map->devid);
MAP_ATTR(label, 0444, "%s", map->label[0] ? map->label : "-");
MAP_ATTR(length, 0444, "%llu", (u64)map->nr * RANGE_PAGE_SIZE);
MAP_ATTR(nr_refs, 0444, "%u", map->nr);
MAP_ATTR(remote_domid, 0444, "%u", map->domid);
MAP_ATTR(cache, 0444, "%s", map->wc ? "wc" : "uc");
MAP_ATTR(readonly, 0444, "%u", 0);
MAP_ATTR(users, 0444, "%d", atomic_read(&map->users));

static ssize_t map_uuid_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_uuid(buf, &to_map(dev)->uuid);
}
static struct device_attribute map_attr_uuid = __ATTR(uuid, 0444, map_uuid_show, NULL);

static ssize_t map_gfn_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u64 gfn = iomemgrant_map_gfn(to_map(dev));

	return gfn ? sysfs_emit(buf, "%#llx\n", gfn) : sysfs_emit(buf, "-\n");
}
static struct device_attribute map_attr_gfn = __ATTR(gfn, 0400, map_gfn_show, NULL);

/* Of pages that were taken away the granter tells nothing. */
static ssize_t map_changes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct iomem_map *map = to_map(dev);
	bool mapped = READ_ONCE(map->state) == MAP_MAPPED;

	return show_changes(buf, mapped ? READ_ONCE(map->changes) : 0);
}
static struct device_attribute map_attr_changes = __ATTR(changes, 0444, map_changes_show, NULL);

/* As ranges, like the XenStore key.  A list too long for one page ends in "...". */
static ssize_t map_refs_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct iomem_map *map = to_map(dev);
	u32 i, last;
	int len = 0;

	for (i = 0; i < map->nr; i = last + 1) {
		for (last = i; last + 1 < map->nr && map->refs[last + 1] == map->refs[last] + 1;)
			last++;
		if (len > PAGE_SIZE - 32) {
			len += sysfs_emit_at(buf, len, ",...");
			break;
		}
		len += sysfs_emit_at(buf, len, "%s%u", i ? "," : "", map->refs[i]);
		if (last > i)
			len += sysfs_emit_at(buf, len, "-%u", map->refs[last]);
	}
	return len + sysfs_emit_at(buf, len, "\n");
}
static struct device_attribute map_attr_refs = __ATTR(refs, 0444, map_refs_show, NULL);

static struct attribute *map_attrs[] = {
	&map_attr_cache.attr,
	&map_attr_changes.attr,
	&map_attr_devid.attr,
	&map_attr_gfn.attr,
	&map_attr_label.attr,
	&map_attr_length.attr,
	&map_attr_nr_refs.attr,
	&map_attr_readonly.attr,
	&map_attr_refs.attr,
	&map_attr_remote_domid.attr,
	&map_attr_state.attr,
	&map_attr_users.attr,
	&map_attr_uuid.attr,
	NULL
};

static const struct attribute_group map_group = { .attrs = map_attrs };
const struct attribute_group *iomemgrant_map_groups[] = { &map_group, NULL };

/* Only mappings of the frontend have a device number, so only they come here. */
static char *iomemgrant_devnode(DEVNODE_CONST struct device *dev, umode_t *mode)
{
	if (!dev->devt)
		return NULL;
	if (mode)
		*mode = 0600;
	return kasprintf(GFP_KERNEL, "xen/iomem/%lld",
			 container_of(dev, struct iomem_map, dev)->devid);
}

struct class iomemgrant_class = {
	.name = "iomemgrant",
	.devnode = iomemgrant_devnode,
	.pm = &iomemgrant_map_pm_ops,
};
