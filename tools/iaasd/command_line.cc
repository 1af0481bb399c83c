#include "command_line.h"

#include <algorithm>
#include <array>

#include "user_error.h"

namespace ebbrt::iaas {
namespace {

constexpr std::string_view kQemuWord = "virtio_mmio.";
constexpr std::array<std::string_view, 3> kDaemonKeys = {
    "ebbrt.ip", "ebbrt.gateway", "ebbrt.tsc_khz"};

bool NeedsEncoding(unsigned char byte) {
  return byte <= 0x20 || byte == '%' || byte == '"' || byte >= 0x7f;
}

void AppendEncoded(std::string& out, unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  out += '%';
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

int HexValue(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

void CheckWord(const std::string& word) {
  // A double quote would end the value in the file that QEMU reads.
  const bool printable = std::ranges::all_of(
      word, [](char c) { return c > 0x20 && c < 0x7f && c != '"'; });
  if (word.empty() || !printable || word == "--") {
    throw UserError("the boot word '" + EncodeArgument(word + " ") +
                    "' is empty, \"--\", or has characters that can't stand "
                    "on a kernel command line; pass it as an argument");
  }
  const std::string_view key =
      std::string_view(word).substr(0, std::min(word.find('='), word.size()));
  if (std::ranges::find(kDaemonKeys, key) != kDaemonKeys.end() ||
      word.starts_with(kQemuWord)) {
    throw UserError("the boot word '" + word +
                    "' is set by the daemon; leave it out of the request");
  }
}

void AppendWord(std::string& line, std::string_view word) {
  if (!line.empty()) line += ' ';
  line += word;
}

}  // namespace

std::string EncodeArgument(std::string_view argument) {
  if (argument.empty()) {
    throw UserError("an empty argument can't be passed on a command line");
  }
  std::string out;
  out.reserve(argument.size());
  const bool looks_like_qemu = argument.starts_with(kQemuWord);
  for (const char& c : argument) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) throw UserError("an argument has a NUL byte in it");
    if (NeedsEncoding(byte) || (looks_like_qemu && &c == argument.data())) {
      AppendEncoded(out, byte);
    } else {
      out += c;
    }
  }
  return out;
}

std::string DecodeArgument(std::string_view encoded) {
  std::string out;
  out.reserve(encoded.size());
  for (size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] != '%') {
      out += encoded[i];
      continue;
    }
    const int high = i + 1 < encoded.size() ? HexValue(encoded[i + 1]) : -1;
    const int low = i + 2 < encoded.size() ? HexValue(encoded[i + 2]) : -1;
    if (high < 0 || low < 0) {
      throw UserError("'%' without two hexadecimal digits in '" +
                      std::string(encoded) + "'");
    }
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

std::string BuildCommandLine(const std::vector<std::string>& client_words,
                             const std::vector<std::string>& daemon_words,
                             const std::vector<std::string>& arguments) {
  std::string line;
  for (const auto& word : client_words) {
    CheckWord(word);
    AppendWord(line, word);
  }
  for (const auto& word : daemon_words) AppendWord(line, word);
  if (!arguments.empty()) AppendWord(line, "--");
  for (const auto& argument : arguments) {
    AppendWord(line, EncodeArgument(argument));
  }
  if (line.size() > kMaxCommandLine) {
    throw UserError("the command line has " + std::to_string(line.size()) +
                    " bytes, the limit is " + std::to_string(kMaxCommandLine) +
                    "; pass long arguments in a file or over the network");
  }
  return line;
}

}  // namespace ebbrt::iaas
