// SPDX-License-Identifier: BSL-1.0
#include <nakh/context_var.hpp>

namespace nakh {

context copy_context() {
  return context(detail::ref<detail::variable_box>::adopt(
      new detail::variable_box(detail::ref<detail::variable_map>::share(detail::current_variables().map()))));
}

}  // namespace nakh
