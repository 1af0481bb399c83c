// The Ebbs of test_ebbs.py, for both sides.
#pragma once

#include <atomic>
#include <string>

#include "common/future.h"
#include "common/global_id_map.h"
#include "common/home_ebb.h"
#include "common/per_core_ebb.h"
#include "common/run_on.h"
#include "common/shared_ebb.h"
#include "platform/local_table.h"
#include "tests/system/ebbs/report.capnp.h"

namespace ebbs {

using ebbrt::ApplicationEbbId;
using ebbrt::EbbId;
using ebbrt::EbbRef;
using ebbrt::NodeId;

/// Prints what it is told on the front-end: what test_ebbs.py looks at.
class Report : public ebbrt::HomeEbb<Report> {
 public:
  static constexpr std::string_view kProtocol = "ebbs.report";
  using HomeEbb::HomeEbb;
  void Say(NodeId from, Line::Reader in, Line::Builder out);
  /// Ends the Mortal whose id the line holds.
  ebbrt::Future<> End(NodeId from, Line::Reader in, Line::Builder out);
  using Methods = ebbrt::MethodList<&Report::Say, &Report::End>;
};
inline constexpr EbbRef<Report> report{ApplicationEbbId(1)};

/// Says `line` to the front-end and waits until it is printed.
inline void Say(const std::string& line) {
  report->Call<&Report::Say>([&](Line::Builder out) { out.setText(line); })
      .Get();
}

/// Made at run time and ended where it was made; the id of the front-end's is
/// the value of kMortal, that of a back-end's the value of MortalOf(node).
class Mortal : public ebbrt::HomeEbb<Mortal> {
 public:
  static constexpr std::string_view kProtocol = "ebbs.mortal";
  using HomeEbb::HomeEbb;
  void Touch(NodeId, Line::Reader, Line::Builder out) { out.setText("alive"); }
  /// Says so, and never answers.
  ebbrt::Future<> Hang(NodeId, Line::Reader, Line::Builder) {
    Say("hanging");
    return never_.GetFuture();
  }
  using Methods = ebbrt::MethodList<&Mortal::Touch, &Mortal::Hang>;

 private:
  ebbrt::Promise<> never_;
};
inline constexpr EbbId kMortal = ApplicationEbbId(5);
constexpr EbbId MortalOf(NodeId node) { return ApplicationEbbId(100 + node); }

/// One representative per node; its constructor asks the front-end.
struct Configured : ebbrt::SharedEbb<Configured> {
  explicit Configured(EbbId id) : value(ebbrt::global_id_map->Get(id).Get()) {
    ++made;
  }
  static inline std::atomic<int> made{0};
  std::string value;
};
inline constexpr EbbRef<Configured> configured{ApplicationEbbId(2)};

/// One representative per core; each constructor asks the front-end.
struct Root {};
struct ConfiguredPerCore : ebbrt::PerCoreEbb<ConfiguredPerCore, Root> {
  explicit ConfiguredPerCore(Root&)
      : value(ebbrt::global_id_map->Get(ApplicationEbbId(3)).Get()),
        core(ebbrt::platform::CurrentCore()) {
    ++made;
  }
  static inline std::atomic<int> made{0};
  std::string value;
  ebbrt::CoreId core;
};
inline constexpr EbbRef<ConfiguredPerCore> configured_per_core{
    ApplicationEbbId(3)};

}  // namespace ebbs
