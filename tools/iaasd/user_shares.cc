#include "user_shares.h"

#include <utility>

#include "user_error.h"

namespace ebbrt::iaas {
namespace {

// Throws unless `taken` and `more` are within the limit.
void Check(uid_t uid, const char* what, uint64_t taken, uint64_t more,
           uint64_t limit, const char* option) {
  if (more <= limit && taken <= limit - more) return;
  throw UserError(
      "user " + std::to_string(uid) + " has " + std::to_string(taken) + what +
      " in use and asks for " + std::to_string(more) +
      " more, but one user may have " + std::to_string(limit) +
      "; end some nodes (`iaasctl list` shows them), ask for less, or have the "
      "daemon started with a larger " +
      option);
}

}  // namespace

UserShares::Share& UserShares::Share::operator=(Share&& other) noexcept {
  Release();
  shares_ = std::exchange(other.shares_, nullptr);
  claim_ = other.claim_;
  return *this;
}

void UserShares::Share::Release() {
  if (shares_ != nullptr) shares_->claims_.erase(claim_);
  shares_ = nullptr;
}

UserShares::Share UserShares::Take(uid_t uid, uint32_t cores,
                                   uint64_t memory_mib) {
  if (Binds(uid)) {
    uint64_t nodes = 0;
    uint64_t used_cores = 0;
    uint64_t used_mib = 0;
    for (const auto& claim : claims_) {
      if (claim.uid != uid) continue;
      ++nodes;
      used_cores += claim.cores;
      used_mib += claim.memory_mib;
    }
    Check(uid, " nodes", nodes, 1, limits_.nodes, "--user-nodes");
    Check(uid, " cores", used_cores, cores, limits_.cores, "--user-cores");
    Check(uid, " MiB of memory", used_mib, memory_mib, limits_.memory_mib,
          "--user-memory");
  }
  Share share;
  share.claim_ = claims_.insert(
      claims_.end(),
      Share::Claim{.uid = uid, .cores = cores, .memory_mib = memory_mib});
  share.shares_ = this;
  return share;
}

void UserShares::CheckImage(uid_t uid, const std::string& path,
                            uint64_t bytes) const {
  constexpr uint64_t kMib = 1024 * 1024;
  const uint64_t mib = bytes / kMib + (bytes % kMib != 0 ? 1 : 0);
  if (!Binds(uid) || mib <= limits_.image_mib) return;
  throw UserError("image " + path + " has " + std::to_string(mib) +
                  " MiB, but one of a user may have " +
                  std::to_string(limits_.image_mib) +
                  "; strip it, or have the daemon started with a larger "
                  "--user-image");
}

uint64_t UserShares::MemoryMib() const {
  uint64_t sum = 0;
  for (const auto& claim : claims_) sum += claim.memory_mib;
  return sum;
}

std::string UserShares::Text() const {
  return "a user other than root and " + std::to_string(daemon_) +
         " may have " + std::to_string(limits_.nodes) + " nodes with " +
         std::to_string(limits_.cores) + " cores and " +
         std::to_string(limits_.memory_mib) +
         " MiB together, and images of up to " +
         std::to_string(limits_.image_mib) + " MiB";
}

}  // namespace ebbrt::iaas
