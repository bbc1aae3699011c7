/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Grants that were published to this guest:
 *
 *	frontend     xenbus device "iomem"         publication  what a granter publishes
 *	writing      the nodes of this side        waiting      publications without a watch
 *	node         /dev/xen/iomem/
 */
#ifndef IOMEMGRANT_FRONTEND_H
#define IOMEMGRANT_FRONTEND_H

#include <linux/types.h>
#include <linux/uuid.h>

#include <xen/xenbus.h>

struct iomem_map;
struct map_request;

/*
 * frontend.c.  From iomemgrant_frontend_init() on, publications are mapped;
 * iomemgrant_frontend_exit() gives up every mapping made for one.
 */
int iomemgrant_frontend_init(void);
void iomemgrant_frontend_exit(void);

/* node.c.  The second after all files of nodes are closed. */
int iomemgrant_node_init(void);
void iomemgrant_node_exit(void);

/*
 * publication.c.  Reads and checks what @dev's backend publishes for device @id.  @label has room
 * for DECODE_LABEL_MAX + 1 bytes.  On success @request->refs is the caller's; on failure nothing
 * is allocated and *@what says which part was wrong.
 */
int iomemgrant_publication_read(const struct xenbus_device *dev, u64 id,
				struct map_request *request, char *label, uuid_t *uuid,
				const char **what);
/* Takes over what @dev's backend tells of changes.  The caller serializes this for @map. */
void iomemgrant_publication_read_changes(const struct xenbus_device *dev, struct iomem_map *map);

/* writing.c: all of it asks XenStore, and waits for it. */

/* One node of this side's directory; the last of a list has no key. */
struct fe_node {
	const char *key;
	const char *value;
};

/* Writes the nodes in one transaction.  -ENOENT: the directory has gone. */
int iomemgrant_write_nodes(struct xenbus_device *dev, const struct fe_node *nodes);
/* Tells the granter the state and how many pages are mapped. */
void iomemgrant_write_state(struct xenbus_device *dev, enum xenbus_state state, u32 nr_pages);
/* Tells the granter that nothing is mapped any more. */
void iomemgrant_write_closed(struct xenbus_device *dev);
/* Writes `error`, which begins with the name of @err, and logs it. */
void iomemgrant_write_error(struct xenbus_device *dev, int err, const char *what);

/* In `error` of a publication that waits; the granter's command knows its first two words. */
#define WAITING_ERROR "ENOSPC watches: xenstored lets this guest have no more watches"

/*
 * waiting.c.  begin(): WAITING_ERROR is written, and the driver is being taken from @dev.
 * retry(): a watch became free.  exit(): the driver is unregistered.
 */
void iomemgrant_waiting_begin(const struct xenbus_device *dev);
void iomemgrant_waiting_retry(void);
void iomemgrant_waiting_exit(void);

#endif /* IOMEMGRANT_FRONTEND_H */
