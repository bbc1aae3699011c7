// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cli/program.h"

namespace iomemgrant
{

int run_program(const Syntax& program, const GlobalOptions& globals,
	const std::vector<std::string>& arguments, const std::function<int(Output&)>& run,
	const Output::Sink& out, const Output::Sink& err, bool is_terminal)
{
	const auto output = [&] {
		return Output(program.name, globals.output(is_terminal), out, err);
	};
	try {
		if (const auto finished = parse_command_line(program, arguments, out, err))
			return *finished;
		auto talk = output();
		return run(talk);
	} catch (const Error& error) {
		return output().failure(error);
	} catch (const std::exception& error) {
		return output().failure({kind::internal, error.what()});
	}
}

} // namespace iomemgrant
