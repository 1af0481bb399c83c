// The least that satisfies toolchain/README.md's contract on one core with one
// context. For the toolchain's smoke test only: nothing here blocks or schedules,
// and memory is never given back.
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <reent.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/gthread.h>
#include <sys/stat.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

int main();

extern "C" {

extern char heap_begin[];
extern void (*init_array_begin[])();
extern void (*init_array_end[])();
extern const Elf64_Ehdr __ehdr_start;

static void Out8(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

// The console is the first serial port.
static void Print(const char* text, size_t size) {
  for (size_t i = 0; i < size; ++i) Out8(0x3f8, text[i]);
}

static void Fatal(const char* text) {
  Print(text, strlen(text));
  _exit(1);
}

void _exit(int status) {
  Out8(0xf4, status);  // isa-debug-exit: the process ends with 2 * status + 1.
  for (;;) asm volatile("hlt");
}

// Memory: handed out in order, with its size before it.
static uintptr_t heap_next = reinterpret_cast<uintptr_t>(heap_begin);
constexpr uintptr_t kHeapEnd = 256 << 20;

void* memalign(size_t align, size_t size) {
  if (align < 16) align = 16;
  uintptr_t address = (heap_next + 16 + align - 1) & ~(align - 1);
  if (size > kHeapEnd || address + size > kHeapEnd) {
    errno = ENOMEM;
    return nullptr;
  }
  reinterpret_cast<size_t*>(address)[-1] = size;
  heap_next = address + size;
  return reinterpret_cast<void*>(address);
}
size_t malloc_usable_size(void* memory) {
  return memory ? static_cast<size_t*>(memory)[-1] : 0;
}
void* malloc(size_t size) { return memalign(16, size); }
void free(void*) {}
void* aligned_alloc(size_t align, size_t size) { return memalign(align, size); }
int posix_memalign(void** memory, size_t align, size_t size) {
  *memory = memalign(align, size);
  return *memory ? 0 : ENOMEM;
}
void* calloc(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return nullptr;
  void* memory = malloc(total);
  return memory ? memset(memory, 0, total) : nullptr;
}
void* realloc(void* memory, size_t size) {
  void* moved = malloc(size);
  size_t old = malloc_usable_size(memory);
  if (moved && memory) memcpy(moved, memory, old < size ? old : size);
  return moved;
}

// Threads: the one context there is. A thread runs inside its creation.
int ebbrt_gthread_once(ebbrt_gthread_once_t* once, void (*function)()) {
  if (once->state) return 0;
  function();
  once->state = 1;
  return 0;
}

constexpr unsigned kKeys = 64;
static const void* key_values[kKeys];
static unsigned keys = 1;
int ebbrt_gthread_key_create(ebbrt_gthread_key_t* key, void (*)(void*)) {
  if (keys == kKeys) return EAGAIN;
  *key = keys++;
  return 0;
}
int ebbrt_gthread_key_delete(ebbrt_gthread_key_t) { return 0; }
void* ebbrt_gthread_getspecific(ebbrt_gthread_key_t key) {
  return const_cast<void*>(key_values[key]);
}
int ebbrt_gthread_setspecific(ebbrt_gthread_key_t key, const void* value) {
  key_values[key] = value;
  return 0;
}

int ebbrt_gthread_mutex_trylock(ebbrt_gthread_mutex_t* mutex) {
  if (mutex->locked) return EBUSY;
  mutex->locked = 1;
  return 0;
}
int ebbrt_gthread_mutex_lock(ebbrt_gthread_mutex_t* mutex) {
  if (ebbrt_gthread_mutex_trylock(mutex)) Fatal("stub: deadlock\n");
  return 0;
}
int ebbrt_gthread_mutex_timedlock(ebbrt_gthread_mutex_t* mutex,
                                  const timespec*) {
  return ebbrt_gthread_mutex_trylock(mutex) ? ETIMEDOUT : 0;
}
int ebbrt_gthread_mutex_unlock(ebbrt_gthread_mutex_t* mutex) {
  if (!mutex->locked) return EPERM;
  mutex->locked = 0;
  return 0;
}
int ebbrt_gthread_mutex_destroy(ebbrt_gthread_mutex_t*) { return 0; }
int ebbrt_gthread_recursive_mutex_lock(ebbrt_gthread_mutex_t* mutex) {
  ++mutex->count;
  return 0;
}
int ebbrt_gthread_recursive_mutex_trylock(ebbrt_gthread_mutex_t* mutex) {
  return ebbrt_gthread_recursive_mutex_lock(mutex);
}
int ebbrt_gthread_recursive_mutex_timedlock(ebbrt_gthread_mutex_t* mutex,
                                            const timespec*) {
  return ebbrt_gthread_recursive_mutex_lock(mutex);
}
int ebbrt_gthread_recursive_mutex_unlock(ebbrt_gthread_mutex_t* mutex) {
  if (!mutex->count) return EPERM;
  --mutex->count;
  return 0;
}
int ebbrt_gthread_recursive_mutex_destroy(ebbrt_gthread_mutex_t*) { return 0; }

int ebbrt_gthread_cond_wait(ebbrt_gthread_cond_t*, ebbrt_gthread_mutex_t*) {
  Fatal("stub: nobody would signal\n");
  return 0;
}
int ebbrt_gthread_cond_timedwait(ebbrt_gthread_cond_t*, ebbrt_gthread_mutex_t*,
                                 const timespec*) {
  return ETIMEDOUT;
}
int ebbrt_gthread_cond_signal(ebbrt_gthread_cond_t*) { return 0; }
int ebbrt_gthread_cond_broadcast(ebbrt_gthread_cond_t*) { return 0; }
int ebbrt_gthread_cond_destroy(ebbrt_gthread_cond_t*) { return 0; }

struct ebbrt_gthread_control {
  void* result;
};
static ebbrt_gthread_control main_thread;
static ebbrt_gthread_t current = &main_thread;
int ebbrt_gthread_create(ebbrt_gthread_t* thread, void* (*function)(void*),
                         void* argument) {
  ebbrt_gthread_t creator = current;
  current = *thread = new ebbrt_gthread_control{};
  current->result = function(argument);
  current = creator;
  return 0;
}
int ebbrt_gthread_join(ebbrt_gthread_t thread, void** result) {
  if (result) *result = thread->result;
  return 0;
}
int ebbrt_gthread_detach(ebbrt_gthread_t) { return 0; }
ebbrt_gthread_t ebbrt_gthread_self() { return current; }
int ebbrt_gthread_equal(ebbrt_gthread_t a, ebbrt_gthread_t b) { return a == b; }
int ebbrt_gthread_yield() { return 0; }

struct _reent* __getreent() { return _global_impure_ptr; }

// System calls.
ssize_t write(int fd, const void* data, size_t size) {
  if (fd != 1 && fd != 2) return errno = EBADF, -1;
  Print(static_cast<const char*>(data), size);
  return size;
}
ssize_t read(int, void*, size_t) { return 0; }
int open(const char*, int, ...) { return errno = ENOENT, -1; }
int close(int) { return 0; }
off_t lseek(int, off_t, int) { return errno = ESPIPE, -1; }
int fstat(int, struct stat* status) {
  *status = {};
  status->st_mode = S_IFCHR;
  return 0;
}
int getpid() { return 1; }
int kill(int, int) {
  Fatal("stub: killed\n");
  return 0;
}
static uint64_t nanoseconds;  // Every look at the clock takes a microsecond.
int clock_gettime(clockid_t, timespec* now) {
  nanoseconds += 1000;
  now->tv_sec = nanoseconds / 1000000000;
  now->tv_nsec = nanoseconds % 1000000000;
  return 0;
}
int gettimeofday(timeval* now, void*) {
  timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  *now = {precise.tv_sec, precise.tv_nsec / 1000};
  return 0;
}
clock_t times(tms* result) {
  *result = {};
  return nanoseconds / 1000;
}
int nanosleep(const timespec* time, timespec*) {
  nanoseconds += time->tv_sec * 1000000000 + time->tv_nsec;
  return 0;
}
int sched_yield() { return 0; }
long sysconf(int name) {
  if (name == _SC_NPROCESSORS_ONLN) return 1;
  if (name == _SC_PAGESIZE) return 4096;
  return errno = EINVAL, -1;
}
int getentropy(void* memory, size_t size) {
  memset(memory, 4, size);
  return 0;
}

int dl_iterate_phdr(int (*callback)(dl_phdr_info*, size_t, void*), void* data) {
  const char* base = reinterpret_cast<const char*>(&__ehdr_start);
  dl_phdr_info info = {
      0, "", reinterpret_cast<const Elf64_Phdr*>(base + __ehdr_start.e_phoff),
      __ehdr_start.e_phnum};
  return callback(&info, sizeof(info), data);
}

// Thread-locals: the block ends at the thread pointer, which holds itself.
static int SetUpThreadLocals(dl_phdr_info* info, size_t, void*) {
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const Elf64_Phdr& header = info->dlpi_phdr[i];
    if (header.p_type != PT_TLS) continue;
    size_t align = header.p_align;
    size_t size = (header.p_memsz + align - 1) & ~(align - 1);
    auto block = static_cast<char*>(memalign(align < 64 ? 64 : align, size + 64));
    auto pointer = reinterpret_cast<uintptr_t>(block + size);
    memset(block, 0, size);
    memcpy(block, reinterpret_cast<const void*>(header.p_vaddr),
           header.p_filesz);
    *reinterpret_cast<uintptr_t*>(pointer) = pointer;
    asm volatile("wrmsr"
                 :
                 : "c"(0xc0000100), "a"(static_cast<uint32_t>(pointer)),
                   "d"(static_cast<uint32_t>(pointer >> 32)));
  }
  return 0;
}

void StubMain() {
  dl_iterate_phdr(SetUpThreadLocals, nullptr);
  for (auto init = init_array_begin; init != init_array_end; ++init) (*init)();
  exit(main());
}

}  // extern "C"
