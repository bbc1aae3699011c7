// SPDX-License-Identifier: LGPL-2.1-or-later
#include "lib/xen/logger.h"

#include <cstdarg>
#include <cstdio>

#include <fmt/format.h>

namespace iomemgrant
{

Logger::Logger(LogSink sink) : sink_(std::move(sink)), base_{{message, progress, destroy}, &sink_}
{
}

void Logger::message(xentoollog_logger* logger, xentoollog_level level, int, const char* context,
	const char* format, va_list arguments)
{
	const auto& sink = *reinterpret_cast<Base*>(logger)->sink;
	if (!sink || level <= XTL_DEBUG)
		return;
	char text[512];
	(void)std::vsnprintf(text, sizeof(text), format, arguments); // a cut message will do
	sink(fmt::format("{}: {}", context ? context : "xen", text));
}

void Logger::progress(
	xentoollog_logger*, const char*, const char*, int, unsigned long, unsigned long)
{
}

// The owner of the C++ object destroys it.
void Logger::destroy(xentoollog_logger*) {}

} // namespace iomemgrant
