// SPDX-License-Identifier: BSL-1.0
#pragma once

// Streams, servers, datagrams, names.
#include <nakh/net/connect.hpp>
#include <nakh/net/datagram.hpp>
#include <nakh/net/endpoint.hpp>
#include <nakh/net/server.hpp>
#include <nakh/net/stream.hpp>
