// Checks that a file is a back-end image before QEMU is bothered with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace ebbrt::iaas {

// Where the bytes of an image come from.
class ImageReader {
 public:
  virtual ~ImageReader() = default;
  virtual uint64_t Size() const = 0;
  // Fills `out` from byte `offset`. False when the bytes are not all there.
  virtual bool Read(uint64_t offset, std::span<std::byte> out) const = 0;
};

// Reads a file descriptor, which must outlive it, by pread.
class FileImageReader final : public ImageReader {
 public:
  explicit FileImageReader(int fd);
  uint64_t Size() const override { return size_; }
  bool Read(uint64_t offset, std::span<std::byte> out) const override;

 private:
  int fd_;
  uint64_t size_;
};

// What the daemon wants to know of an image.
struct ImageFacts {
  uint32_t entry = 0;     // physical address of the PVH entry
  uint64_t load_end = 0;  // first physical byte behind the loaded image
};

// Checks that the image is a static ELF64 executable for x86-64 whose segments
// lie in the file and which has the PVH entry note (XEN_ELFNOTE_PHYS32_ENTRY)
// that points into one of its executable segments. `name` is what errors call
// it. Throws UserError.
ImageFacts CheckImage(const ImageReader& image, const std::string& name);

}  // namespace ebbrt::iaas
