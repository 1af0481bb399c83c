// Names for addresses of this process, from the symbol tables of the files that
// are mapped into it: of local symbols too, which dladdr doesn't know.
#pragma once

#include <memory>
#include <string>

struct Dwfl;

namespace ebbrt::hosted {

class SymbolNames {
 public:
  /// Of the files that are mapped now. Knows nothing if the system doesn't tell.
  SymbolNames();

  /// The name of the function or object that `address` is in, as C++ writes it;
  /// empty if no file tells. Reads a file when it is first needed.
  std::string At(const void* address);

 private:
  struct End {
    void operator()(Dwfl* files) const;
  };
  std::unique_ptr<Dwfl, End> files_;
};

}  // namespace ebbrt::hosted
