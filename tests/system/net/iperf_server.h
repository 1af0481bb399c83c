// A server of iperf3's tests by TCP, either way and of any number of streams.
// Its protocol has no document; what is here is what the client says and wants.
//
// A test has a control connection and the streams. Each begins with a cookie of
// 37 bytes, which says whose it is. On the control connection the server says
// in which state the test is, one byte, and the two exchange JSON texts, with
// their length in front in 32 bits.
#pragma once

#include <cstdint>

namespace ebbrt {

/// Serves one test after the other on `port` for as long as the node runs.
void ServeIperf(uint16_t port);

}  // namespace ebbrt
