// ebbrt._core: matrices on back-ends for Python. The package around it
// (python/) is what users see.
#include <pybind11/complex.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "apps/sage-matrix/session.h"
#include "common/message.h"
#include "common/messenger.h"

namespace py = pybind11;

namespace ebbrt::matrix {
namespace {

/// Never destroyed but by stop(): a fork of this process must not end it.
Session* session = nullptr;
pid_t owner = 0;  // the process that has called start()

bool IsFork() { return owner != 0 && getpid() != owner; }

/// The package's function that shows progress: called with the tiles that are
/// done and those that are asked for, and in the end without any.
PyObject* show_progress = nullptr;

/// While a thread of Python waits: lets others run, Ctrl-C interrupt, and the
/// package show how far the tiles are.
class Waiting {
 public:
  Waiting() : before_(Session::Pool().Tiles().done) {}
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  /// After End(), or while an exception is on its way.
  ~Waiting() {
    try {
      End();
    } catch (py::error_already_set& error) {
      py::gil_scoped_acquire python;
      error.discard_as_unraisable("ebbrt's progress");
    }
  }

  /// Shows no progress any more. Throws what Python does, such as Ctrl-C.
  void End() {
    if (!std::exchange(shown_, false)) return;
    py::gil_scoped_acquire python;
    py::reinterpret_borrow<py::object>(show_progress)();
  }

  void operator()() {
    py::gil_scoped_acquire python;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (show_progress == nullptr) return;
    shown_ = true;
    const Progress& tiles = Session::Pool().Tiles();
    const uint64_t done = tiles.done;
    py::reinterpret_borrow<py::object>(show_progress)(done - before_,
                                                      tiles.asked - before_);
  }

 private:
  uint64_t before_;
  bool shown_ = false;
};

/// Threads that wait. The interpreter must not end under them.
unsigned waiters = 0;  // guarded by Python's lock

struct Counted {
  Counted() { ++waiters; }
  ~Counted() { --waiters; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
};

/// Has core 0 do something while Python goes on elsewhere.
template <typename F>
auto OnCore(F f) {
  if (IsFork()) {
    throw std::runtime_error(
        "this process is a fork of the front-end, which has the machines");
  }
  if (session == nullptr) {
    throw std::runtime_error(owner != 0 ? "ebbrt.stop() was called"
                                        : "call ebbrt.start() first");
  }
  Counted inside;  // until Python's lock is taken again
  py::gil_scoped_release others;
  Waiting waiting;
  if constexpr (std::is_void_v<decltype(Session::Wait(f, waiting))>) {
    Session::Wait(std::move(f), waiting);
    waiting.End();
  } else {
    auto value = Session::Wait(std::move(f), waiting);
    waiting.End();
    return value;
  }
}

/// What a Python object holds of an expression, which is core 0's and counts
/// its holders.
class Handle {
 public:
  explicit Handle(Expression::Pointer expression)
      : expression_(std::move(expression)) {}
  Handle(Handle&&) = default;
  ~Handle() {
    if (expression_ == nullptr) return;
    if (session != nullptr && !IsFork()) {
      EventManager::SpawnRemote(
          [dropped = std::move(expression_)] { dropped->RemoveHolder(); }, 0);
    } else {
      // Its core has ended; what it referred to went with that.
      new Expression::Pointer(std::move(expression_));
    }
  }
  const Expression::Pointer& operator*() const { return expression_; }
  const Grid& Shape() const { return expression_->Shape(); }

 private:
  Expression::Pointer expression_;
};

/// What f() makes on core 0.
template <typename F>
Handle Make(F f) {
  return Handle(OnCore([f = std::move(f)]() mutable {
    return Expression::Bounded(f()).Then([](Expression::Pointer made) {
      made->AddHolder();
      return made;
    });
  }));
}

void Start(std::string image, unsigned nodes, size_t memory,
           std::string machine, bool console) {
  if (session != nullptr) {
    throw std::runtime_error("ebbrt.start() was called already");
  }
  if (owner != 0) {
    throw std::runtime_error("a process starts ebbrt once; begin another");
  }
  owner = getpid();
  NodeSpec spec{.image = std::move(image)};
  spec.memory_mib = memory;
  spec.machine = std::move(machine);
  spec.console = console;
  py::gil_scoped_release others;
  session = new Session(WorkerPool::Settings{std::move(spec), nodes});
}

void Stop() {
  if (session == nullptr || IsFork()) return;
  std::unique_ptr<Session> ended(std::exchange(session, nullptr));
  {
    py::gil_scoped_release others;
    ended.reset();
  }
  // They are told within Session's patience.
  while (waiters > 0) {
    py::gil_scoped_release others;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

/// The matrix in `grid` of the elements in a contiguous buffer, row by row.
Handle FromBuffer(const Grid& grid, const py::buffer& elements) {
  const py::buffer_info from = elements.request();
  const size_t size = from.size * from.itemsize;
  if (size != grid.rows * grid.columns * BytesOf(grid.type)) {
    throw ShapeError("an array of another size");
  }
  auto* begin = static_cast<const std::byte*>(from.ptr);
  auto copy =
      std::make_shared<const std::vector<std::byte>>(begin, begin + size);
  return Make(
      [grid, copy] { return Expression::Of(Session::Pool(), grid, copy); });
}

/// The bytes of all elements, row by row.
py::array_t<uint8_t> ToBytes(const Handle& matrix) {
  const Grid grid = matrix.Shape();
  // Core 0 writes to it, also when nobody waits any more.
  using Bytes = std::shared_ptr<std::vector<std::byte>>;
  auto bytes = OnCore([matrix = *matrix, grid]() -> Future<Bytes> {
    auto room = std::make_shared<std::vector<std::byte>>(
        grid.rows * grid.columns * BytesOf(grid.type));
    return matrix->CopyTo(room->data()).Then([room] { return room; });
  });
  auto* kept = new Bytes(std::move(bytes));
  py::capsule owner(kept, [](void* p) { delete static_cast<Bytes*>(p); });
  return py::array_t<uint8_t>(
      (*kept)->size(), reinterpret_cast<uint8_t*>((*kept)->data()), owner);
}

Reduction ReduceAll(const Handle& matrix, Reducing what) {
  return OnCore([matrix = *matrix, what] { return matrix->Reduce(what); });
}

/// RemoteErrors say only in words what they were.
void Translate(std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const ShapeError& shape) {
    PyErr_SetString(PyExc_ValueError, shape.what());
  } catch (const RemoteError& remote) {
    std::string text = remote.what();
    bool memory = text.find(kOutOfMemory) != text.npos ||
                  text.find("bad_alloc") != text.npos ||
                  text.find("Cannot allocate memory") != text.npos;
    PyErr_SetString(memory ? PyExc_MemoryError : PyExc_RuntimeError,
                    text.c_str());
  }
}

}  // namespace
}  // namespace ebbrt::matrix

PYBIND11_MODULE(_core, module) {
  using namespace ebbrt;
  using namespace ebbrt::matrix;
  py::register_exception<MatrixLost>(module, "MatrixLost", PyExc_RuntimeError);
  py::register_exception<NodeLost>(module, "NodeLost", PyExc_ConnectionError);
  py::register_exception<AllocationFailed>(module, "AllocationFailed",
                                           PyExc_RuntimeError);
  py::register_exception_translator(&Translate);

  module.def("start", &Start);
  module.def("stop", &Stop);
  module.def("running", [] { return session != nullptr && !IsFork(); });
  module.def("nodes",
             [] { return OnCore([] { return Session::Pool().Running(); }); });
  module.def("show_progress", [](py::object function) {
    Py_XDECREF(std::exchange(show_progress, function.release().ptr()));
  });

  py::class_<Grid>(module, "Grid")
      .def(py::init([](uint64_t rows, uint64_t columns, uint32_t tile_rows,
                       uint32_t tile_columns, unsigned type) {
        return Grid{rows, columns, tile_rows, tile_columns,
                    static_cast<ElementType>(type)};
      }))
      .def_property_readonly("shape",
                             [](const Grid& grid) {
                               return py::make_tuple(grid.rows, grid.columns);
                             })
      .def_property_readonly("tile",
                             [](const Grid& grid) {
                               return py::make_tuple(grid.tile_rows,
                                                     grid.tile_columns);
                             })
      .def_property_readonly("type", [](const Grid& grid) {
        return static_cast<unsigned>(grid.type);
      });
  module.def("constant", [](const Grid& grid, Number value) {
    return Make(
        [=] { return Expression::Constant(Session::Pool(), grid, value); });
  });
  module.def("identity", [](const Grid& grid) {
    return Make([=] { return Expression::Identity(Session::Pool(), grid); });
  });
  module.def("random", [](const Grid& grid, uint64_t seed) {
    return Make(
        [=] { return Expression::Random(Session::Pool(), grid, seed); });
  });
  module.def("from_buffer", &FromBuffer);

  py::class_<Handle>(module, "Expression")
      .def_property_readonly("grid", [](const Handle& m) { return m.Shape(); })
      .def("apply",
           [](const Handle& m, unsigned function, Number operand) {
             return Make([m = *m, function, operand] {
               return m->Apply(static_cast<Unary>(function), operand);
             });
           })
      .def("convert",
           [](const Handle& m, unsigned type) {
             return Make([m = *m, type] {
               return m->Convert(static_cast<ElementType>(type));
             });
           })
      .def("combine",
           [](const Handle& m, unsigned function, const Handle& right) {
             return Make([m = *m, function, right = *right] {
               return m->Combine(static_cast<Binary>(function), right);
             });
           })
      .def("multiply",
           [](const Handle& m, const Handle& right) {
             return Make(
                 [m = *m, right = *right] { return m->Multiply(right); });
           })
      .def("transpose",
           [](const Handle& m) {
             return Make([m = *m] { return m->Transpose(); });
           })
      .def("part",
           [](const Handle& m, uint64_t row, uint64_t column, uint64_t rows,
              uint64_t columns) {
             return Make(
                 [=, m = *m] { return m->Part(row, column, rows, columns); });
           })
      .def("with_part",
           [](const Handle& m, uint64_t row, uint64_t column,
              const Handle& part) {
             return Make([=, m = *m, part = *part] {
               return m->WithPart(row, column, part);
             });
           })
      .def("in_tiles",
           [](const Handle& m, uint32_t rows, uint32_t columns) {
             return Make([=, m = *m] { return m->InTiles(rows, columns); });
           })
      .def("element",
           [](const Handle& m, uint64_t row, uint64_t column) {
             return OnCore([=, m = *m] { return m->Element(row, column); });
           })
      .def("evaluate",
           [](const Handle& m) { OnCore([m = *m] { return m->Evaluate(); }); })
      .def("sum",
           [](const Handle& m) { return ReduceAll(m, Reducing::kSum).sum; })
      .def("squares",
           [](const Handle& m) {
             return ReduceAll(m, Reducing::kSquares).squares;
           })
      .def("extremes",
           [](const Handle& m) {
             auto all = ReduceAll(m, Reducing::kExtremes);
             return py::make_tuple(all.least, all.greatest, all.nan);
           })
      .def("bytes", &ToBytes);
}
