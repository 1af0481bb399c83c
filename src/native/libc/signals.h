// Where signals go once a program handles some (signals.cc).
#pragma once

namespace ebbrt::libc {

/// Does with `signal` what the program wants; false: it wants the default, which ends
/// the node. Null until the program's first sigaction().
extern bool (*handle_signal)(int signal);

}  // namespace ebbrt::libc
