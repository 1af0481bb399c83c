#include "native/slab_allocator.h"

#include <new>
#include <stdexcept>

#include "common/check.h"

namespace ebbrt {
namespace {

SizeClass ClassFor(size_t size) {
  if (size == 0 || size > kLargestSmall) {
    throw std::invalid_argument(
        "SlabAllocator: objects are of 1 to 8192 bytes; larger ones are pages "
        "(page_allocator)");
  }
  return detail::MakeClass((size + kGranularity - 1) / kGranularity *
                           kGranularity);
}

}  // namespace

SlabRoot::SlabRoot(size_t size)
    : size_class(ClassFor(size)),
      set(size_class, PageKind::kOwnSlab, 0, pools) {}

void* SlabAllocator::Allocate() {
  void* object = cache_.TryAllocate();
  if (object == nullptr) object = cache_.Refill(set_);
  if (object == nullptr) throw std::bad_alloc();
  return object;
}

void SlabAllocator::Free(void* object) {
  PageTag tag = page_infos[ToPageNumber(object)].tag;
  EBBRT_CHECK(tag.Kind() == PageKind::kOwnSlab,
              "what was freed is of no SlabAllocator");
  if (tag.Node() == PageAllocator::Own().Node()) {
    if (cache_.Free(object) > 2u * set_.Class().batch) cache_.Shrink(set_);
  } else {
    cache_.FreeRemote(set_, object);
  }
}

}  // namespace ebbrt
