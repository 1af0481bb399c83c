// The few functions of QEMU's public TCG plugin interface that the instruction
// counter needs, as its documentation describes them ("QEMU TCG Plugins", API
// version 1, QEMU 4.2 to 8.2). Debian's QEMU has the interface but ships no
// header for it.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

/// The interface's version that a plugin was written for; QEMU checks it.
[[gnu::visibility("default")]] extern int qemu_plugin_version;

using qemu_plugin_id_t = uint64_t;
struct qemu_plugin_tb;    // a block being translated
struct qemu_plugin_insn;  // an instruction of it; valid during the callback

struct qemu_info_t {
  const char* target_name;
  struct {
    int min;
    int cur;
  } version;
  bool system_emulation;
  struct {
    int smp_vcpus;
    int max_vcpus;
  } system;
};

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

/// QEMU calls this when it has loaded the plugin; 0 is success. Each argument
/// is a string "name=value".
[[gnu::visibility("default")]] int qemu_plugin_install(qemu_plugin_id_t id,
                                                       const qemu_info_t* info,
                                                       int argc, char** argv);

/// `callback` is called once for each block that is translated, and may be
/// called by several threads at once.
void qemu_plugin_register_vcpu_tb_trans_cb(
    qemu_plugin_id_t id,
    void (*callback)(qemu_plugin_id_t id, qemu_plugin_tb* block));

size_t qemu_plugin_tb_n_insns(const qemu_plugin_tb* block);
qemu_plugin_insn* qemu_plugin_tb_get_insn(const qemu_plugin_tb* block,
                                          size_t index);
uint64_t qemu_plugin_insn_vaddr(const qemu_plugin_insn* instruction);
const void* qemu_plugin_insn_data(const qemu_plugin_insn* instruction);
size_t qemu_plugin_insn_size(const qemu_plugin_insn* instruction);

/// `callback` is called on the virtual core's thread each time before the
/// instruction is executed.
void qemu_plugin_register_vcpu_insn_exec_cb(
    qemu_plugin_insn* instruction,
    void (*callback)(unsigned int vcpu_index, void* user_data),
    qemu_plugin_cb_flags flags, void* user_data);

/// What a memory access was, for the functions below; 32 bits that mean nothing
/// else.
using qemu_plugin_meminfo_t = uint32_t;
struct qemu_plugin_hwaddr;
enum qemu_plugin_mem_rw {
  QEMU_PLUGIN_MEM_R = 1,
  QEMU_PLUGIN_MEM_W,
  QEMU_PLUGIN_MEM_RW,
};

/// `callback` is called on the virtual core's thread after each access to memory
/// that the instruction makes.
void qemu_plugin_register_vcpu_mem_cb(
    qemu_plugin_insn* instruction,
    void (*callback)(unsigned int vcpu_index, qemu_plugin_meminfo_t info,
                     uint64_t address, void* user_data),
    qemu_plugin_cb_flags flags, qemu_plugin_mem_rw rw, void* user_data);
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info);
/// Where in the machine it was; valid during the callback. Null if unknown.
qemu_plugin_hwaddr* qemu_plugin_get_hwaddr(qemu_plugin_meminfo_t info,
                                           uint64_t address);
bool qemu_plugin_hwaddr_is_io(const qemu_plugin_hwaddr* where);
uint64_t qemu_plugin_hwaddr_phys_addr(const qemu_plugin_hwaddr* where);

/// `callback` is called once when QEMU ends, however the guest has ended it.
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id,
                                    void (*callback)(qemu_plugin_id_t id,
                                                     void* user_data),
                                    void* user_data);
}
