// SPDX-License-Identifier: GPL-2.0-or-later
// What `bars` and `check` cost on a machine with many devices.  Fails when `bars` takes more of the
// processor than it may; the clock on the wall says little on a busy machine.
#include <cstdio>
#include <ctime>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "tests/fake/fake_machine.h"
#include "tests/unit/support/pci_tree.h"

using namespace iomemgrant;

namespace
{

constexpr unsigned nr_devices = 256;
constexpr double bars_limit_ms = 50;
#ifdef __OPTIMIZE__
constexpr bool optimized = true;
#else
constexpr bool optimized = false;
#endif

const PciTree& machine_tree()
{
	static PciTree tree;
	static const bool written = [] {
		for (unsigned i = 0; i < nr_devices; i++) {
			const std::uint64_t base = 0xc0000000 + i * 0x20000ULL;
			auto device = tree.add(fmt::format("0000:{:02x}:{:02x}.0", i / 32, i % 32));
			device.memory(0, base, 0x4000)
				.memory64(2, 0x400000000 + i * 0x1000000ULL, 0x1000000)
				.memory64(4, base + 0x10000, 0x8000)
				.msix(64, 4, 0x7000, 4, 0x7800)
				.command(6);
			if (i % 2)
				device.driver("i40e");
		}
		return true;
	}();
	(void)written;
	return tree;
}

void run(const std::vector<std::string>& arguments)
{
	FakeMachine machine(machine_tree().root());
	if (run_on(machine, arguments).out.empty())
		std::abort();
}

void bars(benchmark::State& state)
{
	for (auto _ : state)
		run({"bars"});
}
BENCHMARK(bars)->Unit(benchmark::kMillisecond);

void bars_json(benchmark::State& state)
{
	for (auto _ : state)
		run({"bars", "--json"});
}
BENCHMARK(bars_json)->Unit(benchmark::kMillisecond);

void check(benchmark::State& state)
{
	for (auto _ : state)
		run({"check", "web1", "04:00.0/2@0+4K"});
}
BENCHMARK(check)->Unit(benchmark::kMillisecond);

double cpu_ms()
{
	timespec now{};
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

} // namespace

int main(int argc, char** argv)
{
	(void)machine_tree();
	// The first one, as every user's is: names of devices are read from disk for it, too.
	const auto begin = cpu_ms();
	run({"bars"});
	const auto took = cpu_ms() - begin;
	std::printf("bars of %u devices, first run: %.1f ms of CPU, limit %.0f ms%s\n", nr_devices,
		took, bars_limit_ms, optimized ? "" : " (does not count: not optimized)");
	benchmark::Initialize(&argc, argv);
	benchmark::RunSpecifiedBenchmarks();
	return optimized && took > bars_limit_ms;
}
