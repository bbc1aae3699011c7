// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmd/cli/table.h"

#include <algorithm>
#include <cassert>

namespace iomemgrant
{

namespace
{

// Characters on the screen: colour sequences take no room, and a UTF-8 character takes one place.
std::size_t width_of(const std::string& text)
{
	std::size_t count = 0;
	for (std::size_t i = 0; i < text.size(); i++) {
		if (text[i] == '\x1b') {
			i = std::min(text.find('m', i), text.size());
			continue;
		}
		if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80)
			count++;
	}
	return count;
}

} // namespace

void Table::add(std::vector<std::string> cells)
{
	assert(cells.size() == headers_.size());
	rows_.push_back(std::move(cells));
}

std::string Table::render(bool with_header) const
{
	std::vector<std::size_t> widths(headers_.size(), 0);
	const auto widen = [&widths](const std::vector<std::string>& cells) {
		for (std::size_t i = 0; i < cells.size(); i++)
			widths[i] = std::max(widths[i], width_of(cells[i]));
	};
	if (with_header)
		widen(headers_);
	for (const auto& row : rows_)
		widen(row);

	std::string text;
	const auto append = [&](const std::vector<std::string>& cells) {
		for (std::size_t i = 0; i < cells.size(); i++) {
			text += cells[i];
			if (i + 1 < cells.size())
				text.append(widths[i] - width_of(cells[i]) + 2, ' ');
		}
		// Empty cells at the end of a row leave no trace.
		text.erase(text.find_last_not_of(' ') + 1);
		text += '\n';
	};
	if (with_header)
		append(headers_);
	for (const auto& row : rows_)
		append(row);
	return text;
}

} // namespace iomemgrant
