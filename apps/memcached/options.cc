#include "apps/memcached/options.h"

#include <algorithm>
#include <charconv>

namespace ebbrt::memcached {

Options::Options(const std::vector<std::string>& arguments,
                 std::span<const std::string_view> known) {
  for (auto i = arguments.begin(); i != arguments.end(); ++i) {
    if (!i->starts_with('-')) {
      if (word_) throw UsageError("'" + *i + "': one word too many");
      word_ = *i;
      continue;
    }
    if (std::find(known.begin(), known.end(), *i) == known.end()) {
      throw UsageError("'" + *i + "' is no option of this program");
    }
    const std::string& option = *i;
    if (++i == arguments.end()) {
      throw UsageError("option " + option + " needs a value");
    }
    values_[option] = *i;
  }
}

uint64_t Options::Number(std::string_view option, uint64_t otherwise,
                         uint64_t low, uint64_t high) const {
  auto found = values_.find(option);
  if (found == values_.end()) return otherwise;
  const std::string& text = found->second;
  uint64_t number = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() ||
      number < low || number > high) {
    throw UsageError("option " + std::string(option) + ": '" + text +
                     "' should be a number from " + std::to_string(low) +
                     " to " + std::to_string(high));
  }
  return number;
}

std::string Options::Text(std::string_view option,
                          std::string otherwise) const {
  auto found = values_.find(option);
  return found == values_.end() ? otherwise : found->second;
}

}  // namespace ebbrt::memcached
