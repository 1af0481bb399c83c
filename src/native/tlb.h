// Telling every core that translations have changed ("TLB shoot-down", SDM
// §4.10.5).
//
// Cores take interrupts only between events, so a request that waits for the
// others comes as an NMI, which they answer at once whatever they do: holding a
// lock, waiting for an answer of their own, or halted.
#pragma once

#include <cstdint>

namespace ebbrt {

/// Makes all cores forget what they know of [begin, begin + size) and every
/// upper-level entry they keep. When it returns, no core uses what the page
/// tables no longer say. Any core, with interrupts off; locks may be held.
void FlushTlb(uint64_t begin, uint64_t size);

/// From now on the calling core is told too. When it can take NMIs.
void JoinTlbFlushes();

/// Whether an NMI was such a request; it is then answered. In the NMI handler;
/// leaves vector registers alone.
bool AnswerTlbFlush();

}  // namespace ebbrt
