/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KTEST_H
#define KTEST_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <xen/iomemgrant.h>

extern int ktest_failures;

/* One line a case: PASS, FAIL or SKIP, the case's name, and why. */
#define CHECK(name, what)								\
	do {										\
		bool ok_ = (what);							\
		printf("%s %s%s%s\n", ok_ ? "PASS" : "FAIL", name,			\
		       ok_ ? "" : ": ", ok_ ? "" : #what);				\
		ktest_failures += !ok_;							\
	} while (0)

/* @got is 0 or a positive errno. */
#define CHECK_ERRNO(name, got, want)							\
	do {										\
		int got_ = (got), want_ = (want);					\
		printf("%s %s: %s, expected %s\n", got_ == want_ ? "PASS" : "FAIL", name,	\
		       got_ ? strerror(got_) : "done", want_ ? strerror(want_) : "done");	\
		ktest_failures += got_ != want_;					\
	} while (0)

#define SKIP(name, why) printf("SKIP %s: %s\n", name, why)

/* 0 or the errno of an ioctl. */
static inline int call(int fd, unsigned long command, void *arg)
{
	return ioctl(fd, command, arg) ? errno : 0;
}

struct target {
	uint16_t domid;
	uint16_t segment;
	uint8_t bus;
	uint8_t devfn;
	uint8_t bar;
};

int open_device(void);
int parse_target(struct target *t, const char *domid, const char *bdf, const char *bar);
struct iomemgrant_grant request(const struct target *t, uint64_t offset, uint64_t length);
int end_grant(int fd, uint64_t id);
bool hypervisor_can(int fd);

/* ktest_grant.c: in dom0 */
void grant_cases(const struct target *t);
void msix_cases(const struct target *t, uint64_t table_page, uint64_t pba_page);
int fuzz_cases(const struct target *t, unsigned long calls, unsigned int seed);

/* ktest_map.c: in a guest, with references that dom0 granted */
void map_cases(uint32_t first_ref, uint32_t nr, uint32_t expected);
void remap_cases(uint32_t first_ref, uint32_t nr, const char *go);
void node_cases(const char *node, uint64_t length);

/* ktest_kcore.c: in either, while the module has address ranges of its own */
void kcore_cases(void);

#endif
