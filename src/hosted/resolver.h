// Lets back-ends ask this system's resolver (common/resolver.h).
#pragma once

namespace ebbrt::hosted {

/// From now on this front-end answers Resolver's calls. Any time, more than once.
void GrantNames();

}  // namespace ebbrt::hosted
