// Runtime: who this node is, and its way from the first event to the
// application.
#pragma once

#include <string>
#include <vector>

#include "common/boot_arguments.h"
#include "common/types.h"

namespace ebbrt {

/// The application. Runs as an event on core 0 once the node is up: it may
/// block, and when it returns the node goes on serving events until Exit. An
/// image that defines none boots and stays idle.
[[gnu::weak]] void AppMain();

namespace runtime {

/// This node's id: kFrontEndNode on the front-end, 0 on an image that was
/// booted by nobody.
NodeId ThisNode();

/// What the application was given on its command line, without a program name.
const std::vector<std::string>& Arguments();

/// All of what the node was told. On a front-end: as if booted by itself.
const BootArguments& Boot();

/// Whether this node is a back-end that is connected to its front-end. Any
/// context.
bool IsAtHome();

/// Has `function`, which may block, called by Exit with its code before the node
/// ends. Up to kExitFunctions, in the order in which they came; more are not
/// called. Any event.
inline constexpr int kExitFunctions = 4;
void BeforeExit(void (*function)(int code));

/// Exit code of a node that could not begin or lost its front-end.
inline constexpr int kNodeFailed = 125;

/// Ends the node: the process, or the virtual machine. 0 is success; 1..127 for
/// the application, which are all that a machine can tell of itself
/// (FileSystem::TellExitCode for others). From any event.
[[noreturn]] void Exit(int code);

// --- for the ports
// -------------------------------------------------------------
/// Fixes what Boot() gives. Before anything asks; once (the unit tests' main,
/// inside an image that nobody booted, makes its node a front-end).
void SetBoot(BootArguments arguments);

/// The first event on core 0. On a back-end: brings up the network, connects to
/// the front-end if the arguments name one (ending the node with a message if
/// that fails, and whenever that connection ends); everywhere: AppMain.
void Main();

}  // namespace runtime
}  // namespace ebbrt
