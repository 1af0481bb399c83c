#include "native/context.h"

#include <cstring>

namespace ebbrt {
namespace {

// Zero is a fine beginning for all of it but reent, which stands for
// _global_impure_ptr and is never used.
constinit Context boot_context{};

}  // namespace

Context& Context::Current() {
  if (!IsOnStackRegion()) return boot_context;
  return *static_cast<Context*>(ContextPage());
}

void InitContext(void* page) {
  auto* context = new (page) Context;
  std::memset(&context->reent, 0, sizeof(context->reent));
  _REENT_INIT_PTR_ZEROED(&context->reent);
  context->key_values.fill(nullptr);
  context->thread = nullptr;
}

}  // namespace ebbrt

/// The reentrancy structure of the calling context: errno and its like.
extern "C" _reent* __getreent() {
  if (!ebbrt::IsOnStackRegion()) return _global_impure_ptr;
  return &static_cast<ebbrt::Context*>(ebbrt::ContextPage())->reent;
}
