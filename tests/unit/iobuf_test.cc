#include "common/iobuf.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace ebbrt {
namespace {

/// A chain of one element per piece.
std::unique_ptr<IOBuf> Chain(std::initializer_list<std::string_view> pieces) {
  std::unique_ptr<IOBuf> chain;
  for (auto piece : pieces) {
    chain = JoinChains(std::move(chain), IOBuf::Copy(piece));
  }
  return chain;
}

TEST(IOBuf, WindowMovesInsideItsBuffer) {
  auto buffer = IOBuf::Copy("abcdef", 4, 2);
  EXPECT_EQ(buffer->Headroom(), 4u);
  EXPECT_EQ(buffer->Tailroom(), 2u);
  buffer->Advance(2);
  EXPECT_EQ(buffer->View(), "cdef");
  buffer->TrimEnd(1);
  EXPECT_EQ(buffer->View(), "cde");
  buffer->Retreat(1);
  EXPECT_EQ(buffer->View(), "bcde");
  EXPECT_EQ(buffer->Headroom(), 5u);
  *buffer->WritableTail() = std::byte{'x'};
  buffer->Append(1);
  EXPECT_EQ(buffer->View(), "bcdex");
}

TEST(IOBuf, EmptyBufferIsFine) {
  auto buffer = IOBuf::Create(0);
  EXPECT_TRUE(buffer->Empty());
  EXPECT_EQ(buffer->ChainLength(), 0u);
  EXPECT_EQ(buffer->ToString(), "");
}

TEST(IOBuf, ClonesShareUntilTheLastIsGone) {
  auto first = IOBuf::Copy("shared");
  EXPECT_FALSE(first->IsShared());
  auto second = first->CloneOne();
  EXPECT_EQ(first->Data(), second->Data()) << "nothing is copied";
  EXPECT_TRUE(first->IsShared());
  EXPECT_TRUE(second->IsShared());
  second->Advance(2);
  EXPECT_EQ(first->View(), "shared") << "windows move on their own";
  first.reset();
  EXPECT_FALSE(second->IsShared());
  EXPECT_EQ(second->View(), "ared");
}

TEST(IOBuf, WrappedBytesAlwaysCountAsShared) {
  static constexpr std::string_view kText = "constant";
  auto buffer = IOBuf::Wrap(kText);
  EXPECT_TRUE(buffer->IsShared());
  EXPECT_EQ(static_cast<const void*>(buffer->Data()), kText.data());
}

struct Tracked {
  explicit Tracked(int* released) : owner(&Release), released(released) {}
  static void Release(BufferOwner* owner) {
    ++*reinterpret_cast<Tracked*>(owner)->released;
  }
  BufferOwner owner;
  int* released;
  std::byte bytes[16] = {};
};

TEST(IOBuf, AdoptedBufferIsReleasedOnce) {
  int released = 0;
  Tracked buffer(&released);
  auto window = IOBuf::Adopt(&buffer.owner, buffer.bytes, 16, 4, 8);
  EXPECT_EQ(window->Headroom(), 4u);
  EXPECT_EQ(window->Tailroom(), 4u);
  auto clone = window->Clone();
  window.reset();
  EXPECT_EQ(released, 0);
  clone.reset();
  EXPECT_EQ(released, 1);
}

TEST(IOBuf, ChainsJoinPopAndCount) {
  auto chain = Chain({"ab", "", "cde"});
  EXPECT_EQ(chain->CountChain(), 3u);
  EXPECT_EQ(chain->ChainLength(), 5u);
  EXPECT_EQ(chain->ToString(), "abcde");
  auto rest = chain->Pop();
  EXPECT_FALSE(chain->IsChained());
  EXPECT_EQ(rest->ToString(), "cde");
  EXPECT_EQ(chain->Pop(), nullptr);
}

TEST(IOBuf, CloneOfAChainIsAChain) {
  auto chain = Chain({"ab", "cd"});
  auto clone = chain->Clone();
  chain.reset();
  EXPECT_EQ(clone->ToString(), "abcd");
  EXPECT_EQ(clone->CountChain(), 2u);
}

TEST(IOBuf, SplitAtEveryPlace) {
  const std::string whole = "abcdef";
  for (size_t at = 0; at <= whole.size(); ++at) {
    auto chain = Chain({"ab", "c", "def"});
    auto front = SplitChain(chain, at);
    EXPECT_EQ(front == nullptr ? "" : front->ToString(), whole.substr(0, at));
    EXPECT_EQ(chain == nullptr ? "" : chain->ToString(), whole.substr(at));
  }
}

TEST(IOBuf, CopyOutFromAnyOffset) {
  auto chain = Chain({"abc", "def"});
  std::byte out[4];
  EXPECT_EQ(chain->CopyOut(out, 2), 4u);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(out), 4), "cdef");
  EXPECT_EQ(chain->CopyOut(out, 5), 1u);
  EXPECT_EQ(chain->CopyOut(out, 6), 0u);
}

TEST(IOBuf, CoalesceCopiesOnlyChains) {
  auto single = IOBuf::Copy("abc");
  const std::byte* data = single->Data();
  single = Coalesce(std::move(single));
  EXPECT_EQ(single->Data(), data);
  auto chain = Coalesce(Chain({"abc", "def"}));
  EXPECT_FALSE(chain->IsChained());
  EXPECT_EQ(chain->View(), "abcdef");
}

TEST(IOBuf, ALongChainEndsWithoutRecursion) {
  std::unique_ptr<IOBuf> chain;
  for (int i = 0; i < 100'000; ++i) {
    chain = JoinChains(std::move(chain), IOBuf::Copy("x"));
  }
  EXPECT_EQ(chain->ChainLength(), 100'000u);
  chain.reset();  // would overflow the stack if each ended the next
}

}  // namespace
}  // namespace ebbrt
