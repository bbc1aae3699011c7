/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of Xen as common/grant_iomem.c needs, in user space: every header it includes is this one.
 * Rangesets are 64 bits and have a lock, as Xen's do; the tree is a plain search tree.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_GRANT_IOMEM 1
#define __init
#define __ro_after_init
#define __must_check __attribute__((__warn_unused_result__))
#define cf_check
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define ACCESS_ONCE(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define cmpxchgptr(p, old, new) __sync_val_compare_and_swap(p, old, new)
#define ASSERT(x) assert(x)
#define ASSERT_UNREACHABLE() abort()
#define ASSERT_ALLOC_CONTEXT() ((void)0)
#define in_irq() false
#define MASK_EXTR(v, m) (((v) & (m)) / ((m) & -(m)))
#define printk(...) ((void)(0 ? fprintf(stderr, __VA_ARGS__) : 0), nr_messages++)
#define gdprintk(level, ...) ((void)(0 ? fprintf(stderr, __VA_ARGS__) : 0))
#define XENLOG_INFO
#define XENLOG_WARNING
#define XENLOG_G_WARNING
#define PRI_mfn "lx"
#define container_of(p, t, m) ((t *)((char *)(p) - offsetof(t, m)))

/* What was printed, and how often softirqs got their chance meanwhile. */
extern unsigned int nr_messages, nr_softirqs;

#define process_pending_softirqs() ((void)nr_softirqs++)

/* Called where another CPU may come in between. */
void interleave(void);

typedef struct { pthread_mutex_t mutex; bool held; } spinlock_t;

static inline void spin_lock_init(spinlock_t *l)
{
	pthread_mutex_init(&l->mutex, NULL);
	l->held = false;
}

static inline void spin_lock(spinlock_t *l)
{
	interleave();
	pthread_mutex_lock(&l->mutex);
	l->held = true;
}

static inline void spin_unlock(spinlock_t *l)
{
	l->held = false;
	pthread_mutex_unlock(&l->mutex);
}

#define spin_is_locked(l) ((l)->held)

#define xzalloc(t) ((t *)calloc(1, sizeof(t)))
#define xfree(p) free(p)

#define RANGESETF_prettyprint_hex 1

/* rangesets of frames 0 to 63 */
struct rangeset { pthread_rwlock_t lock; uint64_t bits; };

static inline uint64_t frames(unsigned long s, unsigned long e)
{
	return (e - s == 63 ? ~0ull : (1ull << (e - s + 1)) - 1) << s;
}

static inline struct rangeset *rangeset_new(void *d, const char *name, unsigned int flags)
{
	struct rangeset *r = calloc(1, sizeof(*r));

	(void)d, (void)name, (void)flags;
	pthread_rwlock_init(&r->lock, NULL);
	return r;
}

static inline void rangeset_destroy(struct rangeset *r)
{
	free(r);
}

static inline uint64_t rangeset_bits(struct rangeset *r)
{
	uint64_t bits;

	interleave();
	pthread_rwlock_rdlock(&r->lock);
	bits = r->bits;
	pthread_rwlock_unlock(&r->lock);
	return bits;
}

static inline int rangeset_change(struct rangeset *r, uint64_t set, uint64_t clear)
{
	interleave();
	pthread_rwlock_wrlock(&r->lock);
	r->bits = (r->bits | set) & ~clear;
	pthread_rwlock_unlock(&r->lock);
	return 0;
}

#define rangeset_add_range(r, s, e) rangeset_change(r, frames(s, e), 0)
#define rangeset_remove_range(r, s, e) rangeset_change(r, 0, frames(s, e))
#define rangeset_overlaps_range(r, s, e) (!!(rangeset_bits(r) & frames(s, e)))
#define rangeset_contains_range(r, s, e) (!(~rangeset_bits(r) & frames(s, e)))

/* One call a frame: more than the real one makes, with the lock held, as there. */
static inline int rangeset_report_ranges(struct rangeset *r, unsigned long s, unsigned long e,
					 int (*cb)(unsigned long, unsigned long, void *), void *ctxt)
{
	int rc = 0;

	pthread_rwlock_rdlock(&r->lock);
	for (; !rc && s <= e; s++)
		if (r->bits >> s & 1)
			rc = cb(s, s, ctxt);
	pthread_rwlock_unlock(&r->lock);
	return rc;
}

struct domain {
	struct iomem_grants *iomem_grants;
	struct rangeset *iomem_caps;
	bool is_dying, translated, hardware;
	int refs;
};

/* xen/iocap.h */
int grant_iomem_taint(struct domain *d, unsigned long s, unsigned long e);

enum { SYS_STATE_active };
#define system_state SYS_STATE_active

#define is_pv_domain(d) (!(d)->translated)
#define is_hardware_domain(d) ((d)->hardware)
#define paging_mode_translate(d) ((d)->translated)
#define iomem_access_permitted(d, s, e) rangeset_contains_range((d)->iomem_caps, s, e)
#define get_domain(d) ((d)->refs++, true)
#define put_domain(d) ((d)->refs--)
#define xsm_grant_iomem(...) 0

struct rb_node { struct rb_node *rb_left, *rb_right, *parent; };
struct rb_root { struct rb_node *rb_node; };

#define RB_ROOT (struct rb_root){ NULL }
#define RB_EMPTY_ROOT(r) (!(r)->rb_node)
#define rb_entry(p, t, m) container_of(p, t, m)

static inline struct rb_node *rb_first(const struct rb_root *r)
{
	struct rb_node *n = r->rb_node;

	while (n && n->rb_left)
		n = n->rb_left;
	return n;
}

static inline struct rb_node *rb_next(const struct rb_node *n)
{
	struct rb_node *next = n->rb_right;

	if (next) {
		while (next->rb_left)
			next = next->rb_left;
		return next;
	}
	for (next = n->parent; next && n == next->rb_right; next = n->parent)
		n = next;
	return next;
}

static inline void rb_link_node(struct rb_node *n, struct rb_node *parent, struct rb_node **link)
{
	*n = (struct rb_node){ .parent = parent };
	*link = n;
}

static inline void rb_insert_color(struct rb_node *n, struct rb_root *r)
{
	(void)n, (void)r;
}

static inline void rb_replace(struct rb_node *n, struct rb_node *by, struct rb_root *r)
{
	struct rb_node **link = !n->parent ? &r->rb_node :
		n->parent->rb_left == n ? &n->parent->rb_left : &n->parent->rb_right;

	*link = by;
	if (by)
		by->parent = n->parent;
}

static inline void rb_erase(struct rb_node *n, struct rb_root *r)
{
	struct rb_node *next;

	if (!n->rb_left || !n->rb_right) {
		rb_replace(n, n->rb_left ? n->rb_left : n->rb_right, r);
		return;
	}
	for (next = n->rb_right; next->rb_left; next = next->rb_left)
		;
	rb_erase(next, r);
	next->rb_left = n->rb_left;
	next->rb_right = n->rb_right;
	rb_replace(n, next, r);
	if (next->rb_left)
		next->rb_left->parent = next;
	if (next->rb_right)
		next->rb_right->parent = next;
}

/* What is and is not I/O memory is not tested here: it needs a machine. */
typedef unsigned long mfn_t;
typedef unsigned long gfn_t;
#define mfn_x(m) (m)
#define _gfn(g) (g)
#define gaddr_to_gfn(a) ((a) >> 12)
#define pfn_to_paddr(p) ((uint64_t)(p) << 12)
#define mfn_to_maddr(m) ((uint64_t)(m) << 12)
#define XSM_HOOK 0
#define GTF_iomem_order_mask 0x3e00u
#define arch_grant_iomem_check_mapper(ld, addr, order) ((void)(ld), (void)(addr), (void)(order), 0)
#define arch_grant_iomem_resolve(rd, frame, order, mfn) ((void)(rd), (void)(frame), (void)(order), (void)(mfn), 0)
#define arch_grant_iomem_check_range(s, e) ((void)(s), (void)(e), 0)
#define cmdline_strcmp(s, name) strcmp(s, name)

/* A physmap of one page, which can be made to fail: removal as a whole, or once the entry is gone. */
extern bool physmap_present, iommu_present, iommu_broken, adding_fails;

static inline int arch_grant_iomem_remove(struct domain *ld, gfn_t gfn, mfn_t mfn, unsigned int order, bool stuck)
{
	bool present = physmap_present || stuck;

	(void)ld, (void)gfn, (void)mfn, (void)order;
	physmap_present = false;
	if (present && iommu_broken)
		return -EIO;
	if (present)
		iommu_present = false;
	return 0;
}

static inline int arch_grant_iomem_add(struct domain *ld, gfn_t gfn, mfn_t mfn, unsigned int order, bool *stuck)
{
	physmap_present = iommu_present = true;
	*stuck = adding_fails && arch_grant_iomem_remove(ld, gfn, mfn, order, false);
	return adding_fails ? -EIO : 0;
}

#endif
