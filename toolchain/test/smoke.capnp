@0xd1c4a27be0f3a951;
# A message of the toolchain's smoke test.

struct Reading {
  id @0 :UInt32;
  name @1 :Text;
  values @2 :List(Float64);
  next @3 :Reading;
}
