// SPDX-License-Identifier: GPL-2.0-only
/* The module's pure parts, kernel/range.h and kernel/decode.h, in user space. */
#include <stdio.h>

#include "decode.h"
#include "range.h"

static int failures;

#define EXPECT(what)									\
	do {										\
		if (!(what)) {								\
			printf("FAIL %s:%d: %s\n", __func__, __LINE__, #what);		\
			failures++;							\
		}									\
	} while (0)

static struct byte_range r(u64 start, u64 length)
{
	struct byte_range range = { start, length };

	return range;
}

static void ranges_overlap_only_when_they_share_a_byte(void)
{
	EXPECT(ranges_overlap(r(0, 1), r(0, 1)));
	EXPECT(!ranges_overlap(r(0, 4096), r(4096, 4096)));
	EXPECT(!ranges_overlap(r(4096, 4096), r(0, 4096)));
	EXPECT(ranges_overlap(r(0, 4097), r(4096, 4096)));
	EXPECT(ranges_overlap(r(0, 100), r(50, 1)));
	EXPECT(!ranges_overlap(r(0, 0), r(0, 100)));
	EXPECT(!ranges_overlap(r(50, 0), r(0, 100)));
	EXPECT(!ranges_overlap(r(~0ULL, 2), r(0, 100)));
}

static void ranges_widen_to_the_pages_they_touch(void)
{
	struct byte_range p = range_to_pages(r(0x1ff0, 0x20));

	EXPECT(p.start == 0x1000 && p.length == 0x2000);
	p = range_to_pages(r(0x1000, 0x1000));
	EXPECT(p.start == 0x1000 && p.length == 0x1000);
	p = range_to_pages(r(0x1080, 0));
	EXPECT(p.length == 0);
}

static void requests_are_whole_pages_inside_the_bar(void)
{
	EXPECT(range_check(0, 4096, 4096, 1) == 0);
	EXPECT(range_check(0, 0, 4096, 1) == -EINVAL);
	EXPECT(range_check(1, 4096, 8192, 1) == -EINVAL);
	EXPECT(range_check(0, 4095, 8192, 1) == -EINVAL);
	EXPECT(range_check(4096, 4096, 4096, 1) == -ERANGE);
	EXPECT(range_check(0, 8192, 4096, 2) == -ERANGE);
	EXPECT(range_check(8192, 4096, 4096, 1) == -ERANGE);
	EXPECT(range_check(0x1000, ~0xfffULL, 1 << 20, 1024) == -ERANGE);
	EXPECT(range_check(~0xfffULL, 0x1000, 1 << 20, 1024) == -ERANGE);
	EXPECT(range_check(0, 8192, 8192, 1) == -EFBIG);
}

static void version_1_entries_hold_32_bits_of_frame(void)
{
	EXPECT(range_fits_v1(r(0xffffffffULL << 12, 0x1000)));
	EXPECT(!range_fits_v1(r(0xffffffffULL << 12, 0x2000)));
	EXPECT(!range_fits_v1(r(1ULL << 44, 0x1000)));
}

static void msix_tables_have_their_size(void)
{
	struct byte_range t = range_msix_table(0x2003, 0);

	EXPECT(t.start == 0x2000 && t.length == 16);
	t = range_msix_table(0x3000, 0xc000 | 0x7ff);
	EXPECT(t.start == 0x3000 && t.length == 2048 * 16);
	t = range_msix_pba(0x3004, 0);
	EXPECT(t.start == 0x3000 && t.length == 8);
	t = range_msix_pba(0x3000, 63);
	EXPECT(t.length == 8);
	t = range_msix_pba(0x3000, 64);
	EXPECT(t.length == 16);
}

static void headroom_is_never_given_away(void)
{
	EXPECT(range_refs_within_headroom(64, 8, 512) == 56 * 512 - 8);
	EXPECT(range_refs_within_headroom(8, 8, 512) == 0);
	EXPECT(range_refs_within_headroom(4, 8, 512) == 0);
	EXPECT(range_refs_within_headroom(1, 0, 4) == 0);
}

static int refs(const char *text, u32 max)
{
	u32 list[4096];
	u32 nr = 0;
	int rc = decode_refs(text, list, max, &nr);

	return rc ? rc : (int)nr;
}

static void reference_lists_have_one_spelling(void)
{
	char longest[DECODE_REFS_MAX + 3];

	EXPECT(refs("2048", 1) == 1);
	EXPECT(refs("2048-2049,2060", 3) == 3);
	EXPECT(refs("8-8", 1) == 1);
	EXPECT(refs("4294967295", 1) == 1);
	EXPECT(refs("4294967290-4294967295", 8) == 6);
	EXPECT(refs("", 8) == -EINVAL);
	EXPECT(refs(",8", 8) == -EINVAL);
	EXPECT(refs("8,", 8) == -EINVAL);
	EXPECT(refs("8,,9", 8) == -EINVAL);
	EXPECT(refs(" 8", 8) == -EINVAL);
	EXPECT(refs("8 ", 8) == -EINVAL);
	EXPECT(refs("08", 8) == -EINVAL);
	EXPECT(refs("0x10", 8) < 0);
	EXPECT(refs("+8", 8) == -EINVAL);
	EXPECT(refs("-8", 8) == -EINVAL);
	EXPECT(refs("8-", 8) == -EINVAL);
	EXPECT(refs("8-9-10", 8) == -EINVAL);
	EXPECT(refs("8\n", 8) == -EINVAL);
	EXPECT(refs("7", 8) == -ERANGE);
	EXPECT(refs("0", 8) == -ERANGE);
	EXPECT(refs("10-9", 8) == -ERANGE);
	EXPECT(refs("4294967296", 8) == -ERANGE);
	EXPECT(refs("99999999999999999999999", 8) == -ERANGE);
	EXPECT(refs("2048:9", 8) == -EOPNOTSUPP);
	EXPECT(refs("8-11", 4) == 4);
	EXPECT(refs("8-12", 4) == -EFBIG);
	EXPECT(refs("8-4294967295", 4096) == -EFBIG);
	EXPECT(refs("8-10,20-22", 4) == -EFBIG);
	memset(longest, '9', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	EXPECT(refs(longest, 4096) == -EFBIG);
}

static void numbers_have_one_spelling(void)
{
	u64 n;

	EXPECT(!decode_whole_number("0", 10, &n) && n == 0);
	EXPECT(!decode_whole_number("10", 10, &n) && n == 10);
	EXPECT(decode_whole_number("11", 10, &n) == -ERANGE);
	EXPECT(decode_whole_number("5", 3, &n) == -ERANGE);
	EXPECT(decode_whole_number("00", 10, &n) == -EINVAL);
	EXPECT(decode_whole_number("", 10, &n) == -EINVAL);
	EXPECT(decode_whole_number("1 ", 10, &n) == -EINVAL);
	EXPECT(!decode_whole_number("18446744073709551615", ~0ULL, &n) && n == ~0ULL);
	EXPECT(decode_whole_number("18446744073709551616", ~0ULL, &n) == -ERANGE);
}

static void labels_are_short_plain_words(void)
{
	char longest[DECODE_LABEL_MAX + 2];

	EXPECT(decode_label_ok("nic-doorbell"));
	EXPECT(decode_label_ok("a"));
	EXPECT(decode_label_ok("0.9_x"));
	EXPECT(!decode_label_ok(""));
	EXPECT(!decode_label_ok("-a"));
	EXPECT(!decode_label_ok(".."));
	EXPECT(!decode_label_ok("a/b"));
	EXPECT(!decode_label_ok("a b"));
	EXPECT(!decode_label_ok("\xc3\xa9"));
	memset(longest, 'a', sizeof(longest));
	longest[DECODE_LABEL_MAX] = '\0';
	EXPECT(decode_label_ok(longest));
	longest[DECODE_LABEL_MAX] = 'a';
	longest[DECODE_LABEL_MAX + 1] = '\0';
	EXPECT(!decode_label_ok(longest));
}

static void version_lists_match_whole_items(void)
{
	EXPECT(decode_list_has("1", "1"));
	EXPECT(decode_list_has("2,1", "1"));
	EXPECT(decode_list_has("1,2", "1"));
	EXPECT(!decode_list_has("", "1"));
	EXPECT(!decode_list_has("10,11", "1"));
	EXPECT(!decode_list_has("2, 1", "1"));
}

static void changes_are_known_words_of_a_list(void)
{
	char text[DECODE_CHANGES_MAX + 1];

	EXPECT(decode_changes("bus-master") == 1);
	EXPECT(decode_changes("decode-off,bar-register") == 10);
	EXPECT(decode_changes("not-d0,frobnicated,not-d0") == 4);
	EXPECT(decode_changes("") == 0);
	EXPECT(decode_changes(",,bus-master,") == 1);
	EXPECT(decode_changes("Bus-Master,bus-masters,bus-maste, not-d0") == 0);
	EXPECT(!decode_change_name(4));

	decode_changes_text(~0U, text);
	EXPECT(!strcmp(text, "bus-master,decode-off,not-d0,bar-register"));
	decode_changes_text(4, text);
	EXPECT(!strcmp(text, "not-d0"));
	decode_changes_text(0, text);
	EXPECT(!strcmp(text, ""));
}

int main(void)
{
	ranges_overlap_only_when_they_share_a_byte();
	ranges_widen_to_the_pages_they_touch();
	requests_are_whole_pages_inside_the_bar();
	version_1_entries_hold_32_bits_of_frame();
	msix_tables_have_their_size();
	headroom_is_never_given_away();
	reference_lists_have_one_spelling();
	numbers_have_one_spelling();
	labels_are_short_plain_words();
	version_lists_match_whole_items();
	changes_are_known_words_of_a_list();
	if (failures)
		printf("%d failed\n", failures);
	else
		printf("PASS pure\n");
	return failures != 0;
}
