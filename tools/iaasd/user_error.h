// The error a user of the daemon can do something about.
#pragma once

#include <stdexcept>

namespace ebbrt::iaas {

// A request that can't be met. Its message names the thing and the remedy and
// goes to the client word for word.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace ebbrt::iaas
