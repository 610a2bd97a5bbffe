// SPDX-License-Identifier: BSL-1.0
#pragma once

/// @file
/// The C++20 twin: all of `nakh/stackless/` that needs no sockets.
#include <nakh/stackless/generator.hpp>
#include <nakh/stackless/queue.hpp>
#include <nakh/stackless/sleep.hpp>
#include <nakh/stackless/sync.hpp>
#include <nakh/stackless/task.hpp>
#include <nakh/stackless/task_group.hpp>
#include <nakh/stackless/thread.hpp>
#include <nakh/stackless/wait.hpp>
