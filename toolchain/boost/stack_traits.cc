// Stack sizes for Boost.Context's own stack allocators. The library OS hands out
// guarded stacks from a pool instead; these serve code written against Boost.
#include <boost/context/stack_traits.hpp>

namespace boost::context {

bool stack_traits::is_unbounded() noexcept { return true; }
std::size_t stack_traits::page_size() noexcept { return 4096; }
std::size_t stack_traits::default_size() noexcept { return 128 * 1024; }
std::size_t stack_traits::minimum_size() noexcept { return 16 * 1024; }
std::size_t stack_traits::maximum_size() noexcept { return 64 * 1024 * 1024; }

}  // namespace boost::context
