// What nearly all of V8's files include.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/execution/isolate-inl.h"
#include "src/objects/objects-inl.h"
