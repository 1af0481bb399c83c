// Fuzzes the IaaS daemon's check of images: whatever the bytes, it says no by a
// UserError that names the image, or yes with facts that can be true.
#include "tools/iaasd/elf_image.h"

#include <algorithm>
#include <span>
#include <string>

#include "tests/fuzz/fuzz.h"
#include "tools/iaasd/user_error.h"

namespace {

using ebbrt::fuzz::Check;

class MemoryReader final : public ebbrt::iaas::ImageReader {
 public:
  explicit MemoryReader(std::string_view bytes) : bytes_(bytes) {}
  uint64_t Size() const override { return bytes_.size(); }
  bool Read(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
      return false;
    }
    std::copy_n(std::as_bytes(std::span(bytes_)).begin() + offset, out.size(),
                out.begin());
    return true;
  }

 private:
  std::string_view bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const MemoryReader image(ebbrt::fuzz::Text(data, size));
  try {
    const auto facts = ebbrt::iaas::CheckImage(image, "the-image");
    Check(facts.entry < facts.load_end, "the entry lies in the loaded image");
    Check(size >= 64, "an image has a header");
  } catch (const ebbrt::iaas::UserError& error) {
    Check(std::string(error.what()).find("the-image") != std::string::npos,
          "an error names the image");
  }
  return 0;
}
