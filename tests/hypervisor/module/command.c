// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/iomem_hvtest: write one command line, read its one-line answer "key=value ...".
 *
 * Words after the command are numbers (decimal or 0x-hex).  A hypercall that fails is an answer,
 * not an error: write() fails only for a line that is no command.  Each open file has its own
 * answer; commands run one at a time, except that "stress" ones keep threads of their own.
 *
 * mmap() of the device maps machine frames (guest frames in a translated guest) whose number is
 * the page offset: how user space comes to hold page-table entries of granted frames.
 */
#define pr_fmt(fmt) "iomem_hvtest: " fmt

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <xen/xen.h>

#include "hvtest.h"

static DEFINE_MUTEX(command_lock);

static const struct hvtest_command *const tables[] = {
	hvtest_granter_commands, hvtest_mapper_commands,  hvtest_memory_commands,
	hvtest_pagetable_commands, hvtest_stress_commands,  hvtest_race_commands,
};

void hvtest_say(struct hvtest_reply *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	r->len += vscnprintf(r->text + r->len, sizeof(r->text) - r->len, fmt, args);
	va_end(args);
}

u64 hvtest_arg(const struct hvtest_args *a, int i, u64 other)
{
	return i < a->nr ? a->v[i] : other;
}

static const struct hvtest_command *find_command(const char *name)
{
	const struct hvtest_command *c;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (c = tables[i]; c->name; c++)
			if (!strcmp(c->name, name))
				return c;
	return NULL;
}

static int run_line(struct hvtest_reply *r, char *line)
{
	const struct hvtest_command *c;
	struct hvtest_args *args;
	char *word;
	int rc = 0;

	line = strim(line);
	word = strsep(&line, " ");
	c = find_command(word);
	if (!c)
		return -EINVAL;

	args = kzalloc(sizeof(*args), GFP_KERNEL);
	if (!args)
		return -ENOMEM;
	while (!rc && (word = strsep(&line, " "))) {
		if (!*word)
			continue;
		if (args->nr == HVTEST_MAX_WORDS)
			rc = -E2BIG;
		else
			rc = kstrtou64(word, 0, &args->v[args->nr++]);
	}
	if (!rc && (args->nr < c->min_args || args->nr > c->max_args)) {
		pr_err("usage: %s %s\n", c->name, c->usage);
		rc = -EINVAL;
	}
	if (!rc)
		rc = c->run(r, args);
	kfree(args);
	return rc;
}

static int hvtest_open(struct inode *inode, struct file *file)
{
	file->private_data = kvzalloc(sizeof(struct hvtest_reply), GFP_KERNEL);
	return file->private_data ? 0 : -ENOMEM;
}

static int hvtest_release(struct inode *inode, struct file *file)
{
	kvfree(file->private_data);
	return 0;
}

static ssize_t hvtest_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct hvtest_reply *r = file->private_data;
	char *line;
	int rc;

	if (!count || count > 512)
		return -EINVAL;
	line = memdup_user_nul(buf, count);
	if (IS_ERR(line))
		return PTR_ERR(line);

	mutex_lock(&command_lock);
	r->len = 0;
	rc = run_line(r, line);
	mutex_unlock(&command_lock);
	*pos = 0;
	kfree(line);
	return rc ? rc : count;
}

static ssize_t hvtest_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct hvtest_reply *r = file->private_data;

	return simple_read_from_buffer(buf, count, pos, r->text, r->len);
}

static int hvtest_mmap(struct file *file, struct vm_area_struct *vma)
{
	return hvtest_mmap_frames(vma);
}

static const struct file_operations hvtest_fops = {
	.owner = THIS_MODULE,
	.open = hvtest_open,
	.release = hvtest_release,
	.read = hvtest_read,
	.write = hvtest_write,
	.mmap = hvtest_mmap,
};

static struct miscdevice hvtest_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "iomem_hvtest",
	.fops = &hvtest_fops,
	.mode = 0600,
};

static int __init hvtest_init(void)
{
	return xen_domain() ? misc_register(&hvtest_misc) : -ENODEV;
}

static void __exit hvtest_exit(void)
{
	misc_deregister(&hvtest_misc);
	hvtest_stress_exit();
	hvtest_memory_exit();
}

module_init(hvtest_init);
module_exit(hvtest_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Raw hypercalls for the GNTMAP_iomem_map test suite; never install this");
