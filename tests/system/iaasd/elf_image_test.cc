#include "elf_image.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "user_error.h"

namespace ebbrt::iaas {
namespace {

// The smallest image: a header, a code segment, a note segment with one note in
// front of the one that counts.
struct Image {
  Elf64_Ehdr header{};
  Elf64_Phdr load{};
  Elf64_Phdr note{};
  struct {
    Elf64_Nhdr head{4, 2, 1};
    char name[4] = "GNU";
    char desc[4] = {};  // 2 bytes, padded
  } other;
  struct {
    Elf64_Nhdr head{4, 4, 18};
    char name[4] = "Xen";
    uint32_t entry = 0x100010;
  } pvh;
  char code[64] = {};

  Image() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_phoff = offsetof(Image, load);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 2;
    load.p_type = PT_LOAD;
    load.p_flags = PF_R | PF_X;
    load.p_offset = offsetof(Image, code);
    load.p_paddr = 0x100000;
    load.p_filesz = sizeof code;
    load.p_memsz = 0x5000;
    note.p_type = PT_NOTE;
    note.p_offset = offsetof(Image, other);
    note.p_filesz = sizeof other + sizeof pvh;
  }
};

class MemoryReader final : public ImageReader {
 public:
  explicit MemoryReader(const Image& image, size_t size = sizeof(Image))
      : bytes_(size) {
    if (size > 0) std::memcpy(bytes_.data(), &image, size);
  }
  uint64_t Size() const override { return bytes_.size(); }
  bool Read(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
      return false;
    }
    if (!out.empty()) {
      std::memcpy(out.data(), bytes_.data() + offset, out.size());
    }
    return true;
  }

 private:
  std::vector<std::byte> bytes_;
};

// The error that an image with one thing changed gets; "" for none.
std::string ErrorOf(const std::function<void(Image&)>& change) {
  Image image;
  change(image);
  try {
    CheckImage(MemoryReader(image), "x.elf");
    return "";
  } catch (const UserError& error) {
    return error.what();
  }
}

testing::AssertionResult Says(const std::function<void(Image&)>& change,
                              const std::string& part) {
  const std::string error = ErrorOf(change);
  if (error.find(part) != std::string::npos &&
      error.find("x.elf") != std::string::npos) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "'" << error << "'";
}

TEST(CheckImage, TakesAnImage) {
  const auto facts = CheckImage(MemoryReader(Image{}), "x.elf");
  EXPECT_EQ(facts.entry, 0x100010u);
  EXPECT_EQ(facts.load_end, 0x105000u);
}

TEST(CheckImage, NamesWhatIsWrongWithTheHeader) {
  EXPECT_TRUE(Says([](Image& i) { i.header.e_ident[0] = 0; }, "not an ELF"));
  EXPECT_TRUE(Says([](Image& i) { i.header.e_ident[EI_CLASS] = ELFCLASS32; },
                   "not a 64-bit"));
  EXPECT_TRUE(Says([](Image& i) { i.header.e_ident[EI_DATA] = ELFDATA2MSB; },
                   "little-endian"));
  EXPECT_TRUE(Says([](Image& i) { i.header.e_machine = EM_AARCH64; },
                   "another machine (ELF machine 183"));
  EXPECT_TRUE(Says([](Image& i) { i.header.e_type = ET_DYN; },
                   "not a static, fixed-address"));
  EXPECT_TRUE(Says([](Image& i) { i.header.e_phnum = 0; }, "no usable"));
  EXPECT_TRUE(Says([](Image& i) { i.header.e_phnum = 60000; }, "no usable"));
  EXPECT_TRUE(Says([](Image& i) { i.header.e_phentsize = 32; }, "no usable"));
}

TEST(CheckImage, NamesWhatIsWrongWithTheSegments) {
  EXPECT_TRUE(Says([](Image& i) { i.header.e_phoff = ~uint64_t{0}; },
                   "shorter than its program headers"));
  EXPECT_TRUE(Says([](Image& i) { i.load.p_offset = 1 << 20; }, "shorter"));
  EXPECT_TRUE(
      Says([](Image& i) { i.load.p_filesz = ~uint64_t{0}; }, "shorter"));
  EXPECT_TRUE(Says([](Image& i) { i.load.p_memsz = 1; }, "impossible size"));
  EXPECT_TRUE(
      Says([](Image& i) { i.load.p_memsz = ~uint64_t{0}; }, "impossible size"));
}

TEST(CheckImage, NeedsTheEntryNote) {
  EXPECT_TRUE(Says([](Image& i) { i.note.p_type = PT_NULL; }, "no PVH entry"));
  EXPECT_TRUE(Says([](Image& i) { i.pvh.head.n_type = 17; }, "no PVH entry"));
  EXPECT_TRUE(Says([](Image& i) { i.pvh.name[0] = 'x'; }, "no PVH entry"));
  EXPECT_TRUE(Says([](Image& i) { i.pvh.head.n_descsz = 2; }, "no PVH entry"));
  EXPECT_TRUE(Says([](Image& i) { i.other.head.n_namesz = 0xffffffff; },
                   "no PVH entry"));
  EXPECT_TRUE(Says([](Image& i) { i.other.head.n_descsz = 0xfffffff0; },
                   "no PVH entry"));
  EXPECT_TRUE(Says([](Image& i) { i.note.p_filesz = sizeof i.other + 8; },
                   "no PVH entry"));
}

TEST(CheckImage, NeedsAnEntryInsideTheCode) {
  EXPECT_TRUE(Says([](Image& i) { i.pvh.entry = 0x100040; }, "outside its"));
  EXPECT_TRUE(Says([](Image& i) { i.pvh.entry = 0xfffff; }, "outside its"));
  EXPECT_TRUE(Says([](Image& i) { i.load.p_flags = PF_R; }, "outside its"));
}

TEST(CheckImage, TakesNoPartOfAnImageForTheWhole) {
  for (size_t size = 0; size < sizeof(Image); ++size) {
    EXPECT_THROW(CheckImage(MemoryReader(Image{}, size), "x"), UserError)
        << size;
  }
}

}  // namespace
}  // namespace ebbrt::iaas
