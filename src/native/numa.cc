#include "native/numa.h"

#include "native/heap.h"
#include "native/page_allocator.h"
#include "native/platform_info.h"
#include "platform/core.h"

namespace ebbrt {

void NumaInit() {
  const auto& memory = Platform().node_memory;
  if (!memory.Empty()) {
    PageAllocator::SetNodes({memory.begin(), memory.Size()});
  }
  NumaJoin();
}

void NumaJoin() {
  unsigned node = NumaNodeOf(platform::CurrentCore());
  PageAllocator::Own().SetNode(node);
  // The node that it has become: there may be fewer with memory than with
  // cores.
  own_heap.SetNode(PageAllocator::Own().Node());
}

unsigned NumaNodeOf(CoreId core) { return Platform().core_nodes[core]; }

}  // namespace ebbrt
