// SPDX-License-Identifier: BSL-1.0
#pragma once

/// @file
/// Everything but I/O: the headers for sockets, TLS, Asio, child processes, coroutines, inspection and tests are included by name.
#include <nakh/barrier.hpp>
#include <nakh/condition_variable.hpp>
#include <nakh/config.hpp>
#include <nakh/context_var.hpp>
#include <nakh/debug.hpp>
#include <nakh/error.hpp>
#include <nakh/event.hpp>
#include <nakh/exception_group.hpp>
#include <nakh/future.hpp>
#include <nakh/gather.hpp>
#include <nakh/generator.hpp>
#include <nakh/inspect.hpp>
#include <nakh/loop.hpp>
#include <nakh/lowlevel.hpp>
#include <nakh/mutex.hpp>
#include <nakh/outcome.hpp>
#include <nakh/pipeline.hpp>
#include <nakh/queue.hpp>
#include <nakh/run.hpp>
#include <nakh/semaphore.hpp>
#include <nakh/shield.hpp>
#include <nakh/sleep.hpp>
#include <nakh/source_location.hpp>
#include <nakh/task.hpp>
#include <nakh/task_graph.hpp>
#include <nakh/task_group.hpp>
#include <nakh/thread.hpp>
#include <nakh/threadsafe.hpp>
#include <nakh/time.hpp>
#include <nakh/timeout.hpp>
#include <nakh/wait.hpp>
