// Fuzzes what the front-end does with a node's questions for names: as messages
// from the wire, or, so that more of them mean something, as fields. The
// system's resolver is this file's, which takes only what the real one may be
// given, and answers whatever the input says.
#include <capnp/message.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "common/message.h"
#include "hosted/name_lookup.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/fuzz.h"

namespace {

using ebbrt::fuzz::Bytes;
using ebbrt::fuzz::Check;

Bytes* answers;  // what the system's resolver says
int lists;       // that were made and not freed

/// An address of a list, with all that it points to.
struct Entry {
  addrinfo info{};
  sockaddr_storage address{};
  std::string canonical;
};

void AddEntry(addrinfo*& list, Bytes& from) {
  auto* entry = new Entry;
  uint8_t kind = from.Next();
  entry->info.ai_family = kind % 3 == 0   ? AF_INET
                          : kind % 3 == 1 ? AF_INET6
                                          : AF_UNIX;
  entry->info.ai_addr = reinterpret_cast<sockaddr*>(&entry->address);
  entry->info.ai_addrlen = sizeof entry->address;
  auto bytes = from.Take(28);
  std::memcpy(&entry->address, bytes.data(), bytes.size());
  entry->address.ss_family = static_cast<sa_family_t>(entry->info.ai_family);
  if (kind >= 0x80) {
    entry->canonical.assign(bytes.data(), bytes.size());
    entry->info.ai_canonname = entry->canonical.data();
  }
  entry->info.ai_next = list;
  list = &entry->info;
}

template <typename Request, typename Reply, typename Ask>
void Serve(typename Request::Reader in, Ask ask) {
  capnp::MallocMessageBuilder reply;
  auto out = reply.template initRoot<Reply>();
  try {
    ask(in, out);
  } catch (const kj::Exception&) {
    return;  // what a pointer leads to is no text: the call fails
  }
  if constexpr (std::is_same_v<Reply, ebbrt::NameReply>) {
    Check(out.getError() == 0 || out.getAddresses().size() == 0,
          "an error comes without addresses");
    for (auto address : out.getAddresses()) {
      Check(address.size() == 16, "addresses have 16 bytes");
    }
  } else {
    Check(out.getError() == 0 || out.getName().size() == 0,
          "an error comes without a name");
  }
}

void ServeName(ebbrt::NameRequest::Reader in) {
  Serve<ebbrt::NameRequest, ebbrt::NameReply>(in, &ebbrt::hosted::LookUpName);
}
void ServeAddress(ebbrt::AddressRequest::Reader in) {
  Serve<ebbrt::AddressRequest, ebbrt::AddressReply>(
      in, &ebbrt::hosted::LookUpAddress);
}

void ServeFields(Bytes& input) {
  capnp::MallocMessageBuilder request;
  if (input.Next() % 2 == 0) {
    auto in = request.initRoot<ebbrt::NameRequest>();
    std::string name(input.Take(input.Next() % 80));
    std::string service(input.Take(input.Next() % 16));
    in.setName(kj::StringPtr(name.c_str(), name.size()));
    in.setService(kj::StringPtr(service.c_str(), service.size()));
    in.setFamily(input.Next() % 8);
    in.setFlags(input.Next());
    ServeName(in.asReader());
  } else {
    auto in = request.initRoot<ebbrt::AddressRequest>();
    auto bytes = input.Take(input.Next() % 40);
    in.setAddress(
        {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    in.setPort(input.Number<uint16_t>());
    in.setFlags(input.Next());
    ServeAddress(in.asReader());
  }
}

}  // namespace

extern "C" {

int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                addrinfo** list) {
  // Neither is an error that it answers; both end in a zero.
  if (name != nullptr) Check(std::strlen(name) < SIZE_MAX, "a name is a text");
  if (service != nullptr) Check(std::strlen(service) < SIZE_MAX, "so is this");
  Check(hints->ai_family == AF_INET || hints->ai_family == AF_INET6 ||
            hints->ai_family == AF_UNSPEC,
        "no other family is asked for");
  Check((hints->ai_flags &
         ~(AI_CANONNAME | AI_ADDRCONFIG | AI_V4MAPPED | AI_ALL)) == 0,
        "no other flags are passed on");
  uint8_t what = answers->Next();
  if (what % 4 == 3) return EAI_NONAME;
  *list = nullptr;
  for (int left = what % 32; left >= 0; --left) AddEntry(*list, *answers);
  ++lists;
  return 0;
}

void freeaddrinfo(addrinfo* list) {
  --lists;
  while (list != nullptr) {
    auto* entry = reinterpret_cast<Entry*>(list);
    list = list->ai_next;
    delete entry;
  }
}

int getnameinfo(const sockaddr* address, socklen_t size, char* name,
                socklen_t name_size, char* service, socklen_t service_size,
                int) {
  Check(size == (address->sa_family == AF_INET ? sizeof(sockaddr_in)
                                               : sizeof(sockaddr_in6)),
        "an address has its family's size");
  uint8_t what = answers->Next();
  if (what % 4 == 3) return EAI_FAIL;
  auto fill = [](char* to, size_t room) {
    auto text = answers->Take(std::min<size_t>(answers->Next() * 5u, room - 1));
    std::memcpy(to, text.data(), text.size());
    to[text.size()] = '\0';
  };
  fill(name, name_size);
  fill(service, service_size);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 2048) return 0;
  Bytes input(data + 1, size - 1);
  answers = &input;
  if (data[0] % 2 == 0) {
    while (!input.AtEnd()) ServeFields(input);
  } else {
    auto answer_size = std::min<size_t>(data[0], size - 1);
    Bytes rest(data + size - answer_size, answer_size);
    answers = &rest;
    try {
      auto message = ebbrt::RawMessage::FromBytes(
          ebbrt::IOBuf::Copy(ebbrt::fuzz::Text(data + 1, size - 1)));
      if (data[0] % 4 == 1) {
        ServeName(message.As<ebbrt::NameRequest>());
      } else {
        ServeAddress(message.As<ebbrt::AddressRequest>());
      }
    } catch (const kj::Exception&) {
      // No message: the messenger closes the connection.
    }
  }
  Check(lists == 0, "lists are freed");
  return 0;
}

}  // extern "C"
