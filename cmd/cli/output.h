// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef OUTPUT_OUTPUT_H
#define OUTPUT_OUTPUT_H

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/cli/json.h"
#include "lib/values/error.h"

namespace iomemgrant
{

enum class Colour { none, good, bad, dim };

/// How the user wants to be answered; filled by add_global_options().
struct OutputOptions {
	bool json = false;
	bool pretty = false;
	bool quiet = false;
	int verbose = 0;
	bool colour = false;
};

/// The answer goes to stdout, the conversation to stderr.  JSON is one complete document, text
/// and JSON never mix on stdout.
class Output
{
public:
	using Sink = std::function<void(std::string_view)>;

	/// @tool: the program's name, as in messages and schema names.
	Output(std::string tool, OutputOptions options, Sink out, Sink err);

	const std::string& tool() const { return tool_; }
	bool json() const { return options_.json; }
	bool quiet() const { return options_.quiet; }
	int verbose() const { return options_.verbose; }

	/// A document begun with the keys every document has: schema, tool_version, ok.
	Json document(std::string_view verb) const;
	/// Prints a document on stdout; nothing without --json.
	void print(const Json& document);
	/// Prints a line on stdout; nothing with --json.
	void line(std::string_view text);
	/// Prints text as it is on stdout; nothing with --json.
	void text(std::string_view text);

	/// "tool: warning: ..." on stderr; collected for JSON as well.
	void warning(std::string_view message);
	const std::vector<std::string>& warnings() const { return warnings_; }
	/// "tool: ..." on stderr with at least @level -v.
	void trace(int level, std::string_view message);

	/// Two lines on stderr, or with --json also a document on stdout.  Returns the exit status.
	int failure(const Error& error);
	/// The two lines on stderr alone: one of several things failed.
	void complain(const Error& error);
	/// The `error` object of a JSON document.
	static Json describe(const Error& error);
	/// "tool: error: message [slug]" and, when there is one, a hint line.
	std::string failure_text(const Error& error) const;

	std::string paint(Colour colour, std::string_view text) const;

private:
	std::string tool_;
	OutputOptions options_;
	Sink out_;
	Sink err_;
	std::vector<std::string> warnings_;
};

} // namespace iomemgrant

#endif
