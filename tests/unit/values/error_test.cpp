// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/values/error.h"

#include <cerrno>

#include <gtest/gtest.h>

using namespace iomemgrant;

TEST(Error, is_one_printable_line_whatever_it_quotes)
{
	const Error error(kind::bad_label, "'a\x1b[2J\nb\x7f' is not a label", "not\ta\rlabel");
	EXPECT_STREQ(error.what(), "'a?[2J?b?' is not a label");
	EXPECT_EQ(error.hint(), "not?a?label");
}

TEST(Error, leaves_text_that_is_not_ascii_alone)
{
	EXPECT_STREQ(
		Error(kind::no_domain, "no domain named 'wéb'").what(), "no domain named 'wéb'");
}

TEST(Error, from_errno_says_what_and_why)
{
	const auto error = Error::from_errno(EACCES, "open /dev/xen/iomemgrant");
	EXPECT_STREQ(error.what(), "open /dev/xen/iomemgrant: Permission denied");
	EXPECT_EQ(error.kind(), kind::permission);
	EXPECT_EQ(Error::from_errno(EIO, "read").kind(), kind::io_error);
}
