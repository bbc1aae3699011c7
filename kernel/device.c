// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/xen/iomemgrant: the ioctls, mmap() and poll() of include/uapi/xen/iomemgrant.h.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "grant/grant.h"
#include "grant/outside.h"
#include "iomemgrant.h"
#include "map/map.h"

/* One open file; its address is the owner of the grants and mappings it makes. */
struct iomemgrant_file {
	u64 seen;	/* last iomemgrant_grant_generation() this file listed; racy by design */
};

/* The argument of any call: each begins with its size. */
union argument {
	u32 size;
	struct iomemgrant_info info;
	struct iomemgrant_grant grant;
	struct iomemgrant_end end;
	struct iomemgrant_label label;
	struct iomemgrant_list list;
	struct iomemgrant_map map;
};

static long do_info(struct iomemgrant_file *file, union argument *arg)
{
	struct iomemgrant_info *info = &arg->info;

	info->api_version = IOMEMGRANT_API_VERSION;
	info->caps = (xen_initial_domain() ? IOMEMGRANT_CAP_GRANT : 0) |
		     (iomemgrant_probe_iomem_map() ? IOMEMGRANT_CAP_HYPERVISOR : 0) |
		     (iomemgrant_probe_translated() ? IOMEMGRANT_CAP_TRANSLATED : 0) |
		     (xen_initial_domain() && iomemgrant_entry_readable() ?
		      IOMEMGRANT_CAP_MAPPED_COUNT : 0) |
		     (security_locked_down(LOCKDOWN_PCI_ACCESS) ? IOMEMGRANT_CAP_LOCKED_DOWN : 0);
	info->gnttab_version = iomemgrant_probe_gnttab_version();
	info->max_pages = iomemgrant_max_pages;
	info->max_refs = iomemgrant_max_refs;
	iomemgrant_grant_count(&info->nr_grants, &info->nr_refs);
	iomemgrant_grant_room(info);
	info->reserved = 0;
	return 0;
}

static long do_grant(struct iomemgrant_file *owner, union argument *arg)
{
	struct iomemgrant_grant *rq = &arg->grant;
	u32 i, room = rq->nr_refs;
	u32 __user *refs = u64_to_user_ptr(rq->refs);
	u16 state;
	long rc;

	/* Known before anything is granted: what does not fit could not be told. */
	if (rq->refs && room < rq->length / RANGE_PAGE_SIZE)
		return -EINVAL;
	rc = iomemgrant_grant_create(rq, owner);
	if (rc || !rq->refs)
		return rc;
	for (i = 0; i < rq->nr_refs && !rc; i++)
		rc = put_user(rq->first_ref + i, refs + i);
	if (rc)
		iomemgrant_grant_end(rq->id, false, owner, &state);
	return rc;
}

static void undo_grant(struct iomemgrant_file *owner, const union argument *arg)
{
	u16 state;

	iomemgrant_grant_end(arg->grant.id, false, owner, &state);
}

static long do_end(struct iomemgrant_file *owner, union argument *arg)
{
	struct iomemgrant_end *end = &arg->end;

	if (end->flags & ~IOMEMGRANT_END_WAIT)
		return -EINVAL;
	return iomemgrant_grant_end(end->id, end->flags & IOMEMGRANT_END_WAIT, owner, &end->state);
}

static long do_label(struct iomemgrant_file *owner, union argument *arg)
{
	return iomemgrant_grant_label_set(&arg->label, owner);
}

static long do_list(struct iomemgrant_file *file, union argument *arg)
{
	file->seen = iomemgrant_grant_generation();
	return iomemgrant_grant_list(&arg->list);
}

static long do_map(struct iomemgrant_file *owner, union argument *arg)
{
	struct iomemgrant_map *rq = &arg->map;
	struct map_request request = {
		.domid = rq->domid,
		.wc = rq->flags & IOMEMGRANT_MAP_WC,
		.nr = rq->nr_refs,
		.gfn = rq->gfn,
		.devid = -1,
		.owner = owner,
	};
	struct iomem_map *map;

	if (rq->flags & ~IOMEMGRANT_MAP_WC || rq->reserved || !rq->nr_refs ||
	    rq->domid >= DOMID_FIRST_RESERVED || (rq->gfn && !iomemgrant_probe_translated()))
		return -EINVAL;
	if (rq->nr_refs > iomemgrant_max_pages)
		return -EFBIG;
	if (!capable(CAP_SYS_RAWIO) || security_locked_down(LOCKDOWN_PCI_ACCESS))
		return -EPERM;
	request.refs = kvmalloc_array(rq->nr_refs, sizeof(u32), GFP_KERNEL);
	if (!request.refs)
		return -ENOMEM;
	if (copy_from_user(request.refs, u64_to_user_ptr(rq->refs),
			   rq->nr_refs * sizeof(u32))) {
		kvfree(request.refs);
		return -EFAULT;
	}
	map = iomemgrant_map_create(&request);
	if (IS_ERR(map))
		return PTR_ERR(map);
	rq->id = map->id;
	rq->gfn = iomemgrant_map_gfn(map);
	rq->mmap_offset = iomemgrant_map_base(map);
	rq->length = (u64)map->nr * RANGE_PAGE_SIZE;
	put_device(&map->dev);
	return 0;
}

static void undo_map(struct iomemgrant_file *owner, const union argument *arg)
{
	iomemgrant_map_unmap_id(arg->map.id, owner);
}

static long do_unmap(struct iomemgrant_file *owner, union argument *arg)
{
	struct iomemgrant_end *end = &arg->end;
	int rc;

	if (end->flags)
		return -EINVAL;
	rc = iomemgrant_map_unmap_id(end->id, owner);
	end->state = rc ? IOMEMGRANT_ENDING : IOMEMGRANT_ENDED;
	return rc;
}

/**
 * struct call - one command of /dev/xen/iomemgrant
 * @cmd:     its number; it keeps the size that the argument had when first published
 * @minimum: that size, in bytes
 * @size:    size of the argument in this version of the module
 * @run:     does it; gets a copy of the argument and returns 0 or -errno
 * @undo:    undoes what @run did when its result cannot be handed over, or NULL
 * @state:   the argument goes back to the caller after a failure, too: it has a state
 */
struct call {
	unsigned int cmd;
	u32 minimum;
	u32 size;
	long (*run)(struct iomemgrant_file *file, union argument *arg);
	void (*undo)(struct iomemgrant_file *file, const union argument *arg);
	bool state;
};

#define CALL(_cmd, _struct, _run, ...)					\
	{								\
		.cmd = _cmd,						\
		.minimum = _IOC_SIZE(_cmd),				\
		.size = sizeof(_struct) +				\
			BUILD_BUG_ON_ZERO(sizeof(_struct) < _IOC_SIZE(_cmd)), \
		.run = _run,						\
		__VA_ARGS__						\
	}

static const struct call calls[] = {
	CALL(IOMEMGRANT_IOC_INFO, struct iomemgrant_info, do_info),
	CALL(IOMEMGRANT_IOC_LIST, struct iomemgrant_list, do_list),
	CALL(IOMEMGRANT_IOC_GRANT, struct iomemgrant_grant, do_grant, .undo = undo_grant),
	CALL(IOMEMGRANT_IOC_END, struct iomemgrant_end, do_end, .state = true),
	CALL(IOMEMGRANT_IOC_LABEL, struct iomemgrant_label, do_label),
	CALL(IOMEMGRANT_IOC_MAP, struct iomemgrant_map, do_map, .undo = undo_map),
	CALL(IOMEMGRANT_IOC_UNMAP, struct iomemgrant_end, do_unmap, .state = true),
};

static const struct call *find_call(unsigned int cmd)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].cmd == cmd)
			return &calls[i];
	return NULL;
}

static long iomemgrant_ioctl(struct file *filp, unsigned int cmd, unsigned long address)
{
	struct iomemgrant_file *file = filp->private_data;
	void __user *user = (void __user *)address;
	const struct call *call = find_call(cmd);
	union argument arg;
	u32 size;
	long rc;

	if (!call)
		return -ENOTTY;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < call->minimum)
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	memset(&arg, 0, sizeof(arg));
	rc = copy_struct_from_user(&arg, call->size, user, size);
	if (rc)
		return rc;
	/* The caller may have changed it between the two reads. */
	arg.size = size;

	rc = call->run(file, &arg);
	if (rc && !call->state)
		return rc;
	if (copy_to_user(user, &arg, min(size, call->size))) {
		if (!rc && call->undo)
			call->undo(file, &arg);
		return rc ?: -EFAULT;
	}
	return rc;
}

static int iomemgrant_open(struct inode *inode, struct file *filp)
{
	struct iomemgrant_file *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file)
		return -ENOMEM;
	file->seen = iomemgrant_grant_generation();
	filp->private_data = file;
	filp->f_mapping = iomemgrant_space_mapping();
	return 0;
}

/* Its VMAs hold the file, so none is left. */
static int iomemgrant_release(struct inode *inode, struct file *filp)
{
	iomemgrant_grant_end_owner(filp->private_data);
	iomemgrant_map_retire_owner(filp->private_data);
	kfree(filp->private_data);
	return 0;
}

static int iomemgrant_mmap(struct file *filp, struct vm_area_struct *vma)
{
	u64 id = vma->vm_pgoff >> (32 - PAGE_SHIFT);
	struct iomem_map *map = id <= U32_MAX ? iomemgrant_map_find(id, filp->private_data) : NULL;
	unsigned long first = vma->vm_pgoff & ((1UL << (32 - PAGE_SHIFT)) - 1);
	int rc;

	if (!map)
		return -EINVAL;
	rc = iomemgrant_map_mmap(map, vma, first);
	put_device(&map->dev);
	return rc;
}

static __poll_t iomemgrant_poll(struct file *filp, struct poll_table_struct *wait)
{
	struct iomemgrant_file *file = filp->private_data;

	return iomemgrant_grant_poll(filp, wait, READ_ONCE(file->seen));
}

static const struct file_operations iomemgrant_fops = {
	.owner = THIS_MODULE,
	.open = iomemgrant_open,
	.release = iomemgrant_release,
	.unlocked_ioctl = iomemgrant_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = iomemgrant_mmap,
	.poll = iomemgrant_poll,
	.llseek = noop_llseek,
};

struct miscdevice iomemgrant_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "iomemgrant",
	.nodename = "xen/iomemgrant",
	.mode = 0600,
	.fops = &iomemgrant_fops,
};
