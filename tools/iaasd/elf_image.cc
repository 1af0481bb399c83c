#include "elf_image.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "user_error.h"

namespace ebbrt::iaas {
namespace {

// Xen's public elfnote.h: the physical 32-bit entry point of a PVH guest.
constexpr uint32_t kPhys32EntryNote = 18;
constexpr char kXenName[] = "Xen";
// More than any linker writes; bounds what a hostile file makes the daemon
// read.
constexpr size_t kMaxProgramHeaders = 128;
constexpr uint64_t kMaxNoteBytes = 64 * 1024;

constexpr uint64_t AlignUp4(uint64_t value) {
  return (value + 3) & ~uint64_t{3};
}

template <typename T>
std::optional<T> ReadAs(const ImageReader& image, uint64_t offset) {
  T value;
  if (!image.Read(offset, std::as_writable_bytes(std::span(&value, 1)))) {
    return std::nullopt;
  }
  return value;
}

// Finds the entry point in one note segment's bytes.
std::optional<uint32_t> FindEntryNote(std::span<const std::byte> notes) {
  uint64_t at = 0;
  while (notes.size() - at >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    std::memcpy(&note, notes.data() + at, sizeof note);
    const uint64_t name_at = at + sizeof note;
    const uint64_t desc_at = name_at + AlignUp4(note.n_namesz);
    const uint64_t next = desc_at + AlignUp4(note.n_descsz);
    if (desc_at + note.n_descsz > notes.size()) return std::nullopt;
    if (note.n_type == kPhys32EntryNote && note.n_namesz == sizeof kXenName &&
        note.n_descsz >= sizeof(uint32_t) &&
        std::memcmp(notes.data() + name_at, kXenName, sizeof kXenName) == 0) {
      uint32_t entry;
      std::memcpy(&entry, notes.data() + desc_at, sizeof entry);
      return entry;
    }
    if (next > notes.size()) return std::nullopt;
    at = next;
  }
  return std::nullopt;
}

Elf64_Ehdr CheckHeader(const ImageReader& image, const std::string& name) {
  const auto ident = ReadAs<std::array<unsigned char, EI_NIDENT>>(image, 0);
  if (!ident || std::memcmp(ident->data(), ELFMAG, SELFMAG) != 0) {
    throw UserError("image " + name +
                    " is not an ELF file; give the image the build made for "
                    "the x86_64-ebbrt-elf target");
  }
  if ((*ident)[EI_CLASS] != ELFCLASS64 || (*ident)[EI_DATA] != ELFDATA2LSB) {
    throw UserError("image " + name +
                    " is not a 64-bit little-endian ELF file; build it for "
                    "the x86_64-ebbrt-elf target");
  }
  const auto header = ReadAs<Elf64_Ehdr>(image, 0);
  if (!header) {
    throw UserError("image " + name +
                    " ends inside its ELF header; build it again");
  }
  if (header->e_machine != EM_X86_64) {
    throw UserError("image " + name + " is for another machine (ELF machine " +
                    std::to_string(header->e_machine) +
                    ", not 62, x86-64); build it for x86_64-ebbrt-elf");
  }
  if (header->e_type != ET_EXEC) {
    throw UserError("image " + name +
                    " is not a static, fixed-address executable (ELF type " +
                    std::to_string(header->e_type) +
                    "); link it with the x86_64-ebbrt-elf toolchain");
  }
  if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum == 0 ||
      header->e_phnum > kMaxProgramHeaders) {
    throw UserError("image " + name +
                    " has no usable program headers; build it again");
  }
  return *header;
}

UserError Truncated(const std::string& name) {
  return UserError("image " + name +
                   " is shorter than its program headers say; was its build "
                   "or copy interrupted? Build it again");
}

std::vector<Elf64_Phdr> ReadSegments(const ImageReader& image,
                                     const Elf64_Ehdr& header,
                                     const std::string& name) {
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  if (!image.Read(header.e_phoff,
                  std::as_writable_bytes(std::span(segments)))) {
    throw Truncated(name);
  }
  for (const auto& segment : segments) {
    if (segment.p_type != PT_LOAD && segment.p_type != PT_NOTE) continue;
    if (segment.p_offset > image.Size() ||
        segment.p_filesz > image.Size() - segment.p_offset) {
      throw Truncated(name);
    }
    if (segment.p_type == PT_LOAD &&
        (segment.p_filesz > segment.p_memsz ||
         segment.p_paddr + segment.p_memsz < segment.p_paddr)) {
      throw UserError("image " + name +
                      " has a segment of impossible size; build it again");
    }
  }
  return segments;
}

std::optional<uint32_t> FindEntry(const ImageReader& image,
                                  const std::vector<Elf64_Phdr>& segments) {
  for (const auto& segment : segments) {
    if (segment.p_type != PT_NOTE || segment.p_filesz > kMaxNoteBytes) continue;
    std::vector<std::byte> notes(segment.p_filesz);
    if (!image.Read(segment.p_offset, notes)) continue;
    if (const auto entry = FindEntryNote(notes)) return entry;
  }
  return std::nullopt;
}

}  // namespace

FileImageReader::FileImageReader(int fd) : fd_(fd), size_(0) {
  struct stat status;
  if (fstat(fd, &status) == 0 && status.st_size > 0) {
    size_ = static_cast<uint64_t>(status.st_size);
  }
}

bool FileImageReader::Read(uint64_t offset, std::span<std::byte> out) const {
  if (offset > size_ || out.size() > size_ - offset) return false;
  while (!out.empty()) {
    const ssize_t got =
        pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    out = out.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
  return true;
}

ImageFacts CheckImage(const ImageReader& image, const std::string& name) {
  const Elf64_Ehdr header = CheckHeader(image, name);
  const auto segments = ReadSegments(image, header, name);
  const auto entry = FindEntry(image, segments);
  if (!entry) {
    throw UserError("image " + name +
                    " has no PVH entry note (XEN_ELFNOTE_PHYS32_ENTRY), so it "
                    "is no EbbRT image; give the one built for the "
                    "x86_64-ebbrt-elf target, not the Linux program");
  }
  ImageFacts facts{.entry = *entry};
  bool entry_is_code = false;
  for (const auto& segment : segments) {
    if (segment.p_type != PT_LOAD) continue;
    const uint64_t end = segment.p_paddr + segment.p_memsz;
    facts.load_end = std::max(facts.load_end, end);
    entry_is_code |= (segment.p_flags & PF_X) && *entry >= segment.p_paddr &&
                     *entry < segment.p_paddr + segment.p_filesz;
  }
  if (!entry_is_code) {
    throw UserError("image " + name +
                    " has a PVH entry point outside its code; build it again");
  }
  return facts;
}

}  // namespace ebbrt::iaas
