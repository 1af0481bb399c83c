@0xd1a7c3b95e2f4086;
# What the front-end of a matrix says to the nodes that hold its tiles, and these
# to each other. Elements are little-endian floats and doubles, row by row; complex
# ones are their two parts. Their types are those of ElementType (tile.h).

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ebbrt::matrix::wire");

struct Nothing {}

struct Worker {
  ebb @0 :UInt32;
}

# A tile of the worker that is asked, or of another.
struct Source {
  worker @0 :UInt32;
  tile @1 :UInt64;
}

struct Rectangle {
  row @0 :UInt32;
  column @1 :UInt32;
  rows @2 :UInt32;
  columns @3 :UInt32;
}

struct Number {
  real @0 :Float64;
  imaginary @1 :Float64;
}

enum Pattern {
  constant @0;
  identity @1;
  random @2;
}

# `place` says which part of the whole matrix the tile is.
struct Fill {
  tile @0 :UInt64;
  rows @1 :UInt32;
  columns @2 :UInt32;
  firstRow @3 :UInt64;
  firstColumn @4 :UInt64;
  pattern @5 :Pattern;
  value @6 :Number;
  seed @7 :UInt64;
  type @8 :UInt16;
}

# `type` is that of the values.
struct Apply {
  tile @0 :UInt64;
  source @1 :Source;
  function @2 :UInt16;
  operand @3 :Number;
  type @4 :UInt16;
}

struct Combine {
  tile @0 :UInt64;
  left @1 :Source;
  right @2 :Source;
  function @3 :UInt16;
}

# The sum of the products of the pairs, of which there is at least one.
struct Multiply {
  tile @0 :UInt64;
  pairs @1 :List(Pair);

  struct Pair {
    left @0 :Source;
    right @1 :Source;
  }
}

# A tile of parts of others, later ones over earlier; zero where there is none.
struct Assemble {
  tile @0 :UInt64;
  rows @1 :UInt32;
  columns @2 :UInt32;
  parts @3 :List(Part);
  type @4 :UInt16;

  struct Part {
    source @0 :Source;
    from @1 :Rectangle;
    row @2 :UInt32;
    column @3 :UInt32;
    transposed @4 :Bool;
  }
}

struct Read {
  tile @0 :UInt64;
  from @1 :Rectangle;
}

struct Contents {
  data @0 :Data;
}

# Makes the tile if `row` is 0, and puts whole rows of it.
struct Write {
  tile @0 :UInt64;
  rows @1 :UInt32;
  columns @2 :UInt32;
  row @3 :UInt32;
  data @4 :Data;
  type @5 :UInt16;
}

struct Reduce {
  tile @0 :UInt64;
  what @1 :UInt16;
}

struct Reduction {
  sum @0 :Number;
  least @1 :Float64;
  greatest @2 :Float64;
  squares @3 :Float64;
  nan @4 :Bool;
}

struct Measure {
  tile @0 :UInt64;
}

struct Shape {
  rows @0 :UInt32;
  columns @1 :UInt32;
  type @2 :UInt16;
}

struct Release {
  tiles @0 :List(UInt64);
}
