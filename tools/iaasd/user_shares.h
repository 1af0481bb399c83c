// What each user's machines take of the host, against what a user may take.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <list>
#include <string>

namespace ebbrt::iaas {

// What one user may have at a time. The daemon's options set it.
struct UserLimits {
  uint32_t nodes = 32;       // --user-nodes
  uint32_t cores = 64;       // --user-cores, of all nodes together
  uint64_t memory_mib = 0;   // --user-memory, of all nodes together
  uint64_t image_mib = 512;  // --user-image, of each image's file
};

// The account of machines that start or run. Lives on the event loop's thread.
class UserShares {
 public:
  // The limits bind every user but root and `daemon`, whose process this is:
  // both could as well start QEMU themselves.
  UserShares(const UserLimits& limits, uid_t daemon)
      : limits_(limits), daemon_(daemon) {}
  UserShares(const UserShares&) = delete;
  UserShares& operator=(const UserShares&) = delete;

  // What one machine takes, for as long as this lives; empty when moved from.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept { *this = static_cast<Share&&>(other); }
    Share& operator=(Share&& other) noexcept;
    ~Share() { Release(); }
    void Release();

   private:
    friend class UserShares;
    struct Claim {
      uid_t uid;
      uint32_t cores;
      uint64_t memory_mib;
    };
    UserShares* shares_ = nullptr;
    std::list<Claim>::iterator claim_;
  };

  // Throws UserError naming the limit and the remedy if `uid` would then have
  // more than one may have; nothing is changed then. Shares must not outlive
  // this object.
  Share Take(uid_t uid, uint32_t cores, uint64_t memory_mib);

  // Throws UserError if `uid` may not boot an image file of `bytes`.
  void CheckImage(uid_t uid, const std::string& path, uint64_t bytes) const;

  // Machines of all users, and their memory.
  size_t Nodes() const { return claims_.size(); }
  uint64_t MemoryMib() const;

  // The limits, for people.
  std::string Text() const;

 private:
  bool Binds(uid_t uid) const { return uid != 0 && uid != daemon_; }

  const UserLimits limits_;
  const uid_t daemon_;
  std::list<Share::Claim> claims_;
};

}  // namespace ebbrt::iaas
