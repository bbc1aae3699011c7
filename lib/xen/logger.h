// SPDX-License-Identifier: LGPL-2.1-or-later
#ifndef IOMEMGRANT_XEN_LOGGER_H
#define IOMEMGRANT_XEN_LOGGER_H

extern "C" {
#include <xentoollog.h>
}

#include "lib/host/real.h"

namespace iomemgrant
{

/// Hands the messages of Xen's libraries to a LogSink, so that they do not print on their own.
class Logger
{
public:
	explicit Logger(LogSink sink);
	Logger(const Logger&) = delete;
	Logger& operator=(const Logger&) = delete;

	xentoollog_logger* get() { return &base_.logger; }

private:
	// The library gives the first member back; standard layout makes the way to the sink legal.
	struct Base {
		xentoollog_logger logger;
		LogSink* sink;
	};

	static void message(xentoollog_logger* logger, xentoollog_level level, int errnum,
		const char* context, const char* format, va_list arguments);
	static void progress(
		xentoollog_logger*, const char*, const char*, int, unsigned long, unsigned long);
	static void destroy(xentoollog_logger*);

	LogSink sink_;
	Base base_;
};

} // namespace iomemgrant

#endif
