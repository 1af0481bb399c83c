// Boost.Context, uBLAS and Cap'n Proto's message layer. C++17: uBLAS 1.74 uses
// members of std::allocator that C++20 has not.
#include <capnp/message.h>
#include <capnp/serialize-packed.h>
#include <capnp/serialize.h>
#include <kj/exception.h>
#include <kj/io.h>
#include <kj/mutex.h>

#include <boost/context/detail/fcontext.hpp>
#include <boost/context/fiber.hpp>
#include <boost/numeric/ublas/matrix.hpp>
#include <stdexcept>
#include <string>

#include "smoke.capnp.h"
#include "smoke.h"

namespace context = boost::context;

SMOKE(SavedContext) {
  alignas(16) static char stack[64 * 1024];
  auto entry = [](context::detail::transfer_t transfer) {
    auto value = static_cast<int*>(transfer.data);
    try {
      throw std::runtime_error("inside");
    } catch (const std::runtime_error&) {
      *value += 1;
    }
    context::detail::jump_fcontext(transfer.fctx, value);
  };
  auto made =
      context::detail::make_fcontext(stack + sizeof(stack), sizeof(stack), entry);
  int value = 1;
  auto back = context::detail::jump_fcontext(made, &value);
  return back.data == &value && value == 2;
}

SMOKE(Fiber) {
  int sum = 0;
  context::fiber fiber([&](context::fiber&& caller) {
    for (int i = 0; i < 3; ++i) {
      sum += i;
      caller = std::move(caller).resume();
    }
    return std::move(caller);
  });
  while (fiber) fiber = std::move(fiber).resume();
  return sum == 3;
}

SMOKE(Matrices) {
  using boost::numeric::ublas::matrix;
  matrix<double> a(2, 2), b(2, 2);
  a(0, 0) = 1, a(0, 1) = 2, a(1, 0) = 3, a(1, 1) = 4;
  b = prod(a, a);
  return b(0, 0) == 7 && b(1, 1) == 22;
}

static void Fill(capnp::MessageBuilder& message) {
  auto reading = message.initRoot<Reading>();
  reading.setId(7);
  reading.setName("temperature");
  auto values = reading.initValues(2);
  values.set(0, 1.5);
  values.set(1, -2);
  reading.initNext().setId(8);
}

static bool Filled(Reading::Reader reading) {
  return reading.getId() == 7 && reading.getName() == "temperature" &&
         reading.getValues()[1] == -2 && reading.getNext().getId() == 8;
}

SMOKE(Message) {
  capnp::MallocMessageBuilder message;
  Fill(message);
  auto words = capnp::messageToFlatArray(message);
  capnp::FlatArrayMessageReader reader(words);
  return Filled(reader.getRoot<Reading>());
}

SMOKE(PackedMessage) {
  capnp::MallocMessageBuilder message;
  Fill(message);
  kj::VectorOutputStream output;
  capnp::writePackedMessage(output, message);
  kj::ArrayInputStream input(output.getArray());
  capnp::PackedMessageReader reader(input);
  return Filled(reader.getRoot<Reading>());
}

SMOKE(MalformedMessage) {
  capnp::word words[2] = {};
  memset(words, 0xff, sizeof(words));
  try {
    capnp::FlatArrayMessageReader reader(kj::arrayPtr(words, 2));
    reader.getRoot<Reading>().getName().size();
  } catch (const kj::Exception& e) {
    return std::string(e.getDescription().cStr()).size() > 0;
  }
  return false;
}

SMOKE(GuardedValue) {
  kj::MutexGuarded<int> value(1);
  *value.lockExclusive() += 1;
  return *value.lockShared() == 2;
}
