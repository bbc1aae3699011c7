/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Strict decoding of the XenStore values in xen-iomemgrant(7).  The other side is
 * taken to be hostile: every function bounds length, characters and numbers, and
 * accepts one spelling only.  No kernel services, so that tests/kernel compiles
 * it in user space.
 */
#ifndef IOMEMGRANT_DECODE_H
#define IOMEMGRANT_DECODE_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
typedef uint32_t u32;
typedef uint64_t u64;
#endif

#define DECODE_REFS_MAX		1024	/* bytes of a `refs` value */
#define DECODE_LABEL_MAX	63	/* bytes of a `label` value */
#define DECODE_CHANGES_MAX	127	/* bytes of a `changes` value */
/* References below this one are Xen's own (console, XenStore). */
#define DECODE_FIRST_REF	8

static inline bool decode_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * A decimal number that starts at *@text: no sign, no leading zero, at most @max.
 * Moves *@text behind it.
 */
static inline int decode_number(const char **text, u64 max, u64 *value)
{
	const char *p = *text;
	u64 n = 0;

	if (!decode_is_digit(*p) || (*p == '0' && decode_is_digit(p[1])))
		return -EINVAL;
	for (; decode_is_digit(*p); p++) {
		u64 digit = (u64)(*p - '0');

		if (digit > max || n > (max - digit) / 10)
			return -ERANGE;
		n = n * 10 + digit;
	}
	*text = p;
	*value = n;
	return 0;
}

/* @text is one decimal number and nothing else. */
static inline int decode_whole_number(const char *text, u64 max, u64 *value)
{
	int rc = decode_number(&text, max, value);

	return rc ? rc : (*text ? -EINVAL : 0);
}

/*
 * "2048-2049,2060": ordered list of references.  Writes at most @max of them to
 * @refs (which may be NULL to only count) and their number to @nr.
 * -EINVAL malformed, -ERANGE a number out of range, -EFBIG more than @max,
 * -EOPNOTSUPP the "N:order" form that the protocol reserves.
 */
static inline int decode_refs(const char *text, u32 *refs, u32 max, u32 *nr)
{
	u32 count = 0;

	if (strlen(text) > DECODE_REFS_MAX)
		return -EFBIG;
	for (;;) {
		u64 first, last;
		int rc = decode_number(&text, 0xffffffffU, &first);

		if (rc)
			return rc;
		last = first;
		if (*text == '-') {
			text++;
			rc = decode_number(&text, 0xffffffffU, &last);
			if (rc)
				return rc;
		}
		if (*text == ':')
			return -EOPNOTSUPP;
		if (first < DECODE_FIRST_REF || last < first)
			return -ERANGE;
		if (last - first >= max - count)
			return -EFBIG;
		for (; first <= last; first++, count++)
			if (refs)
				refs[count] = (u32)first;
		if (!*text)
			break;
		if (*text++ != ',')
			return -EINVAL;
	}
	*nr = count;
	return 0;
}

/* 1 to 63 of [A-Za-z0-9._-], the first one alphanumeric. */
static inline bool decode_label_ok(const char *label)
{
	size_t i;

	for (i = 0; label[i]; i++) {
		char c = label[i];
		bool alnum = decode_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (i >= DECODE_LABEL_MAX)
			return false;
		if (!alnum && (i == 0 || (c != '.' && c != '_' && c != '-')))
			return false;
	}
	return i > 0;
}

/* Is @word an item of the comma list @list? */
static inline bool decode_list_has(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (;;) {
		const char *end = strchr(list, ',');
		size_t item = end ? (size_t)(end - list) : strlen(list);

		if (item == len && !strncmp(list, word, len))
			return true;
		if (!end)
			return false;
		list = end + 1;
	}
}

/* The word for bit @bit of IOMEMGRANT_CHANGED_*; NULL for one that is not published. */
static inline const char *decode_change_name(unsigned int bit)
{
	static const char *const names[] = { "bus-master", "decode-off", "not-d0", "bar-register" };

	return bit < sizeof(names) / sizeof(names[0]) ? names[bit] : NULL;
}

/* The bits of a comma list of such words.  A newer granter may have others: they have no bit. */
static inline u32 decode_changes(const char *list)
{
	const char *name;
	unsigned int bit;
	u32 changes = 0;

	for (bit = 0; (name = decode_change_name(bit)); bit++)
		if (decode_list_has(list, name))
			changes |= 1U << bit;
	return changes;
}

/* The other way: @text of DECODE_CHANGES_MAX + 1 bytes becomes that list, or empty. */
static inline void decode_changes_text(u32 changes, char *text)
{
	const char *name;
	unsigned int bit;
	char *end = text;

	for (bit = 0; (name = decode_change_name(bit)); bit++) {
		if (!(changes & (1U << bit)))
			continue;
		if (end != text)
			*end++ = ',';
		memcpy(end, name, strlen(name));
		end += strlen(name);
	}
	*end = '\0';
}

#endif /* IOMEMGRANT_DECODE_H */
