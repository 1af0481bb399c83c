// MoveFunction<R(Args...)>: a callable that is moved, never copied.
//
// std::function asks its target to be copyable, which closures that own buffers
// or promises are not. Targets of up to kInlineSize bytes that move without
// throwing live inside the object, so spawning an ordinary event allocates
// nothing; larger ones live on the heap.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace ebbrt {

namespace detail {
/// Stops the node. Here and not inline, since it would be in every call.
[[noreturn, gnu::cold]] void EmptyFunctionCalled();
}  // namespace detail

template <typename Signature>
class MoveFunction;

/// Not thread-safe; one owner at a time. Calling an empty one is a broken
/// invariant and aborts.
template <typename R, typename... Args>
class MoveFunction<R(Args...)> {
 public:
  /// Bytes of target stored without an allocation: four captured words.
  static constexpr size_t kInlineSize = 4 * sizeof(void*);

  MoveFunction() = default;
  MoveFunction(std::nullptr_t) {}  // NOLINT: as std::function

  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, MoveFunction> &&
           std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
      MoveFunction(F&& f) {  // NOLINT: implicit, as std::function
    using Target = std::decay_t<F>;
    if constexpr (kFitsInline<Target>) {
      new (storage_) Target(std::forward<F>(f));
      operations_ = &kInlineOperations<Target>;
    } else {
      new (storage_) Target*(new Target(std::forward<F>(f)));
      operations_ = &kHeapOperations<Target>;
    }
  }

  MoveFunction(MoveFunction&& other) noexcept { Take(other); }
  MoveFunction& operator=(MoveFunction&& other) noexcept {
    if (this != &other) {
      Reset();
      Take(other);
    }
    return *this;
  }
  MoveFunction(const MoveFunction&) = delete;
  MoveFunction& operator=(const MoveFunction&) = delete;
  ~MoveFunction() { Reset(); }

  explicit operator bool() const { return operations_ != nullptr; }

  /// An address that tells the type of the target: its symbol's name does. Null
  /// for an empty one.
  const void* Identity() const { return operations_; }

  R operator()(Args... args) {
    if (operations_ == nullptr) [[unlikely]]
      detail::EmptyFunctionCalled();
    return operations_->call(storage_, std::forward<Args>(args)...);
  }

 private:
  struct Operations {
    R (*call)(void*, Args&&...);
    void (*move)(void* to, void* from);
    void (*destroy)(void*);
  };

  template <typename Target>
  static constexpr bool kFitsInline =
      sizeof(Target) <= kInlineSize &&
      alignof(Target) <= alignof(std::max_align_t) &&
      std::is_nothrow_move_constructible_v<Target>;

  template <typename Target>
  static constexpr Operations kInlineOperations = {
      [](void* self, Args&&... args) -> R {
        return (*std::launder(static_cast<Target*>(self)))(
            std::forward<Args>(args)...);
      },
      [](void* to, void* from) {
        auto* target = std::launder(static_cast<Target*>(from));
        new (to) Target(std::move(*target));
        target->~Target();
      },
      [](void* self) { std::launder(static_cast<Target*>(self))->~Target(); }};

  template <typename Target>
  static constexpr Operations kHeapOperations = {
      [](void* self, Args&&... args) -> R {
        return (**static_cast<Target**>(self))(std::forward<Args>(args)...);
      },
      [](void* to, void* from) {
        new (to) Target*(*static_cast<Target**>(from));
      },
      [](void* self) { delete *static_cast<Target**>(self); }};

  void Take(MoveFunction& other) {
    if (other.operations_ == nullptr) return;
    other.operations_->move(storage_, other.storage_);
    operations_ = std::exchange(other.operations_, nullptr);
  }

  void Reset() {
    if (operations_ != nullptr)
      std::exchange(operations_, nullptr)->destroy(storage_);
  }

  alignas(std::max_align_t) std::byte storage_[kInlineSize];
  const Operations* operations_ = nullptr;
};

}  // namespace ebbrt
