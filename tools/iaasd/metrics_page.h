// MetricsPage: numbers in Prometheus' text format, version 0.0.4.
//
// A page is a row of families. A family has a name, a kind, a sentence of help
// and samples, which follow it directly; each sample has labels of its own.
// What a family can't tell of something it has no sample for.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace ebbrt::iaas {

enum class MetricKind { kCounter, kGauge };

class MetricsPage {
 public:
  static constexpr char kContentType[] =
      "text/plain; version=0.0.4; charset=utf-8";

  using Labels =
      std::initializer_list<std::pair<std::string_view, std::string>>;

  // All names begin with `prefix`.
  explicit MetricsPage(std::string prefix) : prefix_(std::move(prefix)) {}

  // Begins a family; a counter's name ends with _total. `help` is a line.
  void Family(std::string_view name, MetricKind kind, std::string_view help);
  // A sample of the family that was begun last.
  template <typename T>
  void Sample(Labels labels, T value) {
    Add(labels, std::to_string(value));
  }
  // A family of one sample without labels.
  template <typename T>
  void Alone(std::string_view name, MetricKind kind, std::string_view help,
             T value) {
    Family(name, kind, help);
    Sample({}, value);
  }

  std::string Take() { return std::move(text_); }

 private:
  void Add(Labels labels, const std::string& value);

  const std::string prefix_;
  std::string name_;
  std::string text_;
};

}  // namespace ebbrt::iaas
