#include "common/concat.h"

#include <iterator>

namespace ebbrt {

void ConcatPiece::SetNumber(Sign sign, uint64_t magnitude) {
  char* const end = std::end(digits_);
  char* at = end;
  do {
    *--at = static_cast<char>('0' + magnitude % 10);
    magnitude /= 10;
  } while (magnitude != 0);
  if (sign == Sign::kMinus) *--at = '-';
  data_ = at;
  size_ = static_cast<size_t>(end - at);
}

std::string Concat(std::initializer_list<ConcatPiece> pieces) {
  size_t size = 0;
  for (const auto& piece : pieces) size += piece.View().size();
  std::string text;
  text.reserve(size);
  for (const auto& piece : pieces) text += piece.View();
  return text;
}

}  // namespace ebbrt
