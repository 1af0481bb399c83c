#include "metrics_page.h"

namespace ebbrt::iaas {
namespace {

std::string Escaped(const std::string& value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

void MetricsPage::Family(std::string_view name, MetricKind kind,
                         std::string_view help) {
  name_ = prefix_;
  name_ += name;
  text_ += "# HELP " + name_ + " ";
  text_ += help;
  text_ += "\n# TYPE " + name_ +
           (kind == MetricKind::kCounter ? " counter\n" : " gauge\n");
}

void MetricsPage::Add(Labels labels, const std::string& value) {
  text_ += name_;
  char before = '{';
  for (const auto& [label, text] : labels) {
    text_ += before;
    text_ += label;
    text_ += "=\"" + Escaped(text) + "\"";
    before = ',';
  }
  if (labels.size() != 0) text_ += '}';
  text_ += " " + value + "\n";
}

}  // namespace ebbrt::iaas
