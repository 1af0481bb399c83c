// Runs one of libuv's own tests in an image: uv_test NAME; uv_test --list names all.
//
// Where libuv's runner starts processes, a test's helpers are threads here, which are
// told apart by their loops.
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

extern "C" {
#include "runner.h"
#include "test-list.h"

char executable_path[4096] = "/ebbrt/image";

uv_loop_t* ebbrt_helper_loop(void);
void notify_parent_process(void);
}

namespace {

sem_t ready;
pthread_key_t loops;

void* RunHelper(void* entry) {
  uv_loop_t loop;
  uv_loop_init(&loop);
  pthread_setspecific(loops, &loop);
  static_cast<task_entry_t*>(entry)->main();
  return nullptr;
}

/// Starts the test's helpers and waits until each serves.
void StartHelpers(const char* test) {
  for (task_entry_t* entry = TASKS; entry->main != nullptr; ++entry) {
    if (strcmp(entry->task_name, test) != 0 || !entry->is_helper) continue;
    pthread_t thread;
    if (pthread_create(&thread, nullptr, &RunHelper, entry) != 0) abort();
    sem_wait(&ready);
  }
}

task_entry_t* Find(const char* test) {
  for (task_entry_t* entry = TASKS; entry->main != nullptr; ++entry) {
    if (strcmp(entry->task_name, test) == 0 && !entry->is_helper) return entry;
  }
  return nullptr;
}

}  // namespace

extern "C" {

/// The helper that runs here has begun to serve.
void notify_parent_process(void) { sem_post(&ready); }

uv_loop_t* ebbrt_helper_loop(void) {
  return static_cast<uv_loop_t*>(pthread_getspecific(loops));
}

}  // extern "C"

int ProgramMain(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--list") == 0) {
    for (task_entry_t* entry = TASKS; entry->main != nullptr; ++entry) {
      if (!entry->is_helper) puts(entry->task_name);
    }
    return 0;
  }
  task_entry_t* test = argc == 2 ? Find(argv[1]) : nullptr;
  if (test == nullptr) {
    fprintf(stderr, "usage: uv_test --list | uv_test TEST\n");
    return 2;
  }
  // Where the fixtures are; some tests expect not to be in the root.
  if (chdir("/work") != 0) abort();
  uv_setup_args(argc, argv);
  sem_init(&ready, 0, 0);
  pthread_key_create(&loops, nullptr);
  StartHelpers(argv[1]);
  int result = test->main();
  fflush(stdout);
  return result;
}
