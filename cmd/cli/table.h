// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef OUTPUT_TABLE_H
#define OUTPUT_TABLE_H

#include <string>
#include <vector>

namespace iomemgrant
{

/// A table in the style of lsblk: a header, no borders, two spaces between columns, nothing cut.
class Table
{
public:
	explicit Table(std::vector<std::string> headers) : headers_(std::move(headers)) {}

	/// @cells: as many as there are headers.
	void add(std::vector<std::string> cells);
	bool empty() const { return rows_.empty(); }

	std::string render(bool with_header = true) const;

private:
	std::vector<std::string> headers_;
	std::vector<std::vector<std::string>> rows_;
};

} // namespace iomemgrant

#endif
