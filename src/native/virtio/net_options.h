// Which features of a network device to ask for: all that we know, less those
// that the boot argument `ebbrt.net` takes away.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ebbrt::virtio {

/// The features to ask for when `words` is the value of `ebbrt.net`: a
/// comma-separated list of switches, each "-name" (off) or "+name" (on, as all
/// are unless taken away). Taking away what another needs takes both (VirtIO
/// 1.2 §5.1.3.1). Throws std::invalid_argument that lists the names when a word
/// is not one of them.
uint64_t WantedNetFeatures(std::string_view words);

/// The names of the switches that are on in `features`, for a message.
std::string NetFeatureNames(uint64_t features);

}  // namespace ebbrt::virtio
