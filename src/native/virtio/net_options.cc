#include "native/virtio/net_options.h"

#include <array>
#include <stdexcept>

#include "common/concat.h"
#include "native/virtio/net_layout.h"
#include "native/virtio/transport.h"

namespace ebbrt::virtio {
namespace {

struct Switch {
  std::string_view name;
  uint64_t features;
};

constexpr std::array kSwitches = {
    Switch{"csum", net_feature::kChecksum},
    Switch{"guestcsum", net_feature::kGuestChecksum},
    Switch{"guesttso", net_feature::kGuestTso4 | net_feature::kGuestTso6},
    Switch{"hosttso", net_feature::kHostTso4 | net_feature::kHostTso6},
    Switch{"mrgrxbuf", net_feature::kMergeableBuffers},
    Switch{"eventidx", feature::kEventIndex},
    Switch{"mac", net_feature::kMac},
    Switch{"mtu", net_feature::kMtu},
    Switch{"mq", net_feature::kMultiqueue},
};

std::string KnownNames() {
  std::string names;
  for (const Switch& known : kSwitches) {
    if (!names.empty()) names += ", ";
    names += known.name;
  }
  return names;
}

/// What a switch names. Throws std::invalid_argument.
uint64_t FeaturesOf(std::string_view word) {
  if (word.size() > 1 && (word[0] == '-' || word[0] == '+')) {
    for (const Switch& known : kSwitches) {
      if (word.substr(1) == known.name) return known.features;
    }
  }
  throw std::invalid_argument(
      Concat({"ebbrt.net: '", word,
              "' is no switch; a switch is '-' (off) or '+' "
              "(on) and one of: ",
              KnownNames()}));
}

/// Removes what cannot be without what is missing.
uint64_t Consistent(uint64_t features) {
  using namespace net_feature;
  // A received segment of 64 KiB fits no buffer of ours alone.
  if ((features & kGuestChecksum) == 0 || (features & kMergeableBuffers) == 0) {
    features &= ~(kGuestTso4 | kGuestTso6);
  }
  if ((features & kChecksum) == 0) features &= ~(kHostTso4 | kHostTso6);
  // How many pairs are used is said on the control queue.
  if ((features & kMultiqueue) != 0) features |= kControlQueue;
  return features;
}

}  // namespace

uint64_t WantedNetFeatures(std::string_view words) {
  uint64_t features = 0;
  for (const Switch& known : kSwitches) features |= known.features;
  while (!words.empty()) {
    size_t comma = words.find(',');
    std::string_view word = words.substr(0, comma);
    uint64_t named = FeaturesOf(word);
    features = word[0] == '-' ? features & ~named : features | named;
    if (comma == std::string_view::npos) break;
    words.remove_prefix(comma + 1);
  }
  return Consistent(features);
}

std::string NetFeatureNames(uint64_t features) {
  std::string names;
  for (const Switch& known : kSwitches) {
    if ((features & known.features) == 0) continue;
    if (!names.empty()) names += ' ';
    names += known.name;
  }
  return names;
}

}  // namespace ebbrt::virtio
