// Deliverable: something that lwIP has news for, told to the application later.
//
// The application is never called from inside lwIP: a callback there only notes
// what happened and makes its object ready; when lwIP is done with the frame or
// the tick, the stack delivers. So the application may block its event, close
// or abort any connection, or throw, without finding lwIP half-way through
// something.
//
// Counted by reference: the application, lwIP's callback argument and the
// stack's lists each hold one. All on one core.
#pragma once

#include <boost/intrusive/list.hpp>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

namespace ebbrt::network {

class Deliverable
    : public boost::intrusive_ref_counter<Deliverable,
                                          boost::thread_unsafe_counter> {
 public:
  Deliverable() = default;
  virtual ~Deliverable() = default;
  Deliverable(const Deliverable&) = delete;
  Deliverable& operator=(const Deliverable&) = delete;

  /// Tells the application what is new. Runs in an event, outside lwIP; may
  /// block, throw, and run again meanwhile.
  virtual void Deliver() = 0;
  /// Deliver() threw.
  virtual void DeliverFailed() = 0;
  /// Gives lwIP what was queued. At the end of an event; must not block.
  virtual void Flush() {}

 private:
  friend class DeliveryLists;
  using Hook = boost::intrusive::list_member_hook<>;
  Hook ready_;
  Hook dirty_;
};

/// Those that are ready to deliver and those that have something to flush, each
/// in the order in which they became so and listed once. Adding allocates
/// nothing, so it may be done inside lwIP's callbacks.
class DeliveryLists {
 public:
  using Pointer = boost::intrusive_ptr<Deliverable>;

  void AddReady(Deliverable& item) { Add(ready_, item, item.ready_); }
  void AddDirty(Deliverable& item) { Add(dirty_, item, item.dirty_); }
  /// The first, taken off its list; null if there is none.
  Pointer TakeReady() { return Take(ready_); }
  Pointer TakeDirty() { return Take(dirty_); }
  bool HasReady() const { return !ready_.empty(); }

 private:
  template <Deliverable::Hook Deliverable::*kHook>
  using List = boost::intrusive::list<
      Deliverable,
      boost::intrusive::member_hook<Deliverable, Deliverable::Hook, kHook>>;

  template <typename L>
  static void Add(L& list, Deliverable& item, Deliverable::Hook& hook) {
    if (hook.is_linked()) return;
    intrusive_ptr_add_ref(&item);
    list.push_back(item);
  }
  template <typename L>
  static Pointer Take(L& list) {
    if (list.empty()) return nullptr;
    Pointer first(&list.front(), false);  // the list's reference passes on
    list.pop_front();
    return first;
  }

  List<&Deliverable::ready_> ready_;
  List<&Deliverable::dirty_> dirty_;
};

}  // namespace ebbrt::network
