// SPDX-License-Identifier: BSL-1.0
#include <nakh/net/datagram.hpp>

#include <nakh/asio.hpp>
#include <nakh/error.hpp>

#include <sys/socket.h>

#include <boost/asio/basic_datagram_socket.hpp>
#include <utility>

#include "sockets.hpp"

namespace nakh::net {

namespace asio = boost::asio;
using boost::system::error_code;

struct datagram_socket::state {
  using protocol = asio::generic::datagram_protocol;
  explicit state(const asio::io_context::executor_type& e) : socket(e) {}
  asio::basic_datagram_socket<protocol, asio::io_context::executor_type> socket;
};

namespace {

using theirs = asio::generic::datagram_protocol::endpoint;
constexpr std::size_t longest_message = 65'535;

}  // namespace

datagram_socket::datagram_socket(const endpoint& local, const std::optional<endpoint>& remote)
    : state_(std::make_unique<state>(get_executor())) {
  error_code error;
  auto& s = state_->socket;
  s.open({detail::family_of(local), 0}, error);  // NOLINT(bugprone-unused-return-value)
  detail::throw_if(error, "no socket for datagrams at " + local.to_string());
  s.bind(detail::to_asio<theirs>(local), error);  // NOLINT(bugprone-unused-return-value)
  detail::throw_if(error, "no socket for datagrams at " + local.to_string());
  if (!remote) return;
  s.connect(detail::to_asio<theirs>(*remote), error);  // NOLINT(bugprone-unused-return-value)
  detail::throw_if(error, "cannot send datagrams to " + remote->to_string());
}
datagram_socket::datagram_socket(datagram_socket&& other) noexcept = default;
datagram_socket& datagram_socket::operator=(datagram_socket&& other) noexcept = default;
datagram_socket::~datagram_socket() = default;

datagram_socket::state& datagram_socket::open() const {
  if (!state_) throw usage_error("nakh: this socket is none: it was moved from");
  return *state_;
}

void datagram_socket::send_to(std::string_view message, const endpoint& to) {
  open().socket.async_send_to(asio::buffer(message), detail::to_asio<theirs>(to), use_fiber);
}
void datagram_socket::send(std::string_view message) { open().socket.async_send(asio::buffer(message), use_fiber); }

std::string datagram_socket::receive(endpoint* from) {
  // First room for most, on the stack's side of a copy: a message's length is known when it is here.
  std::string message(longest_message, '\0');
  message.resize(receive(std::span(message), from));
  message.shrink_to_fit();
  return message;
}

std::size_t datagram_socket::receive(std::span<char> room, endpoint* from) {
  theirs sender;
  const std::size_t size = open().socket.async_receive_from(asio::buffer(room.data(), room.size()), sender, use_fiber);
  if (from != nullptr) *from = detail::from_asio(sender);
  return size;
}

void datagram_socket::close() noexcept {
  if (!state_) return;
  error_code ignored;
  state_->socket.close(ignored);  // NOLINT(bugprone-unused-return-value)
}

endpoint datagram_socket::local() const { return detail::from_asio(open().socket.local_endpoint()); }
int datagram_socket::native_handle() const noexcept { return state_ && state_->socket.is_open() ? state_->socket.native_handle() : -1; }

}  // namespace nakh::net
