// Concat: a message out of pieces.
//
//   throw BadFrame(Concat({"node ", node, " is connected already"}));
//
// In place of a chain of operator+ and std::to_string, which is compiled into
// every place it stands in, at some hundred bytes a plus. Messages are most of
// what a small image would otherwise be made of.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace ebbrt {

/// Text, or a number in decimal. Lives no longer than the call it is made for.
class ConcatPiece {
 public:
  ConcatPiece(std::string_view text)  // NOLINT: implicit by design
      : data_(text.data()), size_(text.size()) {}
  ConcatPiece(const std::string& text)  // NOLINT
      : data_(text.data()), size_(text.size()) {}
  ConcatPiece(const char* text)  // NOLINT
      : ConcatPiece(std::string_view(text)) {}
  ConcatPiece(std::integral auto number) {  // NOLINT
    SetNumber(number < 0 ? Sign::kMinus : Sign::kNone,
              number < 0 ? -static_cast<uint64_t>(number)
                         : static_cast<uint64_t>(number));
  }
  ConcatPiece(char) = delete;
  ConcatPiece(bool) = delete;
  ConcatPiece(const ConcatPiece&) = delete;
  ConcatPiece& operator=(const ConcatPiece&) = delete;

  std::string_view View() const { return {data_, size_}; }

 private:
  enum class Sign : bool { kNone, kMinus };
  void SetNumber(Sign sign, uint64_t magnitude);

  const char* data_;
  size_t size_;
  char digits_[20];  // of 2^64 - 1, or of -2^63
};

/// The pieces, one behind the other. Throws std::bad_alloc.
std::string Concat(std::initializer_list<ConcatPiece> pieces);

}  // namespace ebbrt
