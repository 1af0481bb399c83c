#include "apps/memcached/statistics.h"

#include <unistd.h>

#include <bit>
#include <chrono>
#include <concepts>

namespace ebbrt::memcached {
namespace {

class Table {
 public:
  void Add(std::string name, std::string value) {
    rows_.emplace_back(std::move(name), std::move(value));
  }
  void Add(std::string name, std::integral auto value) {
    Add(std::move(name), std::to_string(value));
  }
  template <typename T>
  void Add(std::string name, const Relaxed<T>& value) {
    Add(std::move(name), value.Load());
  }
  Statistics Take() { return std::move(rows_); }

 private:
  Statistics rows_;
};

Statistics General(const Service& service, Store::Time now) {
  auto report = service.store.Read(now);
  const StoreCounters& store = report.counters;
  const AccessCounters& accesses = report.accesses;
  const ConnectionCounters connections = service.counters.Total();
  Table table;
  table.Add("pid", getpid());
  table.Add("uptime", Item::Seconds(now) - Item::Seconds(service.started));
  table.Add("time", std::chrono::duration_cast<std::chrono::seconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count());
  table.Add("version", kVersion);
  table.Add("pointer_size", 8 * sizeof(void*));
  table.Add("max_connections", service.settings.max_connections);
  table.Add("curr_connections", connections.current);
  table.Add("total_connections", connections.total);
  table.Add("rejected_connections", connections.rejected);
  table.Add("cmd_get", accesses.get_hits + accesses.get_misses);
  table.Add("cmd_set", store.cmd_set);
  table.Add("cmd_flush", store.cmd_flush);
  table.Add("cmd_touch", accesses.touch_hits + accesses.touch_misses);
  table.Add("cmd_meta", connections.meta_commands);
  table.Add("get_hits", accesses.get_hits);
  table.Add("get_misses", accesses.get_misses);
  table.Add("get_expired", store.get_expired);
  table.Add("get_flushed", store.get_flushed);
  table.Add("delete_misses", store.delete_misses);
  table.Add("delete_hits", store.delete_hits);
  table.Add("incr_misses", store.incr_misses);
  table.Add("incr_hits", store.incr_hits);
  table.Add("decr_misses", store.decr_misses);
  table.Add("decr_hits", store.decr_hits);
  table.Add("cas_misses", store.cas_misses);
  table.Add("cas_hits", store.cas_hits);
  table.Add("cas_badval", store.cas_badval);
  table.Add("touch_hits", accesses.touch_hits);
  table.Add("touch_misses", accesses.touch_misses);
  table.Add("store_too_large", store.store_too_large);
  table.Add("store_no_memory", store.store_no_memory);
  table.Add("auth_cmds", 0);
  table.Add("auth_errors", 0);
  table.Add("bytes_read", connections.bytes_read);
  table.Add("bytes_written", connections.bytes_written);
  table.Add("limit_maxbytes", report.memory_limit);
  table.Add("machine_free_bytes",
            sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE));
  table.Add("accepting_conns", 1);
  table.Add("threads", service.settings.cores);
  table.Add("hash_power_level", std::bit_width(report.buckets) - 1);
  table.Add("hash_bytes", report.hash_bytes);
  table.Add("hash_is_expanding", 0);
  table.Add("bytes", report.bytes);
  table.Add("curr_items", report.Items());
  table.Add("total_items", store.total_items);
  table.Add("expired_unfetched", store.expired_unfetched);
  table.Add("evicted_unfetched", store.evicted_unfetched);
  table.Add("evicted_active", store.evicted_active);
  table.Add("evictions", store.evictions);
  table.Add("reclaimed", store.reclaimed);
  table.Add("crawler_reclaimed", store.crawler_reclaimed);
  table.Add("moves_to_cold", store.moves_to_cold);
  table.Add("moves_to_warm", store.moves_to_warm);
  table.Add("moves_within_lru", store.moves_within_lru);
  return table.Take();
}

Statistics OfSettings(const Service& service) {
  const Settings& settings = service.settings;
  Table table;
  table.Add("maxbytes", settings.memory_limit);
  table.Add("maxconns", settings.max_connections);
  table.Add("tcpport", settings.port);
  table.Add("udpport", settings.udp_port);
  table.Add("inter", "NULL");
  table.Add("verbosity", settings.verbosity);
  table.Add("evictions", service.store.Evicts() ? "on" : "off");
  table.Add("domain_socket", "NULL");
  table.Add("shutdown_command", "no");
  table.Add("num_threads", service.settings.cores);
  table.Add("detail_enabled", "no");
  table.Add("cas_enabled", "yes");
  table.Add("auth_enabled_sasl", "no");
  table.Add("auth_enabled_ascii", "no");
  table.Add("item_size_max", service.store.ValueLimit());
  table.Add("maxconns_fast", "yes");
  table.Add("flush_enabled", "yes");
  table.Add("dump_enabled", "no");
  table.Add("lru_segmented", "yes");
  return table.Take();
}

/// memcached has such a report for each slab class; here all are in one.
Statistics OfItems(const Service& service, Store::Time now) {
  auto report = service.store.Read(now);
  Table table;
  if (report.Items() == 0) return table.Take();
  auto add = [&](const char* name, uint64_t value) {
    table.Add(std::string("items:1:") + name, value);
  };
  add("number", report.Items());
  add("number_hot", report.items[size_t(Segment::kHot)]);
  add("number_warm", report.items[size_t(Segment::kWarm)]);
  add("number_cold", report.items[size_t(Segment::kCold)]);
  add("age", report.oldest_age);
  add("mem_requested", report.bytes);
  add("evicted", report.counters.evictions);
  add("evicted_unfetched", report.counters.evicted_unfetched);
  add("evicted_active", report.counters.evicted_active);
  add("outofmemory", report.counters.store_no_memory);
  add("reclaimed", report.counters.reclaimed);
  add("expired_unfetched", report.counters.expired_unfetched);
  add("crawler_reclaimed", report.counters.crawler_reclaimed);
  add("moves_to_cold", report.counters.moves_to_cold);
  add("moves_to_warm", report.counters.moves_to_warm);
  add("moves_within_lru", report.counters.moves_within_lru);
  return table.Take();
}

/// There are no slabs: items lie in the machine's heap.
Statistics OfSlabs(const Service& service, Store::Time now) {
  Table table;
  table.Add("active_slabs", 0);
  table.Add("total_malloced", service.store.Read(now).bytes);
  return table.Take();
}

}  // namespace

std::optional<Statistics> ReadStatistics(const Service& service,
                                         std::string_view section,
                                         Store::Time now) {
  if (section.empty()) return General(service, now);
  if (section == "settings") return OfSettings(service);
  if (section == "items") return OfItems(service, now);
  if (section == "slabs") return OfSlabs(service, now);
  if (section == "sizes") return Statistics{{"sizes_status", "disabled"}};
  if (section == "conns") return Statistics{};
  return std::nullopt;
}

void ResetStatistics(Service& service) {
  service.store.ResetCounters();
  service.counters.ForgetAll();
}

}  // namespace ebbrt::memcached
