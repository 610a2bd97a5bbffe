# SPDX-License-Identifier: BSL-1.0
"""Nakh's tasks in gdb 11 or newer, in a live process or a core file.

    nakh tasks                      every unfinished task of every loop: name, state, what it waits for, where it was made
    nakh bt TASK                    its stack
    nakh fiber TASK                 selects its stack: bt, up, frame, info locals then look at that
    nakh fiber none                 back to the threads' own stacks
    nakh fiber apply all COMMAND    a command on the stack of each task that has one: nakh fiber apply all bt
    nakh generate-core-file FILE    as gdb's own, with the stacks of the tasks

A task that waits in a generator has several stacks, the generator's first: `nakh bt` shows all of them, `nakh fiber` selects the first.
TASK is a number of `nakh tasks`, a name, or an id of the list. No debug information of the library is needed, only its symbol
nakh_debugger_view; the program's own is what makes a stack readable. Frame 0 of a parked task's stack is left out: it is where
the thread stands.

gdb's generate-core-file stops reading a mapping at the first page that nobody may touch, and the guards between stacks are
such pages (Linux 6.13 and newer): its core files have no stacks of tasks, those of `nakh generate-core-file` do, and so do the
kernel's.

To load it: `source .../nakh/nakh-gdb.py`, in a session or in ~/.gdbinit. With the shared library installed below /usr gdb loads
it by itself, from /usr/share/gdb/auto-load; elsewhere gdb must be told of the place, by
`add-auto-load-scripts-directory PREFIX/share/gdb/auto-load` and `add-auto-load-safe-path PREFIX/share/gdb/auto-load`.
"""

import struct

import gdb
import gdb.unwinder

VERSION = 4
WORD = 8
# The words of nakh::detail::debugger_view, in order.
MEMBERS = """version first_loop wait_layout saved registers register_count saved_resume saved_size
    loop_next loop_tasks loop_thread loop_current loop_coroutine
    task_link task_routine task_label task_where task_state task_kind task_op task_stack_top task_stack_pointer task_future
    coroutine_kinds coroutine_future
    op_kind kind_what task_side side_below side_stack_top side_caller is_libstdcxx""".split()
# Names that gdb gives to DWARF's numbers of registers.
REGISTERS = {
    "i386:x86-64": {3: "rbx", 6: "rbp", 12: "r12", 13: "r13", 14: "r14", 15: "r15", "sp": "rsp", "pc": "rip"},
    "aarch64": dict({n: f"x{n}" for n in range(19, 30)}, sp="sp", pc="pc"),
}
MOST_TASKS = 10_000_000


def words(address, count):
    return struct.unpack(f"{count}Q", gdb.selected_inferior().read_memory(address, count * WORD).tobytes())


def word(address):
    return words(address, 1)[0]


def number(address, size=4):
    return int.from_bytes(gdb.selected_inferior().read_memory(address, size).tobytes(), "little")


def text(address, length=None):
    """A C string, or `length` bytes."""
    if address == 0:
        return ""
    if length is not None:
        return gdb.selected_inferior().read_memory(address, min(length, 4096)).tobytes().decode("utf-8", "replace")
    found = bytearray()
    while len(found) < 4096:
        byte = gdb.selected_inferior().read_memory(address + len(found), 1).tobytes()
        if byte == b"\0":
            break
        found += byte
    return found.decode("utf-8", "replace")


class View:
    """What the library says about its layout."""

    def __init__(self):
        try:
            place = int(gdb.parse_and_eval("(unsigned long)&nakh_debugger_view"))
        except gdb.error:
            raise gdb.GdbError("This program has no Nakh: the symbol nakh_debugger_view is not there.")
        if not gdb.selected_inferior().threads():
            raise gdb.GdbError("The program has not been started.")
        try:
            version = word(place)
            values = words(place, len(MEMBERS)) if version == VERSION else ()
        except gdb.MemoryError:
            raise gdb.GdbError("The program's memory cannot be read.")
        if version == 0:
            raise gdb.GdbError("The program has only just been started: Nakh is not ready yet.")
        if version != VERSION:
            raise gdb.GdbError(f"This script reads version {VERSION} of Nakh's tables, and the program has {version}.")
        for name, value in zip(MEMBERS, values):
            setattr(self, name, value)
        self.await_kind, self.await_awaited = words(self.wait_layout, 2)

    def saved_registers(self, stack_pointer):
        """What a suspended context goes on with, by gdb's names; None when the library does not know."""
        size = number(self.saved + self.saved_size)
        architecture = gdb.selected_frame().architecture().name()
        names = REGISTERS.get(architecture)
        if size == 0 or names is None:
            return None
        found = {names["sp"]: stack_pointer + size, names["pc"]: word(stack_pointer + number(self.saved + self.saved_resume))}
        for i in range(self.register_count):
            found[names[number(self.registers + 4 * i)]] = word(stack_pointer + number(self.saved + 4 * i))
        return found


class Task:
    def __init__(self, view, loop, address):
        self.view, self.loop, self.address = view, loop, address
        is_coroutine = number(address + view.task_kind, 1) >= view.coroutine_kinds
        self.future = address + (view.coroutine_future if is_coroutine else view.task_future)
        label = word(address + view.task_label)
        if label % 2 == 1:
            self.name = f"Task-{label // 2}"
        elif view.is_libstdcxx:
            self.name = text(word(label), word(label + WORD))
        else:
            self.name = "?"  # a std::string that this does not read
        self.file = text(word(address + view.task_where))
        self.line = number(address + view.task_where + WORD)
        parked = number(address + view.task_state, 1) == 1
        self.stack_top = 0 if is_coroutine else word(address + view.task_stack_top)
        self.op = word(address + view.task_op) if parked else 0
        if parked:
            self.state = "waiting"
        elif address + view.task_routine in (word(loop + view.loop_current), word(loop + view.loop_coroutine)):
            self.state = "running"
        else:
            has_begun = number(address + view.task_kind, 1) != view.coroutine_kinds + 1 if is_coroutine else self.stack_top
            self.state = "ready" if has_begun else "not begun"

    @property
    def made(self):
        return f"{self.file}:{self.line}" if self.line else "?"

    @property
    def stack_pointer(self):
        """Where its registers are saved; 0 when it has no stack or runs."""
        return word(self.address + self.view.task_stack_pointer) if self.stack_top and self.state != "running" else 0

    @property
    def stacks(self):
        """(stack pointer, end) of each stack that its frames lie on: those of the generators that it is in, innermost first, then its own."""
        if not self.stack_pointer:
            return []
        found, pointer, side = [], self.stack_pointer, word(self.address + self.view.task_side)
        while side and len(found) < 10_000:
            found.append((pointer, word(side + self.view.side_stack_top)))
            pointer, side = word(side + self.view.side_caller), word(side + self.view.side_below)
        return found + [(pointer, self.stack_top)]

    def waits_for(self, names):
        if not self.op:
            return ""
        kind = word(self.op + self.view.op_kind)
        what = text(word(kind + self.view.kind_what)) or "?"
        if kind == self.view.await_kind:
            awaited = word(self.op + self.view.await_awaited)
            return f"task '{names[awaited]}'" if awaited in names else f"future {awaited:#x}"
        return what


def all_tasks(view):
    found = []
    loop = word(view.first_loop)
    loops = 0
    while loop and loops < 100_000:
        head = loop + view.loop_tasks
        link = word(head)
        while link != head and link and len(found) < MOST_TASKS:
            found.append(Task(view, loop, link - view.task_link))
            link = word(link)
        loop = word(loop + view.loop_next)
        loops += 1
    return found


def find_task(tasks, wanted):
    named = [t for t in tasks if t.name == wanted or t.name == wanted.strip("'\"")]
    if len(named) > 1:
        raise gdb.GdbError(f"{len(named)} tasks are called '{wanted}'; name it by its number in `nakh tasks`.")
    if named:
        return named[0]
    try:
        place = int(wanted, 0)
    except ValueError:
        raise gdb.GdbError(f"There is no task '{wanted}'; `nakh tasks` lists them.")
    if 1 <= place <= len(tasks):
        return tasks[place - 1]
    for t in tasks:
        if place in (t.address, t.future):
            return t
    raise gdb.GdbError(f"There is no task {wanted}; `nakh tasks` lists them.")


# --- The stack of a parked task as the caller of the frame in which the thread really is ---


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class ParkedUnwinder(gdb.unwinder.Unwinder):
    def __init__(self):
        super().__init__("nakh parked task")
        self.registers = None
        self.thread = None  # whose frames are replaced

    def __call__(self, pending):
        if self.registers is None or pending.level() != 0 or gdb.selected_thread().ptid != self.thread:
            return None
        names = REGISTERS[pending.architecture().name()]
        sp, pc = pending.read_register(names["sp"]), pending.read_register(names["pc"])
        unwound = pending.create_unwind_info(FrameId(sp, pc))
        for name, value in self.registers.items():
            # The register's own type: a pointer in one place and a number in the other.
            unwound.add_saved_register(name, gdb.Value(value).cast(pending.read_register(name).type))
        return unwound


class WithoutFirst:
    """Hides the frame that the parked task's stack hangs below."""

    def __init__(self):
        self.name, self.enabled, self.priority = "nakh parked task", True, 1000
        gdb.current_progspace().frame_filters[self.name] = self

    def filter(self, frames):
        if UNWINDER.registers is None or gdb.selected_thread().ptid != UNWINDER.thread:
            return frames
        return (f for f in frames if f.inferior_frame().level() != 0)


UNWINDER = ParkedUnwinder()


def select(task, stack_pointer=None):
    """Lets gdb see that task's stack, or the one with that stack pointer; None: the thread's own."""
    UNWINDER.registers = None
    gdb.invalidate_cached_frames()
    if task is None:
        gdb.newest_frame().select()
        return
    if task.state == "running":
        raise gdb.GdbError(f"Task '{task.name}' runs: its stack is its thread's (thread {number(task.loop + task.view.loop_thread)}).")
    if not task.stack_pointer:
        raise gdb.GdbError(f"Task '{task.name}' has not begun: it has no stack.")
    registers = task.view.saved_registers(stack_pointer or task.stack_pointer)
    if registers is None:
        raise gdb.GdbError("It is not known where this Boost.Context saves registers.")
    if "nakh parked task" not in gdb.current_progspace().frame_filters:
        WithoutFirst()
    UNWINDER.registers, UNWINDER.thread = registers, gdb.selected_thread().ptid
    gdb.invalidate_cached_frames()
    first = gdb.newest_frame().older()
    if first is None:
        UNWINDER.registers = None
        gdb.invalidate_cached_frames()
        raise gdb.GdbError(f"gdb cannot walk the stack of '{task.name}'.")
    first.select()


def on_stack_of(task, command):
    try:
        for i, (stack_pointer, _) in enumerate(task.stacks or [(None, None)]):
            if i > 0:
                gdb.write("The generator is called from:\n")
            select(task, stack_pointer)
            gdb.execute(command)
    finally:
        select(None)


def forget(_event):
    if UNWINDER.registers is not None:
        UNWINDER.registers = None
        gdb.invalidate_cached_frames()


class Nakh(gdb.Command):
    """The tasks of a program that uses Nakh."""

    def __init__(self):
        super().__init__("nakh", gdb.COMMAND_STACK, prefix=True)


class Tasks(gdb.Command):
    """Lists every unfinished task of every loop."""

    def __init__(self):
        super().__init__("nakh tasks", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        view = View()
        tasks = all_tasks(view)
        names = {t.future: t.name for t in tasks}
        rows = [("", "task", "id", "thread", "state", "waits for", "made at")]
        for i, t in enumerate(tasks, 1):
            thread = number(t.loop + view.loop_thread)
            rows.append((str(i), t.name, f"{t.future:#x}", str(thread or "-"), t.state, t.waits_for(names), t.made))
        widths = [min(40, max(len(r[i]) for r in rows)) for i in range(len(rows[0]))]
        for r in rows:
            gdb.write("  ".join(cell.ljust(width) for cell, width in zip(r, widths)).rstrip() + "\n")


class Backtrace(gdb.Command):
    """Prints the stack of a task: nakh bt TASK."""

    def __init__(self):
        super().__init__("nakh bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        if not argument.strip():
            raise gdb.GdbError("nakh bt TASK: a number, name or id of `nakh tasks`.")
        on_stack_of(find_task(all_tasks(View()), argument.strip()), "bt")


class Fiber(gdb.Command):
    """Selects the stack of a task: nakh fiber TASK; nakh fiber none goes back."""

    def __init__(self):
        super().__init__("nakh fiber", gdb.COMMAND_STACK, prefix=True)

    def invoke(self, argument, from_tty):
        wanted = argument.strip()
        if not wanted:
            raise gdb.GdbError("nakh fiber TASK, nakh fiber none, or nakh fiber apply all COMMAND.")
        if wanted == "none":
            select(None)
        else:
            select(find_task(all_tasks(View()), wanted))
            gdb.execute("frame")


class FiberApply(gdb.Command):
    """Runs a command on the stack of each task that has one: nakh fiber apply all bt."""

    def __init__(self):
        super().__init__("nakh fiber apply", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        which, _, command = argument.strip().partition(" ")
        if which != "all" or not command.strip():
            raise gdb.GdbError("nakh fiber apply all COMMAND")
        for i, t in enumerate(all_tasks(View()), 1):
            gdb.write(f"\nTask {i} '{t.name}' ({t.state}, made at {t.made})\n")
            if t.stack_pointer:
                on_stack_of(t, command)


def write_stacks(path, tasks):
    """Puts the stacks into a core file of this process, where they are missing."""
    with open(path, "r+b") as core:
        header = core.read(64)
        start, size, count = struct.unpack_from("<Q", header, 32)[0], *struct.unpack_from("<HH", header, 54)
        core.seek(start)
        table = core.read(size * count)
        segments = []
        for i in range(count):
            kind, _, offset, address, _, in_file = struct.unpack_from("<IIQQQQ", table, i * size)
            if kind == 1:
                segments.append((address, address + in_file, offset))
        for begin, end in (stack for t in tasks for stack in t.stacks):
            for first, last, offset in segments:
                if begin and first <= begin and end <= last:
                    core.seek(offset + begin - first)
                    core.write(gdb.selected_inferior().read_memory(begin, end - begin).tobytes())


class GenerateCoreFile(gdb.Command):
    """As generate-core-file, with the stacks of the tasks: nakh generate-core-file FILE."""

    def __init__(self):
        super().__init__("nakh generate-core-file", gdb.COMMAND_SUPPORT, gdb.COMPLETE_FILENAME)

    def invoke(self, argument, from_tty):
        path = argument.strip()
        if not path:
            raise gdb.GdbError("nakh generate-core-file FILE")
        select(None)
        tasks = all_tasks(View())
        # It warns of the pages that it cannot read, which are what this is about.
        gdb.execute(f"generate-core-file {path}", to_string=True)
        write_stacks(path, tasks)
        gdb.write(f"Saved corefile {path}\n")


gdb.unwinder.register_unwinder(None, UNWINDER, replace=True)
gdb.events.cont.connect(forget)
for command in (Nakh, Tasks, Backtrace, Fiber, FiberApply, GenerateCoreFile):
    command()
