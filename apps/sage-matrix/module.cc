// ebbrt._core: matrices on back-ends for Python. The package around it
// (python/) is what users see.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <string>
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

/// Lets Python's other threads run, and Ctrl-C interrupt.
void CheckSignals() {
  py::gil_scoped_acquire python;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

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
  py::gil_scoped_release others;
  return Session::Wait(std::move(f), &CheckSignals);
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

Grid MakeGrid(uint64_t rows, uint64_t columns, uint32_t tile_rows,
              uint32_t tile_columns) {
  return {rows, columns, tile_rows, tile_columns};
}

void Start(std::string image, unsigned nodes, size_t memory,
           std::string machine) {
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
  py::gil_scoped_release others;
  session = new Session(WorkerPool::Settings{std::move(spec), nodes});
}

void Stop() {
  if (session == nullptr || IsFork()) return;
  py::gil_scoped_release others;
  delete std::exchange(session, nullptr);
}

using Array = py::array_t<double, py::array::c_style | py::array::forcecast>;

Handle FromArray(const Array& array, uint32_t tile_rows,
                 uint32_t tile_columns) {
  if (array.ndim() != 2) {
    throw ShapeError("a matrix has two dimensions, this array has " +
                     std::to_string(array.ndim()));
  }
  const double* begin = array.data();
  auto elements =
      std::make_shared<const std::vector<double>>(begin, begin + array.size());
  Grid grid = MakeGrid(array.shape(0), array.shape(1), tile_rows, tile_columns);
  return Make([grid, elements] {
    return Expression::Of(Session::Pool(), grid, elements);
  });
}

Array ToArray(const Handle& matrix) {
  const Grid grid = matrix.Shape();
  // Core 0 writes to it, also when nobody waits any more.
  using Elements = std::shared_ptr<std::vector<double>>;
  auto elements = OnCore([matrix = *matrix, grid]() -> Future<Elements> {
    auto room = std::make_shared<std::vector<double>>(grid.rows * grid.columns);
    return matrix->CopyTo(room->data()).Then([room] { return room; });
  });
  auto* kept = new Elements(std::move(elements));
  py::capsule owner(kept, [](void* p) { delete static_cast<Elements*>(p); });
  return Array({grid.rows, grid.columns}, (*kept)->data(), owner);
}

py::tuple ReduceAll(const Handle& matrix) {
  auto all = OnCore([matrix = *matrix] { return matrix->Reduce(); });
  return py::make_tuple(all.sum, all.least, all.greatest, all.squares,
                        all.nans);
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
  module.def("constant", [](uint64_t rows, uint64_t columns, uint32_t tile_rows,
                            uint32_t tile_columns, double value) {
    Grid grid = MakeGrid(rows, columns, tile_rows, tile_columns);
    return Make(
        [=] { return Expression::Constant(Session::Pool(), grid, value); });
  });
  module.def("identity", [](uint64_t size, uint32_t tile_rows,
                            uint32_t tile_columns) {
    Grid grid = MakeGrid(size, size, tile_rows, tile_columns);
    return Make([=] { return Expression::Identity(Session::Pool(), grid); });
  });
  module.def("random", [](uint64_t rows, uint64_t columns, uint32_t tile_rows,
                          uint32_t tile_columns, uint64_t seed) {
    Grid grid = MakeGrid(rows, columns, tile_rows, tile_columns);
    return Make(
        [=] { return Expression::Random(Session::Pool(), grid, seed); });
  });
  module.def("from_array", &FromArray);

  py::class_<Handle>(module, "Expression")
      .def_property_readonly("shape",
                             [](const Handle& m) {
                               return py::make_tuple(m.Shape().rows,
                                                     m.Shape().columns);
                             })
      .def_property_readonly("tile",
                             [](const Handle& m) {
                               return py::make_tuple(m.Shape().tile_rows,
                                                     m.Shape().tile_columns);
                             })
      .def("apply",
           [](const Handle& m, unsigned function, double operand) {
             return Make([m = *m, function, operand] {
               return m->Apply(static_cast<Unary>(function), operand);
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
      .def("reduce", &ReduceAll)
      .def("array", &ToArray);
}
