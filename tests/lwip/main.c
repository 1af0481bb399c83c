/* Runs the suites of lwIP's unit tests for what this system compiles of it. Left
   out are those of what it doesn't: sockets, mDNS, MQTT. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip_check.h"

#include "core/test_def.h"
#include "core/test_mem.h"
#include "core/test_netif.h"
#include "core/test_pbuf.h"
#include "core/test_timers.h"
#include "dhcp/test_dhcp.h"
#include "etharp/test_etharp.h"
#include "ip4/test_ip4.h"
#include "ip6/test_ip6.h"
#include "lwip/init.h"
#include "lwip/memp.h"
#include "lwip/stats.h"
#include "tcp/test_tcp.h"
#include "tcp/test_tcp_oos.h"
#include "udp/test_udp.h"

Suite* create_suite(const char* name, testfunc* tests, size_t count,
                    SFun set_up, SFun tear_down) {
  Suite* suite = suite_create(name);
  for (size_t i = 0; i < count; ++i) {
    TCase* test_case = tcase_create(name);
    if (set_up != NULL || tear_down != NULL) {
      tcase_add_checked_fixture(test_case, set_up, tear_down);
    }
    tcase_add_named_test(test_case, tests[i]);
    suite_add_tcase(suite, test_case);
  }
  return suite;
}

/* Whether everything but what `skip` has bits for was given back. */
void lwip_check_ensure_no_alloc(unsigned int skip) {
  if ((skip & SKIP_HEAP) == 0) ck_assert_uint_eq(lwip_stats.mem.used, 0);
  for (int pool = 0; pool < MEMP_MAX; ++pool) {
    if ((skip & SKIP_POOL(pool)) == 0) {
      ck_assert_uint_eq(lwip_stats.memp[pool]->used, 0);
    }
  }
}

int main(void) {
  static suite_getter_fn* const kSuites[] = {
      ip4_suite,    ip6_suite,    udp_suite,   tcp_suite,  tcp_oos_suite,
      def_suite,    mem_suite,    netif_suite, pbuf_suite,
      timers_suite, etharp_suite, dhcp_suite};
  lwip_init();
  SRunner* runner = srunner_create(NULL);
  for (size_t i = 0; i < sizeof(kSuites) / sizeof(kSuites[0]); ++i) {
    srunner_add_suite(runner, kSuites[i]());
  }
  /* A line for each test: tools/command/testing/lwip.py counts them. */
  srunner_run_all(runner, CK_VERBOSE);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
