// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/xen/iomem/<id>: one character device per mapping that the frontend made.
 *
 * All of them, and the mmap()s of /dev/xen/iomemgrant, share one address space of
 * an inode that belongs to this module: revoking finds the page table entries of a
 * process through it, even when the node that the process opened is gone.  Each mapping
 * has 4 GiB of that address space; a node shows its own from offset 0 on.
 *
 * There is no read() and no write(): the kernel answers EINVAL.  poll() reports
 * EPOLLHUP once the pages are gone.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/poll.h>
#include <linux/pseudo_fs.h>

#include "iomemgrant.h"

#define NODE_FS_MAGIC 0x696f6d67	/* "iomg" */

static dev_t node_first;
static struct cdev node_cdev;
static struct vfsmount *node_mount;
static int node_mount_count;
static struct inode *node_inode;

struct address_space *iomemgrant_node_mapping(void)
{
	return node_inode->i_mapping;
}

/* The device number of a mapping whose dev.devt has only its minor so far. */
dev_t iomemgrant_node_devt(const struct iomem_map *map)
{
	return MKDEV(MAJOR(node_first), MINOR(map->dev.devt));
}

static int node_open(struct inode *inode, struct file *filp)
{
	struct iomem_map *map = iomemgrant_map_find_minor(iminor(inode));

	if (!map)
		return -ENXIO;
	/* It may be revoked right now: then mmap() fails, or the first touch. */
	atomic_inc(&map->users);
	filp->private_data = map;
	filp->f_mapping = iomemgrant_node_mapping();
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

static int node_fs_init_context(struct fs_context *fc)
{
	return init_pseudo(fc, NODE_FS_MAGIC) ? 0 : -ENOMEM;
}

/* No owner: the mount lives until iomemgrant_node_exit() and would pin the module for ever. */
static struct file_system_type node_fs = {
	.name = "xen_iomemgrant",
	.init_fs_context = node_fs_init_context,
	.kill_sb = kill_anon_super,
};

static int node_make_inode(void)
{
	int rc = simple_pin_fs(&node_fs, &node_mount, &node_mount_count);

	if (rc)
		return rc;
	node_inode = alloc_anon_inode(node_mount->mnt_sb);
	if (!IS_ERR(node_inode))
		return 0;
	simple_release_fs(&node_mount, &node_mount_count);
	return PTR_ERR(node_inode);
}

int iomemgrant_node_init(void)
{
	int rc = node_make_inode();

	if (rc)
		return rc;
	rc = alloc_chrdev_region(&node_first, 0, NODE_MINORS, "xen-iomem");
	if (rc)
		goto put_inode;
	cdev_init(&node_cdev, &node_fops);
	node_cdev.owner = THIS_MODULE;
	rc = cdev_add(&node_cdev, node_first, NODE_MINORS);
	if (!rc)
		return 0;
	unregister_chrdev_region(node_first, NODE_MINORS);
put_inode:
	iput(node_inode);
	simple_release_fs(&node_mount, &node_mount_count);
	return rc;
}

void iomemgrant_node_exit(void)
{
	cdev_del(&node_cdev);
	unregister_chrdev_region(node_first, NODE_MINORS);
	iput(node_inode);
	simple_release_fs(&node_mount, &node_mount_count);
}
