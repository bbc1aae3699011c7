// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef FAKE_XENSTORE_H
#define FAKE_XENSTORE_H

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include <iomemgrant/error.h>
#include <iomemgrant/xenstore.h>

namespace iomemgrant
{

/// A store in memory.  Time passes only in wait(), where the guest may act.
class FakeXenStore final : public XenStore
{
public:
	std::map<std::string, std::string> nodes;
	std::chrono::steady_clock::time_point time;
	/// What the guest does while we wait.
	std::function<void(FakeXenStore&)> guest = [](FakeXenStore&) {};
	/// The how-manieth transaction fails, counted from 1.
	int fail_transaction = 0;
	/// So many commits meet a conflict first.
	int conflicts = 0;
	/// Told each request before it is done; throws what the request shall fail with.
	std::function<void(const std::string& request)> interfere = [](const std::string&) {};

	std::optional<std::string> read(const std::string& path) override
	{
		interfere("read " + path);
		const auto found = nodes.find(path);
		if (found == nodes.end())
			return std::nullopt;
		return found->second;
	}

	std::vector<std::string> directory(const std::string& path) override
	{
		interfere("list " + path);
		std::set<std::string> names;
		const auto prefix = path + "/";
		for (const auto& [key, value] : nodes) {
			if (key.starts_with(prefix))
				names.insert(key.substr(prefix.size(),
					key.find('/', prefix.size()) - prefix.size()));
		}
		return {names.begin(), names.end()};
	}

	void write(const std::string& path, const std::string& value) override
	{
		interfere("write " + path);
		for (auto end = path.find('/', 1); end != std::string::npos;
			end = path.find('/', end + 1))
			nodes.try_emplace(path.substr(0, end), "");
		nodes[path] = value;
	}

	/// The node and everything below it.
	void erase(const std::string& path)
	{
		std::erase_if(nodes, [&](const auto& node) {
			return node.first == path || node.first.starts_with(path + "/");
		});
	}

	NodePermissions permissions(const std::string&) override { return {}; }

	void transact(const std::function<void(XenStoreTransaction&)>& body) override
	{
		const auto before = nodes;
		// As many as the real one takes.
		for (int i = 0; i < 100; i++) {
			try {
				interfere("start transaction");
				Transaction transaction(*this);
				body(transaction);
				interfere("commit");
				if (++transactions_ == fail_transaction)
					throw Error(kind::xenstore_quota,
						"commit a XenStore transaction");
			} catch (...) {
				nodes = before;
				throw;
			}
			if (conflicts == 0)
				return;
			conflicts--;
			nodes = before;
		}
		throw Error(kind::io_error, "XenStore reported 100 conflicts in a row");
	}

	std::unique_ptr<XenStoreWatch> watch(const std::string& path) override
	{
		interfere("watch " + path);
		return std::make_unique<XenStoreWatch>();
	}

	using XenStore::wait;

	bool wait(std::chrono::milliseconds limit, int) override
	{
		time += limit;
		guest(*this);
		return false;
	}

	int fd() override { return -1; }
	bool take_events() override { return false; }

private:
	class Transaction final : public XenStoreTransaction
	{
	public:
		explicit Transaction(FakeXenStore& store) : store_(store) {}

		std::optional<std::string> read(const std::string& path) override
		{
			return store_.read(path);
		}
		std::vector<std::string> directory(const std::string& path) override
		{
			return store_.directory(path);
		}
		void write(const std::string& path, const std::string& value) override
		{
			store_.write(path, value);
		}
		void make_directory(const std::string& path, const NodePermissions&) override
		{
			store_.interfere("mkdir " + path);
			if (!store_.nodes.contains(path))
				store_.write(path, "");
		}
		void remove(const std::string& path) override
		{
			store_.interfere("remove " + path);
			store_.erase(path);
		}

	private:
		FakeXenStore& store_;
	};

	int transactions_ = 0;
};

} // namespace iomemgrant

#endif
