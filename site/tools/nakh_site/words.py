# SPDX-License-Identifier: BSL-1.0
"""The words of generated drawings and step lists, in both languages."""
from __future__ import annotations

from collections.abc import Callable

from .persian import numeral
from .trace import TICKS, Event

WORDS = {
    "en": {
        "title": "Who ran when, and who waited for whom: {example}",
        "at": "Second {time}: ", "axis": "seconds", "ended": ".", "and": " and ", "comma": ", ",
        "turn": "a turn (the number is its place among all turns)", "timer": "waits for a timer", "tasks": "waits for other tasks",
        "line": "stands in line", "ready": "is ready", "wakes": "the end of a task reaches the one that waits for it",
        "passes": "wakes the next in line", "cancels": "cancels it", "cut": "a cancellation ends the wait", "done": "ended", "failed": "ended with an error", "cancelled": "ended by a cancellation",
        "created": ("{by} makes the task {tasks}", "{by} makes the tasks {tasks}"), "created_alone": ("the task {tasks} is made", "the tasks {tasks} are made"),
        "run": "{task} has its turn", "yield": "{task} gives others a turn",
        "wait_sleep": "{task} waits for a timer, until second {until}", "wait_gather": "{task} waits in gather for {tasks}",
        "wait_task": "{task} waits for the end of {tasks}", "wait_line": "{task} stands in line ({what})",
        "wake_timer": "the timer of {task} is due: {task} is ready", "wake_tasks": "all that {task} waited for has ended: {task} is ready",
        "wake_by": "{by} wakes {task}, which is ready now", "wake_end": "that wakes {task}, which is ready now", "wake_other": "{task} is woken and ready",
        "wake_cancel": "the cancellation reaches {task}, which is ready now", "wake_cancel_by": "{by} cancels {task}, which is ready now",
        "end_done": "{task} ends", "end_failed": "{task} ends with an error", "end_cancelled": "{task} ends: cancelled",
        "whose": "Turn of {task}", "loop": "The loop", "task": "Task", "state": "State", "queue": "Ready, in order: {tasks}", "nobody": "Nobody is ready.",
        "state_ready": "ready", "state_running": "runs", "state_waiting": "waits", "state_done": "has ended", "state_failed": "has failed",
        "state_cancelled": "was cancelled", "state_none": "not made yet",
        "previous": "Previous step", "next": "Next step", "first": "First step", "position": "Step {n} of {all}", "controls": "Steps",
    },
    "fa": {
        "title": "چه کسی کِی اجرا شد و چه کسی منتظرِ که ماند: {example}",
        "at": "ثانیهٔ {time}: ", "axis": "ثانیه", "ended": ".", "and": " و ", "comma": "، ",
        "turn": "یک نوبت (شماره، جای آن میان همهٔ نوبت‌هاست)", "timer": "منتظرِ زمان‌سنج", "tasks": "منتظرِ وظیفه‌های دیگر",
        "line": "در صف ایستاده", "ready": "آماده", "wakes": "پایانِ یک وظیفه به کسی می‌رسد که منتظرش است",
        "passes": "نفرِ بعدیِ صف را بیدار می‌کند", "cancels": "لغوش می‌کند", "cut": "لغو، انتظار را می‌بُرد", "done": "تمام شد", "failed": "با خطا تمام شد", "cancelled": "با لغو تمام شد",
        "created": ("{by} وظیفهٔ {tasks} را می‌سازد", "{by} وظیفه‌های {tasks} را می‌سازد"), "created_alone": ("وظیفهٔ {tasks} ساخته می‌شود", "وظیفه‌های {tasks} ساخته می‌شوند"),
        "run": "نوبتِ {task} است", "yield": "{task} نوبت را به دیگران می‌دهد",
        "wait_sleep": "{task} تا ثانیهٔ {until} منتظرِ زمان‌سنج می‌ماند", "wait_gather": "{task} در گردآوری منتظرِ {tasks} می‌ماند",
        "wait_task": "{task} منتظرِ پایانِ {tasks} می‌ماند", "wait_line": "{task} در صف می‌ایستد ({what})",
        "wake_timer": "زمان‌سنجِ {task} سر می‌رسد: {task} آماده است", "wake_tasks": "هرچه {task} منتظرش بود تمام شده است: {task} آماده است",
        "wake_by": "{by} وظیفهٔ {task} را بیدار می‌کند، که حالا آماده است", "wake_end": "این پایان {task} را بیدار می‌کند، که حالا آماده است", "wake_other": "{task} بیدار می‌شود و آماده است",
        "wake_cancel": "لغو به {task} می‌رسد، که حالا آماده است", "wake_cancel_by": "{by} وظیفهٔ {task} را لغو می‌کند، که حالا آماده است",
        "end_done": "{task} تمام می‌شود", "end_failed": "{task} با خطا تمام می‌شود", "end_cancelled": "{task} با لغو تمام می‌شود",
        "whose": "نوبتِ {task}", "loop": "حلقهٔ رویداد", "task": "وظیفه", "state": "وضعیت", "queue": "آماده‌ها، به ترتیب: {tasks}", "nobody": "هیچ‌کس آماده نیست.",
        "state_ready": "آماده", "state_running": "در حالِ اجرا", "state_waiting": "منتظر", "state_done": "تمام شده", "state_failed": "شکست خورده",
        "state_cancelled": "لغو شده", "state_none": "هنوز ساخته نشده",
        "previous": "گامِ قبلی", "next": "گامِ بعدی", "first": "گامِ نخست", "position": "گامِ {n} از {all}", "controls": "گام‌ها",
    },
}
LINES = {  # what stands in line, by the library's word
    "en": {},
    "fa": {"semaphore": "سمافور", "mutex": "قفل", "lock": "قفل", "queue": "صف", "event": "رویداد", "condition variable": "متغیرِ شرط", "barrier": "سد",
           "future": "آینده", "all blocked": "سکون", "thread": "رشته"},
}


def seconds(language: str, time: int) -> str:
    return numeral(language, f"{time / TICKS:g}")


def listed(language: str, names: list[str]) -> str:
    words = WORDS[language]
    return words["comma"].join(names[:-1]) + words["and"] + names[-1] if len(names) > 1 else "".join(names)


def sentences(language: str, events: list[Event], name: Callable[[int], str], waits: dict[int, Event]) -> list[str]:
    """What `events` say, each as half a sentence. `waits` has what each task waits for, and is kept up to date."""
    words, found = WORDS[language], []
    i = 0
    while i < len(events):
        e = events[i]
        task = name(e.task)
        if e.what == "created":
            made = [e.task]
            while i + 1 < len(events) and events[i + 1].what == "created" and events[i + 1].by == e.by:
                i += 1
                made.append(events[i].task)
            form = words["created" if isinstance(e.by, int) else "created_alone"][len(made) > 1]
            found.append(form.format(by=name(e.by) if isinstance(e.by, int) else "", tasks=listed(language, [name(n) for n in made])))
        elif e.what == "wait":
            waits[e.task] = e
            others = listed(language, [name(n) for n in e.tasks])
            if e.until is not None:
                found.append(words["wait_sleep"].format(task=task, until=seconds(language, e.until)))
            elif e.tasks:
                found.append(words["wait_gather" if e.waits_for == "gather" else "wait_task"].format(task=task, tasks=others))
            else:
                found.append(words["wait_line"].format(task=task, what=LINES[language].get(e.waits_for, e.waits_for)))
        elif e.what == "wake":
            found.append(_wake(language, e, task, name, waits.pop(e.task, None)))
        elif e.what in ("run", "yield"):
            found.append(words[e.what].format(task=task))
        else:
            found.append(words[f"end_{e.what}"].format(task=task))
        i += 1
    return found


def _wake(language: str, e: Event, task: str, name: Callable[[int], str], wait: Event | None) -> str:
    words = WORDS[language]
    if isinstance(e.by, int):
        form = "wake_end" if wait is not None and e.by in wait.tasks else "wake_cancel_by" if e.cancelled else "wake_by"
        return words[form].format(task=task, by=name(e.by))
    if e.cancelled:
        return words["wake_cancel"].format(task=task)
    if wait is not None and wait.until is not None:
        return words["wake_timer"].format(task=task)
    if wait is not None and wait.tasks:
        return words["wake_tasks"].format(task=task)
    return words["wake_other"].format(task=task)
