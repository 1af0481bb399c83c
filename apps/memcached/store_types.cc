#include "apps/memcached/store_types.h"

namespace ebbrt::memcached {

StoreCounters& StoreCounters::operator+=(const StoreCounters& other) {
  cmd_set += other.cmd_set;
  cmd_flush += other.cmd_flush;
  get_expired += other.get_expired;
  get_flushed += other.get_flushed;
  delete_hits += other.delete_hits;
  delete_misses += other.delete_misses;
  incr_hits += other.incr_hits;
  incr_misses += other.incr_misses;
  decr_hits += other.decr_hits;
  decr_misses += other.decr_misses;
  cas_hits += other.cas_hits;
  cas_misses += other.cas_misses;
  cas_badval += other.cas_badval;
  total_items += other.total_items;
  evictions += other.evictions;
  evicted_unfetched += other.evicted_unfetched;
  evicted_active += other.evicted_active;
  reclaimed += other.reclaimed;
  expired_unfetched += other.expired_unfetched;
  crawler_reclaimed += other.crawler_reclaimed;
  moves_to_cold += other.moves_to_cold;
  moves_to_warm += other.moves_to_warm;
  moves_within_lru += other.moves_within_lru;
  store_too_large += other.store_too_large;
  store_no_memory += other.store_no_memory;
  return *this;
}

void AccessCounters::Add(const AccessCounters& other) {
  get_hits += other.get_hits;
  get_misses += other.get_misses;
  touch_hits += other.touch_hits;
  touch_misses += other.touch_misses;
}

void AccessCounters::Forget(const AccessCounters& before) {
  get_hits -= before.get_hits;
  get_misses -= before.get_misses;
  touch_hits -= before.touch_hits;
  touch_misses -= before.touch_misses;
}

}  // namespace ebbrt::memcached
