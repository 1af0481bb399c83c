// The parts of test_files.py that aren't in backend.cc.
#pragma once

#include <string>

/// Throws std::runtime_error that says `what`, and errno.
void Require(bool condition, const std::string& what);

// attributes.cc
void Attributes();
void TemporaryFiles();

// front_end.cc
void StreamStatus();
void Signals();
void CatchAndEnd();
void CatchAndHang();
void Watch();
void RawTerminal();
