// SPDX-License-Identifier: GPL-2.0-only
/*
 * The address space that all mappings share, and the device numbers of their nodes.
 *
 * All VMAs, of /dev/xen/iomem/<id> and of /dev/xen/iomemgrant, lie in one address space of
 * an inode that belongs to this module: revoking finds the page table entries of a
 * process through it, even when the node that the process opened is gone.  Each mapping
 * has 4 GiB of that address space; a node shows its own from offset 0 on.
 */
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#include "iomemgrant.h"
#include "map.h"

#define SPACE_FS_MAGIC 0x696f6d67	/* "iomg" */

static dev_t first_devt;
static struct vfsmount *mount;
static int mount_count;
static struct inode *inode;

struct address_space *iomemgrant_space_mapping(void)
{
	return inode->i_mapping;
}

dev_t iomemgrant_space_devt(unsigned int minor)
{
	return MKDEV(MAJOR(first_devt), minor);
}

static int init_fs_context(struct fs_context *fc)
{
	return init_pseudo(fc, SPACE_FS_MAGIC) ? 0 : -ENOMEM;
}

/* No owner: the mount lives until iomemgrant_space_exit() and would pin the module for ever. */
static struct file_system_type space_fs = {
	.name = "xen_iomemgrant",
	.init_fs_context = init_fs_context,
	.kill_sb = kill_anon_super,
};

static int make_inode(void)
{
	int rc = simple_pin_fs(&space_fs, &mount, &mount_count);

	if (rc)
		return rc;
	inode = alloc_anon_inode(mount->mnt_sb);
	if (!IS_ERR(inode))
		return 0;
	simple_release_fs(&mount, &mount_count);
	return PTR_ERR(inode);
}

static void drop_inode(void)
{
	iput(inode);
	simple_release_fs(&mount, &mount_count);
}

int iomemgrant_space_init(void)
{
	int rc = make_inode();

	if (rc)
		return rc;
	rc = alloc_chrdev_region(&first_devt, 0, SPACE_MINORS, "xen-iomem");
	if (rc)
		drop_inode();
	return rc;
}

void iomemgrant_space_exit(void)
{
	unregister_chrdev_region(first_devt, SPACE_MINORS);
	drop_inode();
}
