#include "native/network/frame_buffers.h"

#include <cstddef>
#include <new>
#include <span>
#include <utility>

#include "native/network/spare_list.h"
#include "native/percore.h"

namespace ebbrt::network {
namespace {

/// A pbuf that owns an IOBuf.
struct FramePbuf {
  pbuf_custom base{};
  std::unique_ptr<IOBuf> window;
  FramePbuf* next_free = nullptr;
};
static_assert(offsetof(FramePbuf, base) == 0);

/// The stack belongs to one core, and so do these.
EBBRT_PERCORE constinit SpareList<FramePbuf, &FramePbuf::next_free>
    spare_frames(512);

void FreeFrame(pbuf* p) {
  auto* frame = reinterpret_cast<FramePbuf*>(p);
  frame->window.reset();
  if (!spare_frames.Keep(frame)) delete frame;
}

FramePbuf* GetFrame() {
  FramePbuf* frame = spare_frames.Take();
  return frame != nullptr ? frame : new (std::nothrow) FramePbuf;
}

pbuf* WrapOne(std::unique_ptr<IOBuf> window) {
  FramePbuf* frame = GetFrame();
  if (frame == nullptr) return nullptr;
  frame->window = std::move(window);
  frame->base.custom_free_function = &FreeFrame;
  auto length = static_cast<u16_t>(frame->window->Length());
  return pbuf_alloced_custom(PBUF_RAW, length, PBUF_REF, &frame->base,
                             frame->window->WritableData(), length);
}

bool IsFrame(const pbuf* p) {
  return (p->flags & PBUF_FLAG_IS_CUSTOM) != 0 &&
         reinterpret_cast<const pbuf_custom*>(p)->custom_free_function ==
             &FreeFrame;
}

/// What `p` alone shows, as an IOBuf of its own; p keeps its window.
std::unique_ptr<IOBuf> ShowOne(const pbuf* p) {
  const auto* bytes = static_cast<const std::byte*>(p->payload);
  if (!IsFrame(p)) return IOBuf::Copy(std::span(bytes, p->len));
  auto window = reinterpret_cast<const FramePbuf*>(p)->window->CloneOne();
  window->Advance(bytes - window->Data());
  window->TrimEnd(window->Length() - p->len);
  return window;
}

/// The common case: all of it is ours and nobody else holds any of it.
bool CanMove(const pbuf* chain) {
  for (const pbuf* p = chain; p != nullptr; p = p->next) {
    if (p->ref != 1 || !IsFrame(p)) return false;
  }
  return true;
}

std::unique_ptr<IOBuf> MoveOne(pbuf* p) {
  auto window = std::move(reinterpret_cast<FramePbuf*>(p)->window);
  window->Advance(static_cast<std::byte*>(p->payload) - window->Data());
  window->TrimEnd(window->Length() - p->len);
  return window;
}

}  // namespace

pbuf* WrapInPbufs(std::unique_ptr<IOBuf> chain) {
  pbuf* head = nullptr;
  while (chain != nullptr) {
    auto rest = chain->Pop();
    pbuf* p = WrapOne(std::move(chain));
    if (p == nullptr) {
      if (head != nullptr) pbuf_free(head);
      return nullptr;
    }
    if (head == nullptr) {
      head = p;
    } else {
      pbuf_cat(head, p);
    }
    chain = std::move(rest);
  }
  return head;
}

std::unique_ptr<IOBuf> TakeFromPbufs(pbuf* chain) {
  bool move = CanMove(chain);
  std::unique_ptr<IOBuf> bytes;
  for (pbuf* p = chain; p != nullptr; p = p->next) {
    if (p->len == 0) continue;
    bytes = JoinChains(std::move(bytes), move ? MoveOne(p) : ShowOne(p));
  }
  pbuf_free(chain);
  return bytes;
}

}  // namespace ebbrt::network
