#include "metrics_page.h"

#include <gtest/gtest.h>

namespace ebbrt::iaas {
namespace {

TEST(MetricsPageTest, AFamilyHasItsCommentsAndSamples) {
  MetricsPage page("x_");
  page.Family("frames_total", MetricKind::kCounter, "Frames that came.");
  page.Sample({{"node", "2"}, {"direction", "in"}}, 7);
  page.Sample({{"node", "3"}, {"direction", "in"}}, uint64_t{1} << 63);
  page.Alone("load", MetricKind::kGauge, "How much.", 0.5);
  EXPECT_EQ(page.Take(),
            "# HELP x_frames_total Frames that came.\n"
            "# TYPE x_frames_total counter\n"
            "x_frames_total{node=\"2\",direction=\"in\"} 7\n"
            "x_frames_total{node=\"3\",direction=\"in\"} 9223372036854775808\n"
            "# HELP x_load How much.\n"
            "# TYPE x_load gauge\n"
            "x_load 0.500000\n");
}

TEST(MetricsPageTest, LabelsAreEscaped) {
  MetricsPage page("");
  page.Family("a", MetricKind::kGauge, "");
  page.Sample({{"path", "a\"b\\c\nd"}}, 1);
  EXPECT_NE(page.Take().find("a{path=\"a\\\"b\\\\c\\nd\"} 1\n"),
            std::string::npos);
}

}  // namespace
}  // namespace ebbrt::iaas
