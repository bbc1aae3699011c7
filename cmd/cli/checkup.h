// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef CLI_CHECKUP_H
#define CLI_CHECKUP_H

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/cli/output.h"
#include "lib/host/grant_device.h"

namespace iomemgrant
{

/// Throws Error protocol-mismatch for a module of another release.
void require_api_version(const ModuleInfo& info);

/// One thing that `doctor` looked at, and how it found it.
struct Check {
	/// A note is something missing that programs can do without.
	enum class Verdict { ok, note, problem, unchecked };

	std::string name;
	Verdict verdict = Verdict::ok;
	std::string message;
	std::string hint = {};
	std::string code = {};   ///< slug of the problem
	std::string behind = {}; ///< the layer whose problem kept this one from being checked
};

/// The answer of `doctor`, the same for both programs.
class Checkup
{
public:
	/// Adds a layer of the machine.  @ask returns what it found, or throws Error with what is
	/// wrong and what to do.  It is not called when a layer of @stands_on has a problem or was
	/// not checked: that problem is not told again in other words.
	void look(std::string_view name, const std::vector<std::string_view>& stands_on,
		const std::function<std::string()>& ask);
	/// Adds what the caller found by itself.
	void add(Check check) { checks_.push_back(std::move(check)); }

	/// Prints the checks as text and as document "doctor".  Returns the exit status.
	int report(Output& output) const;

private:
	std::vector<Check> checks_;
};

} // namespace iomemgrant

#endif
