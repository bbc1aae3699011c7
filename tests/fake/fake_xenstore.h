// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef FAKE_XENSTORE_H
#define FAKE_XENSTORE_H

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/host/xenstore.h"
#include "lib/values/error.h"

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
	XenStoreQuota quotas{1000, 12, 2048, 128, 6};
	/// So many commits meet a conflict first.
	int conflicts = 0;
	/// Told each request before it is done; throws what the request shall fail with.
	std::function<void(const std::string& request)> interfere = [](const std::string&) {};
	/// How many requests were made.
	int requests = 0;

	std::optional<std::string> read(const std::string& path) override
	{
		request("read " + path);
		return find(nodes, path);
	}

	std::vector<std::string> directory(const std::string& path) override
	{
		request("list " + path);
		return children(nodes, path);
	}

	void write(const std::string& path, const std::string& value) override
	{
		request("write " + path);
		put(nodes, access_, path, value);
		fire(path);
	}

	void remove(const std::vector<std::string>& paths) override
	{
		for (const auto& path : paths) {
			interfere("remove " + path);
			erase(path);
		}
	}

	/// As remove(), but by another than the one under test.
	void erase(const std::string& path)
	{
		const auto gone = [&](const auto& node) { return is_below(node.first, path); };
		std::erase_if(access_, gone);
		if (std::erase_if(nodes, gone))
			fire(path);
	}

	XenStoreQuota quota(Domid) override { return requests++, quotas; }

	NodePermissions permissions(const std::string& path) override
	{
		requests++;
		const auto found = access_.find(path);
		return found == access_.end() ? NodePermissions{} : found->second;
	}

	void transact(const std::function<void(XenStoreTransaction&)>& body) override
	{
		// As many as the real one takes.
		for (int i = 0; i < 100; i++) {
			request("start transaction");
			const auto before = nodes;
			Transaction transaction(*this);
			body(transaction);
			request("commit");
			if (++transactions_ == fail_transaction)
				throw Error(kind::xenstore_quota, "commit a XenStore transaction");
			if (conflicts > 0) {
				conflicts--;
				continue;
			}
			if (nodes != before) // by somebody else
				continue;
			nodes = transaction.nodes;
			access_ = transaction.access;
			for (const auto& path : transaction.touched)
				fire(path);
			return;
		}
		throw Error(kind::io_error, "XenStore reported 100 conflicts in a row");
	}

	std::unique_ptr<XenStoreWatch> watch(const std::string& path) override
	{
		request("watch " + path);
		pending_ = true;
		return std::make_unique<Watch>(*this, path);
	}

	using XenStore::wait;

	bool wait(std::chrono::milliseconds limit, int) override
	{
		if (take_events())
			return true;
		time += limit;
		guest(*this);
		return take_events();
	}

	int fd() override { return -1; }
	bool take_events() override { return std::exchange(pending_, false); }

private:
	void request(const std::string& request)
	{
		requests++;
		interfere(request);
	}

	using Nodes = std::map<std::string, std::string>;
	using Access = std::map<std::string, NodePermissions>;

	static std::optional<std::string> find(const Nodes& nodes, const std::string& path)
	{
		const auto found = nodes.find(path);
		if (found == nodes.end())
			return std::nullopt;
		return found->second;
	}

	static std::vector<std::string> children(const Nodes& nodes, const std::string& path)
	{
		std::set<std::string> names;
		const auto prefix = path + "/";
		for (const auto& [key, value] : nodes) {
			if (key.starts_with(prefix))
				names.insert(key.substr(prefix.size(),
					key.find('/', prefix.size()) - prefix.size()));
		}
		return {names.begin(), names.end()};
	}

	static void put(
		Nodes& nodes, Access& access, const std::string& path, const std::string& value)
	{
		NodePermissions inherited = {{Domid(0), NodePermission::Access::none}};
		for (auto end = path.find('/', 1); end != std::string::npos;
			end = path.find('/', end + 1)) {
			const auto above = path.substr(0, end);
			nodes.try_emplace(above, "");
			inherited = access.try_emplace(above, inherited).first->second;
		}
		nodes[path] = value;
		access.try_emplace(path, inherited);
	}

	static bool is_below(const std::string& path, const std::string& top)
	{
		return path == top || path.starts_with(top + "/");
	}

	void fire(const std::string& path)
	{
		for (const auto& watched : watched_)
			pending_ |= is_below(path, watched) || is_below(watched, path);
	}

	class Watch final : public XenStoreWatch
	{
	public:
		Watch(FakeXenStore& store, std::string path)
			: store_(store), here_(store.watched_.insert(std::move(path)))
		{
		}
		Watch(const Watch&) = delete;
		Watch& operator=(const Watch&) = delete;
		~Watch() override
		{
			store_.requests++;
			store_.watched_.erase(here_);
		}

	private:
		FakeXenStore& store_;
		std::multiset<std::string>::iterator here_;
	};

	/// Works on a copy: nobody sees it before the commit.
	class Transaction final : public XenStoreTransaction
	{
	public:
		explicit Transaction(FakeXenStore& store)
			: nodes(store.nodes), access(store.access_), store_(store)
		{
		}

		std::optional<std::string> read(const std::string& path) override
		{
			store_.request("read " + path);
			return find(nodes, path);
		}
		std::vector<std::string> directory(const std::string& path) override
		{
			store_.request("list " + path);
			return children(nodes, path);
		}
		using XenStoreTransaction::write;

		void write(const std::vector<std::pair<std::string, std::string>>& written) override
		{
			for (const auto& [path, value] : written) {
				store_.request("write " + path);
				put(nodes, access, path, value);
				touched.insert(path);
			}
		}
		void make_directory(
			const std::string& path, const NodePermissions& permissions) override
		{
			store_.request("mkdir " + path);
			if (!nodes.contains(path))
				put(nodes, access, path, "");
			access[path] = permissions;
			touched.insert(path);
		}
		void remove(const std::string& path) override
		{
			store_.request("remove " + path);
			const auto gone = [&](const auto& node) {
				return is_below(node.first, path);
			};
			std::erase_if(access, gone);
			if (std::erase_if(nodes, gone))
				touched.insert(path);
		}

		Nodes nodes;
		Access access;
		std::set<std::string> touched;

	private:
		FakeXenStore& store_;
	};

	Access access_;
	std::multiset<std::string> watched_;
	bool pending_ = false;
	int transactions_ = 0;
};

} // namespace iomemgrant

#endif
