#include "hosted/symbol_names.h"

#include <cxxabi.h>
#include <elfutils/libdwfl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace ebbrt::hosted {
namespace {

/// What isn't in a file itself is not looked for elsewhere.
int NoDebugInfo(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*,
                const char*, GElf_Word, char**) {
  return -1;
}

constexpr Dwfl_Callbacks kCallbacks{
    .find_elf = &dwfl_linux_proc_find_elf,
    .find_debuginfo = &NoDebugInfo,
    .section_address = nullptr,
    .debuginfo_path = nullptr,
};

std::string Plain(const char* name) {
  std::unique_ptr<char, void (*)(void*)> plain(
      abi::__cxa_demangle(name, nullptr, nullptr, nullptr), &std::free);
  return plain != nullptr ? plain.get() : name;
}

}  // namespace

void SymbolNames::End::operator()(Dwfl* files) const { dwfl_end(files); }

SymbolNames::SymbolNames() : files_(dwfl_begin(&kCallbacks)) {
  if (files_ == nullptr) return;
  dwfl_linux_proc_report(files_.get(), getpid());
  dwfl_report_end(files_.get(), nullptr, nullptr);
}

std::string SymbolNames::At(const void* address) {
  if (files_ == nullptr) return "";
  const auto place = reinterpret_cast<uint64_t>(address);
  Dwfl_Module* file = dwfl_addrmodule(files_.get(), place);
  if (file == nullptr) return "";
  const char* name = dwfl_module_addrname(file, place);
  return name != nullptr ? Plain(name) : "";
}

}  // namespace ebbrt::hosted
