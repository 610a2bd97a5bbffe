// SPDX-License-Identifier: BSL-1.0
#pragma once

/// @file
/// Streams, servers, datagrams, names: all of `nakh/net/`.
#include <nakh/net/connect.hpp>
#include <nakh/net/datagram.hpp>
#include <nakh/net/endpoint.hpp>
#include <nakh/net/server.hpp>
#include <nakh/net/stream.hpp>
