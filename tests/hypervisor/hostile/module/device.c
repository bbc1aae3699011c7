// SPDX-License-Identifier: GPL-2.0-or-later
/* /dev/hostile: write a program, read what it returned.  A first line "thread CPU" makes it a loop.
 */
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "hostile.h"

#define TEXT_SIZE (128 << 10)
#define MAX_THREADS 16

struct session {
	char *text, *answer;
	size_t length, size;
	bool done;
};

static struct task_struct *threads[MAX_THREADS];
static struct program *thread_programs[MAX_THREADS];
static DEFINE_MUTEX(threads_lock);

static int thread_main(void *data)
{
	while (!kthread_should_stop()) {
		program_run(data, NULL, 0);
		cond_resched();
	}
	return 0;
}

int thread_start(struct program *p, unsigned int cpu)
{
	struct task_struct *task;
	int n, rc = -ENOSPC;

	mutex_lock(&threads_lock);
	for (n = 0; n < MAX_THREADS; n++) {
		if (threads[n])
			continue;
		task = kthread_create(thread_main, p, "hostile/%d", n);
		rc = PTR_ERR_OR_ZERO(task);
		if (rc)
			break;
		kthread_bind(task, cpu);
		threads[n] = task;
		thread_programs[n] = p;
		wake_up_process(task);
		rc = n;
		break;
	}
	mutex_unlock(&threads_lock);
	return rc;
}

void threads_stop(void)
{
	int n;

	mutex_lock(&threads_lock);
	for (n = 0; n < MAX_THREADS; n++) {
		if (!threads[n])
			continue;
		kthread_stop(threads[n]);
		program_free(thread_programs[n]);
		threads[n] = NULL;
	}
	mutex_unlock(&threads_lock);
}

static void execute(struct session *s)
{
	char *text = s->text;
	const char *error = NULL;
	unsigned int cpu;
	struct program *p;
	bool loop = sscanf(text, "thread %u\n", &cpu) == 1;

	if (loop)
		text = strchr(text, '\n') + 1;
	p = program_compile(text, &error);
	if (!p) {
		s->size = scnprintf(s->answer, TEXT_SIZE, "error %s\n", error ?: "?");
		return;
	}
	if (loop) {
		int rc = thread_start(p, cpu);

		s->size = scnprintf(s->answer, TEXT_SIZE, "%d\n", rc);
		if (rc < 0)
			program_free(p);
		return;
	}
	s->size = program_run(p, s->answer, TEXT_SIZE);
	program_free(p);
}

static int hostile_open(struct inode *inode, struct file *file)
{
	struct session *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return -ENOMEM;
	s->text = vzalloc(TEXT_SIZE + 1);
	s->answer = vzalloc(TEXT_SIZE);
	if (!s->text || !s->answer) {
		vfree(s->text);
		vfree(s->answer);
		kfree(s);
		return -ENOMEM;
	}
	file->private_data = s;
	return 0;
}

static int hostile_release(struct inode *inode, struct file *file)
{
	struct session *s = file->private_data;

	vfree(s->text);
	vfree(s->answer);
	kfree(s);
	return 0;
}

static ssize_t hostile_write(struct file *file, const char __user *from, size_t size, loff_t *pos)
{
	struct session *s = file->private_data;

	if (s->done || size > TEXT_SIZE - s->length)
		return -ENOSPC;
	if (copy_from_user(s->text + s->length, from, size))
		return -EFAULT;
	s->length += size;
	return size;
}

static ssize_t hostile_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
	struct session *s = file->private_data;
	loff_t at = *pos;
	ssize_t n;

	/* Here and not in write(): user addresses then are those of whoever waits for the answer.
	 */
	if (!s->done) {
		s->done = true;
		execute(s);
		s->length = 0;
	}
	/* Writing has moved the file's position, so count what was read on our own. */
	at = s->length;
	n = simple_read_from_buffer(to, size, &at, s->answer, s->size);
	s->length = at;
	return n;
}

static const struct file_operations hostile_fops = {
	.owner = THIS_MODULE,
	.open = hostile_open,
	.release = hostile_release,
	.write = hostile_write,
	.read = hostile_read,
	.llseek = noop_llseek,
};

static struct miscdevice hostile_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hostile",
	.fops = &hostile_fops,
};

static int __init hostile_init(void)
{
	return misc_register(&hostile_device);
}
module_init(hostile_init);

static void __exit hostile_exit(void)
{
	misc_deregister(&hostile_device);
	threads_stop();
}
module_exit(hostile_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A guest that attacks Xen's grants of I/O memory");
