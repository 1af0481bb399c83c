#include "apps/memcached/options.h"

#include <algorithm>

#include "common/digits.h"

namespace ebbrt::memcached {

Options::Options(const std::vector<std::string>& arguments,
                 std::span<const Known> known) {
  auto find = [&](std::string_view name) {
    auto found = std::find_if(known.begin(), known.end(),
                              [&](const Known& k) { return k.name == name; });
    return found == known.end() ? nullptr : &*found;
  };
  for (auto i = arguments.begin(); i != arguments.end(); ++i) {
    if (!i->starts_with('-')) {
      if (word_) throw UsageError("'" + *i + "': one word too many");
      word_ = *i;
      continue;
    }
    bool is_short = !i->starts_with("--");
    const Known* option = find(is_short ? i->substr(0, 2) : *i);
    if (option == nullptr) {
      throw UsageError("'" + *i + "' is no option of this program");
    }
    std::string name(option->name);
    std::string_view joined = std::string_view(*i).substr(name.size());
    if (option->kind == Kind::kFlag) {
      // "-vv": the letter again.
      if (joined.find_first_not_of(name[1]) != joined.npos) {
        throw UsageError("'" + *i + "' is no option of this program");
      }
      flags_[name] += 1 + static_cast<unsigned>(joined.size());
    } else if (!joined.empty()) {
      values_[name] = joined;
    } else if (++i == arguments.end()) {
      throw UsageError("option " + name + " needs a value");
    } else {
      values_[name] = *i;
    }
  }
}

/// The value of an option that is given, in units of `unit` or of what its last
/// letter says if `unit` is 0.
uint64_t Options::Checked(std::string_view option, uint64_t unit, uint64_t low,
                          uint64_t high, std::string_view wanted) const {
  const std::string& text = values_.find(option)->second;
  std::string_view rest = text;
  auto number = TakeNumber(rest, UINT64_MAX >> 20);
  uint64_t factor = unit;
  if (unit == 0) {
    factor = 1;
    if (rest == "k" || rest == "K") factor = 1 << 10;
    if (rest == "m" || rest == "M") factor = 1 << 20;
    if (factor > 1) rest.remove_prefix(1);
  }
  if (!number || !rest.empty() || *number * factor < low ||
      *number * factor > high) {
    throw UsageError("option " + std::string(option) + ": '" + text +
                     "' should be " + std::string(wanted) + " from " +
                     std::to_string(low) + " to " + std::to_string(high));
  }
  return *number * factor;
}

uint64_t Options::Number(std::string_view option, uint64_t otherwise,
                         uint64_t low, uint64_t high) const {
  if (!values_.contains(option)) return otherwise;
  return Checked(option, 1, low, high, "a number");
}

uint64_t Options::Size(std::string_view option, uint64_t otherwise,
                       uint64_t low, uint64_t high) const {
  if (!values_.contains(option)) return otherwise;
  return Checked(option, 0, low, high, "bytes, or with k or m behind it,");
}

std::string Options::Text(std::string_view option,
                          std::string otherwise) const {
  auto found = values_.find(option);
  return found == values_.end() ? otherwise : found->second;
}

unsigned Options::Count(std::string_view flag) const {
  auto found = flags_.find(flag);
  return found == flags_.end() ? 0 : found->second;
}

}  // namespace ebbrt::memcached
