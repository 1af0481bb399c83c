// Work that may block, crash or need other rights, done in a child process.
#pragma once

#include <kj/async-unix.h>
#include <kj/io.h>
#include <kj/timer.h>

#include <functional>
#include <string>

#include "credentials.h"

namespace ebbrt::iaas {

// What the work hands back: a text and, where it opened something, a file.
struct HelperReply {
  std::string text = {};                     // never empty
  kj::AutoCloseFd file = kj::AutoCloseFd();  // holds none: no file
};

// Why a helper handed nothing back.
enum class HelperFailure {
  kNone,      // it did hand something back
  kDeadline,  // didn't finish in time, and was killed
  kAlarm,     // ended by its own SIGALRM
  kCrash,     // ended otherwise
};

struct HelperResult {
  HelperFailure failure = HelperFailure::kNone;
  HelperReply reply = {};  // if there is no failure
};

// Runs `work` in a forked child under `rights`, for at most `deadline`. `work`
// must not touch the event loop and must not throw. The child never outlives
// the promise. The text may have at most 60,000 bytes.
kj::Promise<HelperResult> RunHelper(kj::UnixEventPort& port, kj::Timer& timer,
                                    const Credentials& rights,
                                    kj::Duration deadline,
                                    const std::function<HelperReply()>& work);

}  // namespace ebbrt::iaas
