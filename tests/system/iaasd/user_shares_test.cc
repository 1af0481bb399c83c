#include "user_shares.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "user_error.h"

namespace ebbrt::iaas {
namespace {

constexpr uid_t kDaemon = 10;
constexpr uid_t kUser = 1001;
constexpr uint64_t kMib = 1024 * 1024;

UserLimits Limits() {
  return {.nodes = 2, .cores = 6, .memory_mib = 256, .image_mib = 4};
}

// What the refusal says; "" if there is none.
std::string Refusal(UserShares& shares, uid_t uid, uint32_t cores,
                    uint64_t memory_mib) {
  try {
    shares.Take(uid, cores, memory_mib);
    return "";
  } catch (const UserError& error) {
    return error.what();
  }
}

void ExpectNames(const std::string& refusal,
                 const std::vector<std::string>& parts) {
  for (const auto& part : parts) {
    EXPECT_NE(refusal.find(part), std::string::npos) << refusal;
  }
}

TEST(UserShares, EachLimitIsNamedWithItsRemedy) {
  UserShares shares(Limits(), kDaemon);
  auto first = shares.Take(kUser, 4, 200);
  ExpectNames(
      Refusal(shares, kUser, 3, 16),
      {"user 1001 has 4 cores in use", "3 more", "have 6;", "--user-cores"});
  ExpectNames(Refusal(shares, kUser, 2, 57),
              {"200 MiB of memory", "57 more", "have 256;", "--user-memory"});
  auto second = shares.Take(kUser, 2, 56);
  ExpectNames(Refusal(shares, kUser, 1, 1),
              {"2 nodes", "1 more", "have 2;", "--user-nodes"});
}

TEST(UserShares, NoNumberIsTooLargeToBeRefused) {
  UserShares shares(Limits(), kDaemon);
  auto first = shares.Take(kUser, 1, 1);
  EXPECT_NE(Refusal(shares, kUser, ~uint32_t{0}, 1), "");
  EXPECT_NE(Refusal(shares, kUser, 1, ~uint64_t{0}), "");
}

TEST(UserShares, ARefusalTakesNothing) {
  UserShares shares(Limits(), kDaemon);
  auto first = shares.Take(kUser, 4, 200);
  EXPECT_NE(Refusal(shares, kUser, 3, 16), "");
  EXPECT_EQ(shares.Nodes(), 1u);
  EXPECT_EQ(shares.MemoryMib(), 200u);
}

TEST(UserShares, OneUsersAreNotAnothers) {
  UserShares shares(Limits(), kDaemon);
  auto first = shares.Take(kUser, 6, 256);
  EXPECT_NE(Refusal(shares, kUser, 1, 1), "");
  EXPECT_EQ(Refusal(shares, kUser + 1, 6, 256), "");
}

TEST(UserShares, GivenBackByTheEndOfTheShare) {
  UserShares shares(Limits(), kDaemon);
  auto first = shares.Take(kUser, 6, 256);
  auto moved = std::move(first);
  first.Release();
  EXPECT_NE(Refusal(shares, kUser, 1, 1), "");
  moved.Release();
  moved.Release();
  EXPECT_EQ(shares.Nodes(), 0u);
  EXPECT_EQ(Refusal(shares, kUser, 6, 256), "");
}

TEST(UserShares, RootAndTheDaemonsOwnUserAreNotBound) {
  UserShares shares(Limits(), kDaemon);
  for (const uid_t uid : {uid_t{0}, kDaemon}) {
    EXPECT_EQ(Refusal(shares, uid, 1000, 100'000), "");
    EXPECT_NO_THROW(shares.CheckImage(uid, "/image", 100 * kMib));
  }
}

TEST(UserShares, AnImageMayHaveTheLimitAndNotAByteMore) {
  UserShares shares(Limits(), kDaemon);
  EXPECT_NO_THROW(shares.CheckImage(kUser, "/image", 4 * kMib));
  try {
    shares.CheckImage(kUser, "/image", 4 * kMib + 1);
    FAIL();
  } catch (const UserError& error) {
    ExpectNames(error.what(), {"/image has 5 MiB", "have 4;", "--user-image"});
  }
}

}  // namespace
}  // namespace ebbrt::iaas
