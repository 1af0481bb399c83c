@0xc3a7f1d94b6e8025;
# What travels between a node and the front-end's FileSystem (file_system.h).

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ebbrt");

enum FileOperation {
  open @0;             # path, flags, mode -> file, status
  close @1;            # file
  read @2;             # file, offset, size -> data
  write @3;            # file, offset, data -> size; appending: offset after it
  status @4;           # path -> status; of a symbolic link itself if noFollow
  statusOfFile @5;     # file -> status
  readDirectory @6;    # file, offset (0, or an entry's next) -> entries
  makeDirectory @7;    # path, mode
  removeDirectory @8;  # path
  rename @9;           # path -> other
  unlink @10;          # path
  link @11;            # path -> other
  makeSymlink @12;     # path, other: what it holds
  readSymlink @13;     # path -> text
  realPath @14;        # path -> text
  truncate @15;        # file, size
  sync @16;            # file
  setMode @17;         # path, mode
  setTimes @18;        # path, accessed, modified; of a link itself if noFollow
  writeStream @19;     # offset: 1 or 2, data
  readStream @20;      # size -> data
  streamStatus @21;    # offset: 0, 1 or 2 -> stream
  setTerminalMode @22; # offset: 0, 1 or 2, mode: TerminalMode
  catchSignal @23;     # offset: Linux's number, flags: 1 catch, 0 don't
  nextSignal @24;      # -> offset
  watch @25;           # path -> file: the watch
  nextChange @26;      # file -> text: name, change, lost
  unwatch @27;         # file
  access @28;          # path, mode
  setOwner @29;        # path, uid, gid; of a link itself if noFollow
  setModeOfFile @30;   # file, mode
  setTimesOfFile @31;  # file, accessed, modified
  setOwnerOfFile @32;  # file, uid, gid
  systemStatus @33;    # path -> system
  makeTemporaryDirectory @34;  # path: a pattern -> text
  makeTemporaryFile @35;       # path: a pattern -> file, status, text
  tellExitCode @36;    # offset: the code
}

struct FileRequest {
  operation @0 :FileOperation;
  file @1 :UInt32;
  path @2 :Text;
  other @3 :Text;
  flags @4 :UInt32;
  mode @5 :UInt32;
  offset @6 :UInt64;
  size @7 :UInt64;
  data @8 :Data;
  accessed @9 :Int64;
  modified @10 :Int64;
  uid @11 :UInt32;
  gid @12 :UInt32;
}

struct FileAttributes {
  device @0 :UInt64;
  inode @1 :UInt64;
  mode @2 :UInt32;
  links @3 :UInt32;
  size @4 :UInt64;
  blocks @5 :UInt64;     # of 512 bytes
  accessed @6 :Int64;    # nanoseconds since 1970
  modified @7 :Int64;
  changed @8 :Int64;
  uid @9 :UInt32;
  gid @10 :UInt32;
  born @11 :Int64;       # 0: not known
  rdev @12 :UInt64;
  blockSize @13 :UInt32;
}

struct StreamAttributes {
  mode @0 :UInt32;
  terminal @1 :Bool;
  columns @2 :UInt32;
  rows @3 :UInt32;
}

struct SystemAttributes {
  type @0 :UInt64;
  blockSize @1 :UInt64;  # bytes; the next three are in blocks
  blocks @2 :UInt64;
  free @3 :UInt64;
  available @4 :UInt64;
  files @5 :UInt64;
  freeFiles @6 :UInt64;
}

struct DirectoryEntry {
  name @0 :Text;
  inode @1 :UInt64;
  type @2 :UInt8;        # as d_type of struct dirent
  next @3 :UInt64;
}

struct FileReply {
  error @0 :UInt32;      # Linux's errno; 0: done, and the rest is filled in
  file @1 :UInt32;
  size @2 :UInt64;
  offset @3 :UInt64;
  data @4 :Data;
  text @5 :Text;
  status @6 :FileAttributes;
  entries @7 :List(DirectoryEntry);
  stream @8 :StreamAttributes;
  system @9 :SystemAttributes;
  change @10 :UInt32;    # FileChange::Kind
  lost @11 :Bool;
}
