// How the Ebb translation table's region is built; platform/local_table.h is the
// interface to it.
#pragma once

namespace ebbrt {

class PageTable;

/// A level-3 table for a core whose translation table is all nulls. Null when
/// there is no memory. Before other cores run, or on the core itself.
PageTable* MakeLocalTable();

}  // namespace ebbrt
