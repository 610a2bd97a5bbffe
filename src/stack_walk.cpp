// SPDX-License-Identifier: BSL-1.0
#include "stack_walk.hpp"

#include "sanitizers.hpp"
#include "scheduler.hpp"

#include <ucontext.h>

#include <algorithm>

#if defined(NAKH_STACK_TRACES)

#include <cxxabi.h>
#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <pthread.h>
#include <unistd.h>
#include <unwind.h>

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

namespace nakh::detail {

namespace {

// Loaded and not linked, so that programs that never dump a stack do not load five libraries at their start.
struct libdw {
#define NAKH_LIBDW(name) decltype(&::name) name = nullptr  // NOLINT(bugprone-macro-parentheses)
  NAKH_LIBDW(dwfl_begin);
  NAKH_LIBDW(dwfl_end);
  NAKH_LIBDW(dwfl_errmsg);
  NAKH_LIBDW(dwfl_linux_proc_find_elf);
  NAKH_LIBDW(dwfl_build_id_find_debuginfo);
  NAKH_LIBDW(dwfl_linux_proc_report);
  NAKH_LIBDW(dwfl_report_end);
  NAKH_LIBDW(dwfl_attach_state);
  NAKH_LIBDW(dwfl_getthread_frames);
  NAKH_LIBDW(dwfl_thread_state_registers);
  NAKH_LIBDW(dwfl_thread_state_register_pc);
  NAKH_LIBDW(dwfl_frame_pc);
  NAKH_LIBDW(dwfl_addrmodule);
  NAKH_LIBDW(dwfl_module_addrname);
  NAKH_LIBDW(dwfl_module_nextcu);
  NAKH_LIBDW(dwfl_module_addrdie);
  NAKH_LIBDW(dwarf_haspc);
  NAKH_LIBDW(dwarf_getsrc_die);
  NAKH_LIBDW(dwarf_lineno);
  NAKH_LIBDW(dwarf_linesrc);
  NAKH_LIBDW(dwarf_getscopes);
  NAKH_LIBDW(dwarf_getscopes_die);
  NAKH_LIBDW(dwarf_getsrcfiles);
  NAKH_LIBDW(dwarf_filesrc);
  NAKH_LIBDW(dwarf_attr);
  NAKH_LIBDW(dwarf_attr_integrate);
  NAKH_LIBDW(dwarf_diename);
  NAKH_LIBDW(dwarf_formstring);
  NAKH_LIBDW(dwarf_formudata);
  NAKH_LIBDW(dwarf_formref_die);
  NAKH_LIBDW(dwarf_tag);
#undef NAKH_LIBDW
  std::string obstacle;

  libdw() {
    void* const library = dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      obstacle = "libdw.so.1 cannot be loaded";
      return;
    }
    const auto load = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
      if (function == nullptr) obstacle = std::string("libdw.so.1 has no ") + name;
    };
#define NAKH_LIBDW(name) load(name, #name)
    NAKH_LIBDW(dwfl_begin);
    NAKH_LIBDW(dwfl_end);
    NAKH_LIBDW(dwfl_errmsg);
    NAKH_LIBDW(dwfl_linux_proc_find_elf);
    NAKH_LIBDW(dwfl_build_id_find_debuginfo);
    NAKH_LIBDW(dwfl_linux_proc_report);
    NAKH_LIBDW(dwfl_report_end);
    NAKH_LIBDW(dwfl_attach_state);
    NAKH_LIBDW(dwfl_getthread_frames);
    NAKH_LIBDW(dwfl_thread_state_registers);
    NAKH_LIBDW(dwfl_thread_state_register_pc);
    NAKH_LIBDW(dwfl_frame_pc);
    NAKH_LIBDW(dwfl_addrmodule);
    NAKH_LIBDW(dwfl_module_addrname);
    NAKH_LIBDW(dwfl_module_nextcu);
    NAKH_LIBDW(dwfl_module_addrdie);
    NAKH_LIBDW(dwarf_haspc);
    NAKH_LIBDW(dwarf_getsrc_die);
    NAKH_LIBDW(dwarf_lineno);
    NAKH_LIBDW(dwarf_linesrc);
    NAKH_LIBDW(dwarf_getscopes);
    NAKH_LIBDW(dwarf_getscopes_die);
    NAKH_LIBDW(dwarf_getsrcfiles);
    NAKH_LIBDW(dwarf_filesrc);
    NAKH_LIBDW(dwarf_attr);
    NAKH_LIBDW(dwarf_attr_integrate);
    NAKH_LIBDW(dwarf_diename);
    NAKH_LIBDW(dwarf_formstring);
    NAKH_LIBDW(dwarf_formudata);
    NAKH_LIBDW(dwarf_formref_die);
    NAKH_LIBDW(dwarf_tag);
#undef NAKH_LIBDW
  }
};

const libdw& library() {
  static const libdw loaded;
  return loaded;
}

std::string demangle(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return status == 0 && text ? std::string(text.get()) : std::string(name);
}

// Where the next pair of parentheses is closed, or the last place.
std::size_t end_of_parentheses(std::string_view text, std::size_t i) {
  int open = 0;
  for (; i < text.size(); ++i) {
    if (text[i] == '(') ++open;
    if (text[i] == ')' && --open == 0) return i;
  }
  return text.size() - 1;
}

// The name alone of a demangled function: without what it returns, its template arguments and its parameters.
std::string_view qualified_name(std::string_view function) {
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i < function.size(); ++i) {
    const char c = function[i];
    if (function.compare(i, 8, "operator") == 0) {
      if (depth == 0) return function.substr(begin);
      i = function.find_first_not_of("<>=-", i + 8) - 1;  // no brackets
    } else if (c == '(' && function.compare(i, 21, "(anonymous namespace)") == 0) {
      i += 20;
    } else if (function.compare(i, 8, "decltype") == 0) {
      i = end_of_parentheses(function, i);
    } else if (c == '<') {
      ++depth;
    } else if (c == '>') {
      --depth;
    } else if (depth == 0 && c == '(') {
      return function.substr(begin, i - begin);
    } else if (depth == 0 && c == ' ') {
      begin = i + 1;
    }
  }
  return function.substr(begin);
}

// Where a callback begins, likewise.
bool begins_callback(const stack_entry& e) {
  const std::string_view name = qualified_name(e.function);
  // The latter when its last step is to jump to the user's function.
  return ((name.starts_with("nakh::detail::call_of<") || name.starts_with("nakh::detail::done_call_of<")) && name.ends_with(">::run")) ||
         name == "nakh::detail::(anonymous namespace)::run_call";
}

bool is_ours(const stack_entry& e) { return qualified_name(e.function).starts_with("nakh::"); }

// Where a task's body begins: it and what is below are the library's.
bool begins_task(const stack_entry& e) {
  const std::string_view name = qualified_name(e.function);
  // The latter when the former's last step is to jump to the user's function.
  return (name.starts_with("nakh::detail::task_block<") && name.ends_with(">::run_body")) ||
         name == "nakh::detail::(anonymous namespace)::run_body";
}

// Where a generator's body does.
bool begins_generator(const stack_entry& e) {
  const std::string_view name = qualified_name(e.function);
  return name.starts_with("nakh::generator<") && name.find(">::run") != std::string_view::npos;
}

// What stands between that and a body with arguments.
bool calls_body(const stack_entry& e) {
  const std::string_view name = qualified_name(e.function);
  return name.starts_with("nakh::detail::bound<") || name.starts_with("std::__invoke") || name.starts_with("std::invoke") ||
         name.starts_with("std::__apply") || name.starts_with("std::apply");
}

constexpr std::size_t most_steps = 256;
using own_stack = std::vector<std::uintptr_t>;

// In the thread that runs the fiber.
own_stack walk_own() {
  own_stack addresses;
  addresses.reserve(most_steps);
  _Unwind_Backtrace(
      [](_Unwind_Context* context, void* self) noexcept {
        auto& found = *static_cast<own_stack*>(self);
        if (found.size() == most_steps) return _URC_END_OF_STACK;
        if (const std::uintptr_t address = _Unwind_GetIP(context)) found.push_back(address - 1);
        return _URC_NO_REASON;
      },
      &addresses);
  return addresses;
}

struct walker {
  const libdw& dw = library();
  Dwfl* session = nullptr;
  // The stack that is walked, all of which may be read.
  const std::byte* from = nullptr;
  const std::byte* to = nullptr;
  const stack_snapshot* snapshot = nullptr;  ///< Where it is read from, when it is no fiber's any more.
  std::vector<std::uintptr_t> addresses;
  std::vector<std::size_t> stacks_begin;  ///< Places in `addresses` where the next stack's begin: of what a generator was called by.
  std::unordered_map<std::uintptr_t, std::vector<stack_entry>> known;

  walker() = default;
  walker(const walker&) = delete;
  walker& operator=(const walker&) = delete;
  ~walker() {
    if (session != nullptr) dw.dwfl_end(session);
  }

  std::string start();
  void collect(const fiber& f);
  void collect(const stack_snapshot& interrupted);
  void add_callers(const fiber& f);
  void walk(const std::byte* stack_pointer, const std::byte* top);
  std::vector<stack_entry> name_all();
  void name_stack(std::span<const std::uintptr_t> of_stack, std::vector<stack_entry>& entries);
  const std::vector<stack_entry>& names_of(std::uintptr_t address);
  std::vector<stack_entry> look_up(std::uintptr_t address) const;
  std::string name_of(Dwarf_Die* function) const;
  Dwarf_Die* unit_of(Dwfl_Module& module, std::uintptr_t address, Dwarf_Addr& bias) const;
  void look_up_in_source(Dwfl_Module& module, std::uintptr_t address, std::vector<stack_entry>& entries) const;

  // --- What libdw asks ---

  __attribute__((no_sanitize("address", "thread"))) static bool read(Dwfl*, Dwarf_Addr address, Dwarf_Word* result, void* self) {
    const auto& s = *static_cast<walker*>(self);
    // A register that holds something else than the unwind tables say leads anywhere, to the last bytes of memory too.
    const auto begin = reinterpret_cast<std::uintptr_t>(s.from);
    const auto end = reinterpret_cast<std::uintptr_t>(s.to);
    if (address < begin || address > end || end - address < sizeof *result) return false;
    const auto* const place = reinterpret_cast<const std::byte*>(address);  // NOLINT(performance-no-int-to-ptr)
    if (s.snapshot != nullptr) {
      std::memcpy(result, reinterpret_cast<const std::byte*>(s.snapshot->words.get()) + (place - s.from), sizeof *result);
      return true;
    }
    // Not by memcpy, which the address sanitizer watches: frames have places that nobody may touch.
    *result = *reinterpret_cast<const volatile Dwarf_Word*>(place);
    return true;
  }
  static pid_t next_thread(Dwfl*, void*, void**) { return 0; }
  static bool get_thread(Dwfl*, pid_t, void* self, void** thread) {
    *thread = self;
    return true;
  }
  static bool set_registers(Dwfl_Thread* thread, void* self) {
    const auto& s = *static_cast<walker*>(self);
    if (s.snapshot != nullptr) {
      const stack_snapshot& own = *s.snapshot;
      if (!s.dw.dwfl_thread_state_registers(thread, 0, stack_snapshot::register_count, own.registers.data())) return false;
      s.dw.dwfl_thread_state_register_pc(thread, own.resume);
      return true;
    }
    const saved_frame& frame = saved_frame::layout();
    const auto word = [&s](std::int32_t place) {
      Dwarf_Word w = 0;
      std::memcpy(&w, s.from + place, sizeof w);
      return w;
    };
    for (std::size_t i = 0; i < saved_frame::registers.size(); ++i) {
      const Dwarf_Word value = word(frame.places[i]);
      if (!s.dw.dwfl_thread_state_registers(thread, saved_frame::registers[i], 1, &value)) return false;
    }
    const auto stack_pointer = static_cast<Dwarf_Word>(reinterpret_cast<std::uintptr_t>(s.from + frame.size));
    if (!s.dw.dwfl_thread_state_registers(thread, saved_frame::stack_register, 1, &stack_pointer)) return false;
    s.dw.dwfl_thread_state_register_pc(thread, word(frame.resume));
    return true;
  }
  static constexpr Dwfl_Thread_Callbacks thread_callbacks = {&next_thread, &get_thread, &read, &set_registers, nullptr, nullptr};

  static int add_frame(Dwfl_Frame* frame, void* self) noexcept {
    auto& s = *static_cast<walker*>(self);
    Dwarf_Addr address = 0;
    bool is_exact = false;
    if (!s.dw.dwfl_frame_pc(frame, &address, &is_exact) || s.addresses.size() == most_steps) return DWARF_CB_ABORT;
    s.addresses.push_back(is_exact ? address : address - 1);
    return DWARF_CB_OK;
  }
};

std::string walker::start() {
  if (!dw.obstacle.empty()) return dw.obstacle;
  if (saved_frame::layout().size == 0) return "it is not known where this Boost.Context saves registers";
  static char* debug_path = nullptr;  // the usual places
  static const Dwfl_Callbacks callbacks = {dw.dwfl_linux_proc_find_elf, dw.dwfl_build_id_find_debuginfo, nullptr, &debug_path};
  session = dw.dwfl_begin(&callbacks);
  if (session == nullptr || dw.dwfl_linux_proc_report(session, getpid()) != 0 || dw.dwfl_report_end(session, nullptr, nullptr) != 0 ||
      !dw.dwfl_attach_state(session, nullptr, getpid(), &thread_callbacks, this)) {
    const char* const why = dw.dwfl_errmsg(-1);
    return std::string("libdw cannot read this process: ") + (why != nullptr ? why : "unknown error");
  }
  addresses.reserve(most_steps);
  return "";
}

const std::byte* top_of(const fiber& f, const side_stack* side) noexcept { return side != nullptr ? side->memory.top : f.stack_top; }

void walker::collect(const fiber& f) {
  addresses.clear();
  walk(f.ctx.stack_pointer(), top_of(f, f.side));
  add_callers(f);
}

// When it is in a generator: the stacks that wait for that.
void walker::add_callers(const fiber& f) {
  stacks_begin.clear();
  for (const side_stack* side = f.side; side != nullptr; side = side->below) {
    stacks_begin.push_back(addresses.size());
    walk(side->caller.stack_pointer(), top_of(f, side->below));
  }
}

void walker::walk(const std::byte* stack_pointer, const std::byte* top) {
  from = stack_pointer;
  to = top;
  dw.dwfl_getthread_frames(session, 1, &add_frame, this);  // its end is no clean one: nothing is below the first frame
}

void walker::collect(const stack_snapshot& interrupted) {
  addresses.clear();
  snapshot = &interrupted;
  from = interrupted.begin;
  to = from + interrupted.size;
  dw.dwfl_getthread_frames(session, 1, &add_frame, this);  // which ends where the copy does
  snapshot = nullptr;
}

// For an exported function its linkage name; for another one its own, with those of what it is declared in.
std::string walker::name_of(Dwarf_Die* function) const {
  Dwarf_Attribute attribute;
  if (dw.dwarf_attr_integrate(function, DW_AT_linkage_name, &attribute) != nullptr) {
    if (const char* const name = dw.dwarf_formstring(&attribute)) return demangle(name);
  }
  Dwarf_Die declaration = *function;
  for (const unsigned int way : {DW_AT_abstract_origin, DW_AT_specification}) {
    Dwarf_Die next;
    if (dw.dwarf_attr(&declaration, way, &attribute) != nullptr && dw.dwarf_formref_die(&attribute, &next) != nullptr) declaration = next;
  }
  Dwarf_Die* found = nullptr;
  const int count = dw.dwarf_getscopes_die(&declaration, &found);
  if (count <= 0) return "";
  const std::unique_ptr<Dwarf_Die, decltype(&std::free)> scopes(found, &std::free);
  std::string text;
  for (int i = count; i-- > 0;) {
    Dwarf_Die* const scope = scopes.get() + i;
    const int tag = dw.dwarf_tag(scope);
    if (tag == DW_TAG_subprogram && i > 0) {
      text = name_of(scope);  // which knows better in what that one is
      continue;
    }
    const bool is_class = tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
    if (!is_class && tag != DW_TAG_namespace && tag != DW_TAG_subprogram) continue;
    if (!text.empty()) text += "::";
    if (const char* const name = dw.dwarf_diename(scope)) {
      text += name;
    } else {
      text += tag == DW_TAG_namespace ? "(anonymous namespace)" : "{lambda}";
    }
  }
  return text;
}

// The compilation unit; null when it is not known. Clang writes no list of addresses for that, so units are asked one by one.
Dwarf_Die* walker::unit_of(Dwfl_Module& module, std::uintptr_t address, Dwarf_Addr& bias) const {
  if (Dwarf_Die* const listed = dw.dwfl_module_addrdie(&module, address, &bias)) return listed;
  Dwarf_Die* unit = dw.dwfl_module_nextcu(&module, nullptr, &bias);
  while (unit != nullptr && dw.dwarf_haspc(unit, address - bias) <= 0) unit = dw.dwfl_module_nextcu(&module, unit, &bias);
  return unit;
}

// File and line, and what was inlined there too, innermost first, as the compiler has noted it.
void walker::look_up_in_source(Dwfl_Module& module, std::uintptr_t address, std::vector<stack_entry>& entries) const {
  Dwarf_Addr bias = 0;
  Dwarf_Die* const unit = unit_of(module, address, bias);
  if (unit == nullptr) return;
  if (Dwarf_Line* const line = dw.dwarf_getsrc_die(unit, address - bias)) {
    dw.dwarf_lineno(line, &entries.front().line);
    const char* const file = dw.dwarf_linesrc(line, nullptr, nullptr);
    if (file != nullptr) entries.front().file = file;
  }
  Dwarf_Die* found = nullptr;
  const int innermost_count = dw.dwarf_getscopes(unit, address - bias, &found);
  if (innermost_count <= 0) return;
  const std::unique_ptr<Dwarf_Die, decltype(&std::free)> innermost(found, &std::free);
  // The first list follows an inlined function to where it was written; the second, to where it was inlined.
  found = nullptr;
  const int count = dw.dwarf_getscopes_die(innermost.get(), &found);
  if (count <= 0) return;
  const std::unique_ptr<Dwarf_Die, decltype(&std::free)> scopes(found, &std::free);
  for (int i = 0; i < count; ++i) {
    Dwarf_Die* const scope = scopes.get() + i;
    const int tag = dw.dwarf_tag(scope);
    if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram) continue;
    if (tag == DW_TAG_subprogram) {
      const char* const symbol = dw.dwfl_module_addrname(&module, address);
      entries.back().function = symbol != nullptr ? demangle(symbol) : name_of(scope);
      return;
    }
    entries.back().function = name_of(scope);
    Dwarf_Attribute attribute;
    stack_entry caller{.address = address};
    Dwarf_Word number = 0;
    Dwarf_Files* files = nullptr;
    std::size_t file_count = 0;
    if (dw.dwarf_formudata(dw.dwarf_attr(scope, DW_AT_call_line, &attribute), &number) == 0) caller.line = static_cast<int>(number);
    if (dw.dwarf_formudata(dw.dwarf_attr(scope, DW_AT_call_file, &attribute), &number) == 0 &&
        dw.dwarf_getsrcfiles(unit, &files, &file_count) == 0 && number < file_count) {
      const char* const file = dw.dwarf_filesrc(files, number, nullptr, nullptr);
      if (file != nullptr) caller.file = file;
    }
    entries.push_back(std::move(caller));
  }
}

std::vector<stack_entry> walker::look_up(std::uintptr_t address) const {
  std::vector<stack_entry> entries{{.address = address}};
  Dwfl_Module* const module = dw.dwfl_addrmodule(session, address);
  if (module == nullptr) return entries;
  look_up_in_source(*module, address, entries);
  if (entries.back().function.empty()) {
    if (const char* const name = dw.dwfl_module_addrname(module, address)) entries.back().function = demangle(name);
  }
  return entries;
}

const std::vector<stack_entry>& walker::names_of(std::uintptr_t address) {
  const auto seen = known.find(address);
  if (seen != known.end()) return seen->second;
  return known.emplace(address, look_up(address)).first->second;
}

std::vector<stack_entry> walker::name_all() {
  std::vector<stack_entry> entries;
  std::size_t begin = 0;  // in `addresses`
  for (std::size_t stack = 0; stack <= stacks_begin.size(); ++stack) {
    const std::size_t end = stack < stacks_begin.size() ? stacks_begin[stack] : addresses.size();
    name_stack(std::span(addresses).subspan(begin, end - begin), entries);
    begin = end;
  }
  return entries;
}

void walker::name_stack(std::span<const std::uintptr_t> of_stack, std::vector<stack_entry>& entries) {
  const std::size_t before = entries.size();
  for (const std::uintptr_t address : of_stack) {
    for (const stack_entry& e : names_of(address)) {
      if (begins_task(e) || begins_generator(e) || begins_callback(e)) {
        while (entries.size() > before && calls_body(entries.back())) entries.pop_back();
        if (entries.size() == before) entries.push_back(e);  // the body has become a part of it
        return;
      }
      if (entries.size() == before && is_ours(e)) continue;
      entries.push_back(e);
    }
  }
}

// Runs `f` in a thread of its own, which takes no signals.
template <class F>
void run_apart(F&& f) {
  sigset_t all;
  sigset_t present;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &present);
  struct unblock {
    const sigset_t& mask;
    ~unblock() { pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
  } const at_end{present};
  std::exception_ptr error;
  std::thread([&] {
    try {
      f();
    } catch (...) {
      error = std::current_exception();
    }
  }).join();
  if (error) std::rethrow_exception(error);
}

// Has a walker do `f`. Returns why it cannot.
template <class F>
std::string with_walker(F&& f) {
  std::string obstacle;
  try {
    run_apart([&] {
      walker w;
      obstacle = w.start();
      if (obstacle.empty()) f(w);
    });
  } catch (const std::system_error& e) {
    return std::string("no thread can be made to read them in: ") + e.what();
  }
  return obstacle;
}

}  // namespace

std::string walk_stacks(std::span<const stack_request> requests) {
  // Of those on the present stack: with a coroutine there that it has started at once, the fiber does not run.
  const fiber* current = nullptr;
  if (this_scheduler != nullptr) current = this_scheduler->stack_owner();
  own_stack own;
  for (const stack_request& r : requests) {
    if (r.of == current) own = walk_own();
  }
  return with_walker([&](walker& w) {
    for (const stack_request& r : requests) {
      if (r.of->stack_top == nullptr || r.of->state == routine_state::finished) continue;
      if (r.of == current) {
        w.addresses = own;
        w.add_callers(*r.of);
      } else {
        w.collect(*r.of);
      }
      *r.to = w.name_all();
    }
  });
}

std::string walk_snapshot(const stack_snapshot& snapshot, std::vector<stack_entry>& to) {
  return with_walker([&](walker& w) {
    w.collect(snapshot);
    to = w.name_all();
  });
}

}  // namespace nakh::detail

#else

namespace nakh::detail {

std::string walk_stacks(std::span<const stack_request> /*requests*/) {
  return "this Nakh was built without libdw; install libdw-dev and build it again";
}

std::string walk_snapshot(const stack_snapshot& /*snapshot*/, std::vector<stack_entry>& /*to*/) { return walk_stacks({}); }

}  // namespace nakh::detail

#endif

// --- In a signal handler ---

namespace nakh::detail {

stack_snapshot::stack_snapshot() : words(std::make_unique<std::uint64_t[]>(most_words)) {}

const std::byte* stack_snapshot::stack_pointer(const void* machine) noexcept {
  [[maybe_unused]] const auto& machine_registers = static_cast<const ucontext_t*>(machine)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<const std::byte*>(machine_registers.gregs[REG_RSP]);  // NOLINT(performance-no-int-to-ptr)
#elif defined(__aarch64__)
  return reinterpret_cast<const std::byte*>(machine_registers.sp);  // NOLINT(performance-no-int-to-ptr)
#else
  return nullptr;
#endif
}

// Not by memcpy, which the sanitizers watch: frames have places that nobody may touch.
__attribute__((no_sanitize("address", "thread"))) void stack_snapshot::take(const void* machine, const std::byte* end) noexcept {
  [[maybe_unused]] const auto& machine_registers = static_cast<const ucontext_t*>(machine)->uc_mcontext;
#if defined(__x86_64__)
  // The last one is what the unwind rule of a procedure linkage table asks for.
  constexpr std::array<int, register_count> places = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
                                                      REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
  for (std::size_t i = 0; i < register_count; ++i) registers[i] = static_cast<std::uint64_t>(machine_registers.gregs[places[i]]);
  resume = static_cast<std::uint64_t>(machine_registers.gregs[REG_RIP]);
#elif defined(__aarch64__)
  for (std::size_t i = 0; i + 1 < register_count; ++i) registers[i] = machine_registers.regs[i];
  registers[register_count - 1] = machine_registers.sp;
  resume = machine_registers.pc;
#else
  return;
#endif
  constexpr std::size_t word = sizeof(std::uint64_t);
  const std::byte* const sp = stack_pointer(machine);
  begin = sp + (word - reinterpret_cast<std::uintptr_t>(sp) % word) % word;
  // Between a function's last two instructions the register that it has just taken from the stack is still said to be there, below
  // the stack's end. The handler has left that much alone, and the page is there.
  constexpr std::size_t red_zone = 128;
  begin -= std::min(red_zone, reinterpret_cast<std::uintptr_t>(begin) % 4096);
  if (begin >= end) return;
  const std::size_t count = std::min(static_cast<std::size_t>(end - begin) / word, most_words);
  const auto* const from = reinterpret_cast<const volatile std::uint64_t*>(begin);
  for (std::size_t i = 0; i < count; ++i) words[i] = from[i];
  size = count * word;
}

}  // namespace nakh::detail
