// The front-end's side of FileSystem: what nodes are granted.
#pragma once

#include <optional>
#include <string>

namespace ebbrt::hosted {

/// Lets the nodes of this application use the files below `directory`, for
/// reading and writing as this process may, instead of those granted before.
/// Throws std::system_error that names it if it can't be opened. In an event on
/// core 0.
///
/// Standard input, output and error of this process are the nodes' from the
/// moment the program mentions FileSystem.
void GrantFiles(const std::string& directory);

/// Files that nodes have open. Any thread.
size_t OpenFiles();

/// What a node's program has said that it ends with, 0..255 (TellExitCode); the
/// last that any has said. Any thread.
std::optional<int> ToldExitCode();

}  // namespace ebbrt::hosted
