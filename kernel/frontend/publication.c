// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads what a granter publishes, as xen-iomemgrant(7) has it.  Everything in
 * XenStore is hostile until decode.h has seen it.
 */
#include <linux/slab.h>

#include <xen/xenbus.h>

#include "decode.h"
#include "frontend.h"
#include "iomemgrant.h"
#include "map/map.h"
#include "range.h"

/* A value of at most @max bytes without NUL in it; the caller frees it. */
static char *read_value(const char *dir, const char *key, unsigned int max)
{
	unsigned int len;
	char *value = xenbus_read(XBT_NIL, dir, key, &len);

	if (IS_ERR(value))
		return value;
	if (len > max || strlen(value) != len) {
		kfree(value);
		return ERR_PTR(-EINVAL);
	}
	return value;
}

static int read_number(const char *dir, const char *key, u64 max, u64 *number)
{
	char *value = read_value(dir, key, 20);
	int rc;

	if (IS_ERR(value))
		return PTR_ERR(value);
	rc = decode_whole_number(value, max, number);
	kfree(value);
	return rc;
}

/* Is @key one of two words?  0 the first, 1 the second, else an error. */
static int read_word(const char *dir, const char *key, const char *first, const char *second)
{
	char *value = read_value(dir, key, 16);
	int rc = -EINVAL;

	if (IS_ERR(value))
		return PTR_ERR(value);
	if (!strcmp(value, first))
		rc = 0;
	else if (!strcmp(value, second))
		rc = 1;
	kfree(value);
	return rc;
}

/*
 * The directory we read must be the granter's own for exactly this device: only the
 * granter and dom0 can write there, while `backend` is ours to write.
 */
static int check_backend(const struct xenbus_device *dev, u64 id)
{
	char path[80];
	u64 self;
	int rc;

	if (dev->otherend_id < 0 || dev->otherend_id >= DOMID_FIRST_RESERVED)
		return -EINVAL;
	rc = read_number("domid", "", DOMID_FIRST_RESERVED - 1, &self);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "/local/domain/%d/backend/iomem/%llu/%llu",
		 dev->otherend_id, self, id);
	return strcmp(path, dev->otherend) ? -EINVAL : 0;
}

static int read_protocol(const char *dir)
{
	char *value = read_value(dir, "protocol", 64);
	int rc;

	if (IS_ERR(value))
		return PTR_ERR(value);
	rc = decode_list_has(value, "1") ? 0 : -EPROTO;
	kfree(value);
	return rc;
}

static int read_refs(const char *dir, u32 nr, u32 **refs)
{
	char *value = read_value(dir, "refs", DECODE_REFS_MAX);
	u32 count = 0;
	int rc;

	if (IS_ERR(value))
		return PTR_ERR(value);
	*refs = kvmalloc_array(nr, sizeof(**refs), GFP_KERNEL);
	rc = *refs ? decode_refs(value, *refs, nr, &count) : -ENOMEM;
	if (!rc && count != nr)
		rc = -EINVAL;
	kfree(value);
	if (rc) {
		kvfree(*refs);
		*refs = NULL;
	}
	return rc;
}

/* Absent is fine for both: the result is then empty. */
static int read_label(const char *dir, char *label)
{
	char *value = read_value(dir, "label", DECODE_LABEL_MAX);
	int rc = 0;

	if (value == ERR_PTR(-ENOENT))
		return 0;
	if (IS_ERR(value))
		return PTR_ERR(value);
	if (decode_label_ok(value))
		strscpy(label, value, DECODE_LABEL_MAX + 1);
	else
		rc = -EINVAL;
	kfree(value);
	return rc;
}

static int read_uuid(const char *dir, uuid_t *uuid)
{
	char *value = read_value(dir, "uuid", UUID_STRING_LEN);
	int rc;

	if (value == ERR_PTR(-ENOENT))
		return 0;
	if (IS_ERR(value))
		return PTR_ERR(value);
	rc = uuid_parse(value, uuid);
	kfree(value);
	return rc;
}

void iomemgrant_publication_read_changes(const struct xenbus_device *dev, struct iomem_map *map)
{
	char *value = read_value(dev->otherend, "changes", DECODE_CHANGES_MAX);
	u32 changes = 0;

	/* The granter does not write again what could not be read now. */
	if (IS_ERR(value) && PTR_ERR(value) != -ENOENT)
		return;
	if (!IS_ERR(value)) {
		changes = decode_changes(value);
		kfree(value);
	}
	if (changes == map->changes)
		return;
	WRITE_ONCE(map->changes, changes);
	sysfs_notify(&map->dev.kobj, NULL, "changes");
	kobject_uevent(&map->dev.kobj, KOBJ_CHANGE);
}

int iomemgrant_publication_read(const struct xenbus_device *dev, u64 id, struct map_request *rq,
				char *label, uuid_t *uuid, const char **what)
{
	const char *dir = dev->otherend;
	u64 nr, page_size;
	int rc;

	*what = "backend path";
	rc = check_backend(dev, id);
	if (rc)
		return rc;
	*what = "no common protocol version";
	rc = read_protocol(dir);
	if (rc)
		return rc;
	*what = "method";
	rc = read_word(dir, "method", "grant", "domctl");
	if (rc)
		return rc < 0 ? rc : -EOPNOTSUPP;
	*what = "mode";
	rc = read_word(dir, "mode", "rw", "ro");
	if (rc)
		return rc < 0 ? rc : -EOPNOTSUPP;
	*what = "cache";
	rc = read_word(dir, "cache", "uc", "wc");
	if (rc < 0)
		return rc;
	rq->wc = rc;
	*what = "page-size";
	rc = read_number(dir, "page-size", U32_MAX, &page_size);
	if (rc || page_size != RANGE_PAGE_SIZE)
		return rc ?: -EOPNOTSUPP;
	*what = "label";
	rc = read_label(dir, label);
	if (rc)
		return rc;
	*what = "uuid";
	rc = read_uuid(dir, uuid);
	if (rc)
		return rc;
	*what = "nr-pages";
	rc = read_number(dir, "nr-pages", U32_MAX, &nr);
	if (rc || !nr || nr > iomemgrant_max_pages)
		return rc ?: (nr ? -EFBIG : -EINVAL);
	*what = "refs";
	rq->nr = nr;
	return read_refs(dir, rq->nr, &rq->refs);
}
