// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/xen/iomem/<id>: one character device per mapping that the frontend made.
 *
 * There is no read() and no write(): the kernel answers EINVAL.  poll() reports
 * EPOLLHUP once the pages are gone.
 */
#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>

#include "frontend.h"
#include "iomemgrant.h"
#include "map/map.h"

static struct cdev node_cdev;

static int node_open(struct inode *inode, struct file *filp)
{
	struct iomem_map *map = iomemgrant_map_find_minor(iminor(inode));

	if (!map)
		return -ENXIO;
	/* It may be revoked right now: then mmap() fails, or the first touch. */
	atomic_inc(&map->users);
	filp->private_data = map;
	filp->f_mapping = iomemgrant_space_mapping();
	return 0;
}

static int node_release(struct inode *inode, struct file *filp)
{
	struct iomem_map *map = filp->private_data;

	atomic_dec(&map->users);
	put_device(&map->dev);
	return 0;
}

static int node_mmap(struct file *filp, struct vm_area_struct *vma)
{
	return iomemgrant_map_mmap(filp->private_data, vma, vma->vm_pgoff);
}

static __poll_t node_poll(struct file *filp, struct poll_table_struct *wait)
{
	struct iomem_map *map = filp->private_data;
	enum map_state state;

	poll_wait(filp, &map->changed, wait);
	state = READ_ONCE(map->state);
	return state == MAP_MAPPED || state == MAP_FROZEN ? 0 : EPOLLHUP | EPOLLPRI;
}

static const struct file_operations node_fops = {
	.owner = THIS_MODULE,
	.open = node_open,
	.release = node_release,
	.mmap = node_mmap,
	.poll = node_poll,
};

int iomemgrant_node_init(void)
{
	cdev_init(&node_cdev, &node_fops);
	node_cdev.owner = THIS_MODULE;
	return cdev_add(&node_cdev, iomemgrant_space_devt(0), SPACE_MINORS);
}

void iomemgrant_node_exit(void)
{
	cdev_del(&node_cdev);
}
